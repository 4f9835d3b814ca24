import datetime as dt
import errno
import os
import subprocess
import sys
import threading

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from costmon.domain.poll import Observation
from costmon.domain.resource import Balance, Gap, Inventory, NotPriced
from costmon.domain.totals import Totals
from costmon.errors import StoreUnavailableError
from costmon.store import Journal
from costmon.testing import samples
from costmon.testing.clock import START

SMALL = 4096 + 2 * 4096
"""The smallest file: two halves of 4096 bytes."""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


def drain(journal):
    ids = []
    while (observation := journal.first()) is not None:
        ids.append(observation.report.cycle_id)
        journal.drop_first(observation.report.cycle_id)
    return ids


def stuffed(cycles, minutes, account="digitalocean", cycle_id=None, size=1000):
    """Return an observation of about `size` bytes that do not compress."""
    filling = os.urandom(size // 2).hex()
    return cycles.good(
        minutes, samples.resource("1", name=filling), account=account, cycle_id=cycle_id
    )


def test_observations_come_out_in_order_and_only_once(path, cycles):
    with Journal(path, 1_000_000) as journal:
        for minute in range(5):
            journal.append(cycles.good(minute))

        assert len(journal) == 5
        assert drain(journal) == [f"cycle-{n}" for n in range(1, 6)]
        assert journal.first() is None
        assert len(journal) == 0


def test_what_was_appended_is_there_after_reopening(path, cycles):
    with Journal(path, 1_000_000) as journal:
        for minute in range(4):
            journal.append(cycles.good(minute))
        journal.drop_first("cycle-1")

    with Journal(path, 1_000_000) as journal:
        assert drain(journal) == ["cycle-2", "cycle-3", "cycle-4"]
    with Journal(path, 1_000_000) as journal:
        assert len(journal) == 0
        journal.append(cycles.good(9))
        assert drain(journal) == ["cycle-5"]


def test_looking_at_the_first_does_not_take_it(path, cycles):
    with Journal(path, 1_000_000) as journal:
        journal.append(cycles.good(0))

        assert journal.first() == journal.first() is not None


def test_another_cycle_than_the_first_is_not_dropped(path, cycles):
    with Journal(path, 1_000_000) as journal:
        journal.append(cycles.good(0))
        journal.append(cycles.good(1))

        journal.drop_first("cycle-2")

        assert drain(journal) == ["cycle-1", "cycle-2"]


def test_dropping_from_an_empty_journal_is_no_error(path):
    with Journal(path, 1_000_000) as journal:
        journal.drop_first("cycle-1")

        assert len(journal) == 0


TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
MOMENTS = st.datetimes(timezones=st.just(dt.UTC)).map(lambda moment: moment.replace(fold=0))
AMOUNTS = st.decimals(allow_nan=False, allow_infinity=False)
RESOURCES = st.builds(
    samples.resource,
    TEXT,
    name=TEXT,
    monthly=st.none() | AMOUNTS,
    region=st.none() | TEXT,
    created_at=st.none() | MOMENTS,
    unpriced=st.none() | TEXT,
    details=st.lists(st.tuples(TEXT, TEXT), max_size=2).map(tuple),
)
OBSERVATIONS = st.builds(
    Observation,
    report=st.builds(samples.report, TEXT, duration_s=st.floats(allow_nan=False)),
    inventory=st.none()
    | st.builds(
        Inventory,
        account=TEXT,
        provider=TEXT,
        observed_at=MOMENTS,
        resources=st.lists(RESOURCES, max_size=2).map(tuple),
        gaps=st.lists(st.builds(Gap, kind=TEXT, reason=TEXT), max_size=1).map(tuple),
        not_priced=st.lists(st.builds(NotPriced, kind=TEXT, reason=TEXT), max_size=1).map(tuple),
        balance=st.none()
        | st.builds(Balance, month_to_date_usage=AMOUNTS, currency=TEXT, generated_at=MOMENTS),
    ),
    failure=st.none() | st.builds(samples.failure, message=TEXT, failed_at=MOMENTS),
    totals=st.none()
    | st.builds(
        Totals,
        currency=TEXT,
        monthly=AMOUNTS,
        daily=AMOUNTS,
        hourly=AMOUNTS,
        kinds=st.lists(st.tuples(TEXT, st.integers(0, 10**6)), max_size=2).map(tuple),
        resource_count=st.integers(0, 10**6),
        unpriced_count=st.integers(0, 10**6),
    ),
)


def test_what_an_older_version_left_is_read(path, monkeypatch):
    observation = Observation(
        report=samples.report(), inventory=None, failure=samples.failure(), totals=None
    )
    older = msgspec.to_builtins(observation) | {
        "totals": {
            "currency": "USD",
            "monthly": "12",
            "daily": "0.4",
            "hourly": "0.02",
            "droplet_count": 1,
            "resource_count": 1,
            "unpriced_count": 0,
        }
    }
    with Journal(path, 1_000_000) as journal:
        monkeypatch.setattr("costmon.store.journal.msgspec.to_builtins", lambda _: older)
        journal.append(observation)

        back = journal.first()

    assert back is not None
    assert back.totals is not None
    assert back.totals.monthly == 12
    assert back.totals.kinds == ()


@given(observation=OBSERVATIONS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=40,
    deadline=None,
)
def test_an_observation_comes_back_exactly(tmp_path, observation):
    with Journal(tmp_path / "journal", 1_000_000) as journal:
        journal.append(observation)
        back = journal.first()
        journal.drop_first(observation.report.cycle_id)

    assert back == observation
    assert repr(back) == repr(observation), "equal decimals may still differ in their digits"


def test_the_file_is_private_and_takes_its_room_at_once(path, cycles):
    with Journal(path, 1_000_000) as journal:
        before = path.stat()
        journal.append(stuffed(cycles, 0, size=100_000))
        after = path.stat()

    assert before.st_mode & 0o777 == 0o600
    assert before.st_blocks * 512 >= 990_000
    assert (after.st_size, after.st_blocks) == (before.st_size, before.st_blocks)


def test_no_room_for_the_journal_is_said_at_the_start(path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(StoreUnavailableError, match=r"No space left on device.*free 64 MB"):
        Journal(path, 63_000_000)


def test_when_full_the_newest_of_each_account_stays_and_the_rest_is_counted(path, cycles):
    with Journal(path, SMALL) as journal, capture_logs() as logs:
        journal.append(stuffed(cycles, 0, "quiet", "quiet-1", size=2200))
        for number in range(1, 4):
            journal.append(stuffed(cycles, number, "busy", f"busy-{number}", size=2200))

        assert journal.dropped == 2
        assert drain(journal) == ["quiet-1", "busy-3"]
    assert [log["event"] for log in logs] == ["store.journal_full"] * 2
    assert (logs[-1]["dropped_total"], logs[-1]["kept"], logs[-1]["log_level"]) == (2, 2, "error")


def test_the_count_of_what_was_dropped_survives(path, cycles):
    with Journal(path, SMALL) as journal:
        for number in range(10):
            journal.append(stuffed(cycles, number))
        dropped = journal.dropped
        waiting = len(journal)

    with Journal(path, SMALL) as journal:
        assert dropped > 0
        assert journal.dropped == dropped == 10 - waiting


def test_room_of_what_was_taken_out_is_used_again_without_dropping(path, cycles):
    with Journal(path, SMALL) as journal:
        for number in range(50):
            journal.append(stuffed(cycles, number, cycle_id=f"c-{number}"))
            if number:
                journal.drop_first(f"c-{number - 1}")

        assert journal.dropped == 0
        assert drain(journal) == ["c-49"]


def test_accounts_that_do_not_fit_together_lose_the_oldest(path, cycles):
    with Journal(path, SMALL) as journal:
        for number in range(6):
            journal.append(stuffed(cycles, number, f"account-{number}", f"c-{number}"))

        kept = drain(journal)

    assert kept == [f"c-{n}" for n in range(6 - len(kept), 6)]
    assert 2 <= len(kept) < 6


def test_an_observation_larger_than_the_journal_is_counted_and_harms_nobody(path, cycles):
    with Journal(path, SMALL) as journal, capture_logs() as logs:
        journal.append(cycles.good(0))
        journal.append(stuffed(cycles, 1, size=50_000))

        assert journal.dropped == 1
        assert drain(journal) == ["cycle-1"]
    assert [log["event"] for log in logs] == ["store.journal_observation_too_large"]


def test_a_journal_that_waits_keeps_its_size_and_an_empty_one_takes_the_new(path, cycles):
    with Journal(path, SMALL) as journal:
        journal.append(cycles.good(0))
    with Journal(path, 1_000_000) as journal:
        assert drain(journal) == ["cycle-1"]
        assert path.stat().st_size == SMALL
    with Journal(path, 1_000_000) as journal:
        assert path.stat().st_size == 1_000_000
        journal.append(stuffed(cycles, 1, size=100_000))
        assert len(journal) == 1
    with Journal(path, SMALL) as journal:
        assert len(journal) == 1


def test_a_file_of_something_else_is_said_and_used(path, cycles):
    path.write_bytes(os.urandom(20_000))

    with capture_logs() as logs, Journal(path, SMALL) as journal:
        journal.append(cycles.good(0))
        assert drain(journal) == ["cycle-1"]
    assert [log["event"] for log in logs] == ["store.journal_unreadable"]


def test_a_torn_record_is_set_aside_counted_and_told(path, cycles):
    with Journal(path, 1_000_000) as journal:
        journal.append(cycles.good(0))
        end = 4096 + journal._spool._end
        journal.append(cycles.good(1))
    with path.open("r+b") as file:
        file.seek(end + 40)
        file.write(bytes(20))

    with capture_logs() as logs, Journal(path, 1_000_000) as journal:
        assert [log["event"] for log in logs] == ["store.journal_record_set_aside"]
        assert journal.unreadable == 1
        journal.append(cycles.good(2))
        assert drain(journal) == ["cycle-1", "cycle-3"]


@pytest.fixture(scope="module")
def well_used(tmp_path_factory):
    """The bytes of a journal that was moved, drained and filled, and what waits in it."""
    path = tmp_path_factory.mktemp("journal") / "journal"

    def observation(number):
        return Observation(
            report=samples.report(f"c-{number}"),
            inventory=samples.inventory(
                [samples.resource("1", name=os.urandom(250).hex())], observed_at=START
            ),
            failure=None,
            totals=None,
        )

    with Journal(path, SMALL) as journal:
        for number in range(9):
            journal.append(observation(number))
            if number % 3 == 2:
                journal.drop_first(f"c-{number - 2}")
        spool = journal._spool
        ends = [spool._where(spool._head.half, entry.end) for entry in spool.entries]
    content = path.read_bytes()
    with Journal(path, SMALL) as journal:
        return content, drain(journal), ends


@given(cut=st.integers(0, SMALL))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
def test_a_file_cut_anywhere_gives_a_prefix_and_goes_on(well_used, tmp_path, cut, cycles):
    content, waiting, ends = well_used
    path = tmp_path / "journal"
    path.write_bytes(content[:cut])

    with capture_logs(), Journal(path, SMALL) as journal:
        left = len(journal)
        journal.append(cycles.failed(0))
        found = drain(journal)

    assert found[:-1] == waiting[:left]
    if cut >= 1024:
        assert left == sum(end <= cut for end in ends)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from("abc"), st.integers(10, 3000)),
        st.tuples(st.just("append"), st.sampled_from("abc"), st.integers(10, 300)),
        st.tuples(st.just("take")),
        st.tuples(st.just("reopen")),
    ),
    max_size=40,
)


@given(steps=STEPS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None
)
def test_whatever_is_done_what_waits_is_a_suffix_of_each_account(steps, tmp_path, cycles):
    path = tmp_path / "journal"
    path.unlink(missing_ok=True)
    waiting: list[tuple[str, str]] = []
    appended = taken = 0
    with capture_logs():
        journal = Journal(path, SMALL)
        try:
            for step in steps:
                match step:
                    case ("append", account, size):
                        appended += 1
                        cycle_id = f"c-{appended}"
                        journal.append(stuffed(cycles, 0, account, cycle_id, size))
                        waiting.append((account, cycle_id))
                    case ("take",):
                        first = journal.first()
                        assert (first is None) == (len(journal) == 0)
                        if first is not None:
                            taken += 1
                            journal.drop_first(first.report.cycle_id)
                            waiting.remove((first.report.account, first.report.cycle_id))
                    case _:
                        journal.close()
                        journal = Journal(path, SMALL)
                assert appended == taken + journal.dropped + len(journal)
            left = drain(journal)
        finally:
            journal.close()

    order = [cycle_id for _, cycle_id in waiting]
    assert left == [cycle_id for cycle_id in order if cycle_id in left]
    for account in "abc":
        ids = [cycle_id for name, cycle_id in waiting if name == account]
        kept = [cycle_id for cycle_id in ids if cycle_id in left]
        assert kept == ids[len(ids) - len(kept) :]


def test_many_threads_append_while_one_takes(path, cycles):
    taken = []
    observations = [[stuffed(cycles, 0, size=100) for _ in range(25)] for _ in range(4)]
    with Journal(path, 1_000_000) as journal:

        def append_all(mine):
            for observation in mine:
                journal.append(observation)

        threads = [threading.Thread(target=append_all, args=(mine,)) for mine in observations]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            taken += drain(journal)
        for thread in threads:
            thread.join()
        taken += drain(journal)

    assert len(taken) == 100
    for mine in observations:
        ids = [it.report.cycle_id for it in mine]
        assert [it for it in taken if it in set(ids)] == ids


WRITER = """
import sys
from pathlib import Path
from costmon.domain.poll import Observation
from costmon.store import Journal
from costmon.testing import samples

journal = Journal(Path(sys.argv[1]), 40_000)
for number in range(100_000):
    names = "".join(chr(33 + (number * 7 + i * i) % 90) for i in range(900))
    inventory = samples.inventory([samples.resource("1", name=names)])
    report = samples.report(f"c-{number}")
    journal.append(Observation(report=report, inventory=inventory, failure=None, totals=None))
    print(number, flush=True)
    if number % 3 == 2:
        journal.drop_first(journal.first().report.cycle_id)
        print("dropped", flush=True)
"""


@pytest.mark.process
@pytest.mark.parametrize("lines", [1, 7, 250])
def test_what_was_acknowledged_survives_kill_9(path, lines):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    said = [writer.stdout.readline().strip() for _ in range(lines)]
    writer.kill()
    said += writer.stdout.read().split("\n")
    writer.wait(10)
    writer.stdout.close()
    acknowledged = [int(line) for line in said if line.isdigit()]
    drops = said.count("dropped")

    with Journal(path, 40_000) as journal:
        given_up = journal.dropped
        found = [int(it.removeprefix("c-")) for it in drain(journal)]

    # The last step may have happened without being said.
    assert found == list(range(found[0], found[-1] + 1))
    assert found[-1] in {acknowledged[-1], acknowledged[-1] + 1}
    if given_up == 0:
        assert found[0] in {drops, drops + 1}
