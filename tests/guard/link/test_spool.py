"""What the service does not have survives the process, once, and never stops anything."""

import fcntl
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from costmon.domain.spend import GuardReport
from costmon.guard.link import spool as spools
from costmon.guard.link.link import Link
from costmon.guard.link.parcel import spend_row
from costmon.guard.link.spool import Spool
from costmon.guard.link.wire import encode_report
from costmon.testing import FakeClock
from tests.guard.link.service import Service, running
from tests.guard.link.source import NOW, SOON, FakeSource, row

A, B, C = ("a" * 32, "b" * 32, "c" * 32)
ROOT = Path(__file__).parents[3]


def body(guard=A, count=1):
    rows = tuple(spend_row(row(f"key:k{n}")) for n in range(count))
    return encode_report(
        GuardReport(guard, "s", 7, "app", "host", 1, NOW, "USD", rows, (), (), (), (), ())
    )


@pytest.fixture
def made():
    spools = []

    def make(folder, guard):
        spools.append(Spool(folder, guard))
        return spools[-1]

    yield make
    for each in spools:
        each.close()


def test_the_next_guard_adopts_what_a_dead_one_left_and_only_one_does(tmp_path, made):
    dead = made(tmp_path, A)
    dead.keep(body())
    dead.close()

    first, second = made(tmp_path, B), made(tmp_path, C)
    leftover = first.adopt()

    assert leftover.report.guard == A
    assert leftover.report.rows == (spend_row(row("key:k0")),)
    assert second.adopt() is None

    leftover.discard()
    assert second.adopt() is None
    assert {path.name for path in tmp_path.iterdir()} == {f"{B}.lock", f"{C}.lock"}


def test_a_leftover_that_was_not_confirmed_is_there_for_the_next(tmp_path, made):
    dead = made(tmp_path, A)
    dead.keep(body())
    dead.close()

    made(tmp_path, B).adopt().leave()

    leftover = made(tmp_path, C).adopt()
    assert leftover.report.guard == A
    leftover.discard()


def test_what_a_living_guard_keeps_is_never_taken(tmp_path, made):
    made(tmp_path, A).keep(body())

    assert made(tmp_path, B).adopt() is None
    assert (tmp_path / f"{A}.report.json").exists()


def test_the_file_and_a_new_folder_are_for_their_owner_alone(tmp_path, made):
    folder = tmp_path / "new" / "spool"
    made(folder, A).keep(body())

    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_file_is_replaced_whole_and_leaves_no_other(tmp_path, made):
    spool = made(tmp_path, A)
    spool.keep(body(count=50))
    spool.keep(body(count=1))

    assert len(json.loads((tmp_path / f"{A}.report.json").read_bytes())["rows"]) == 1
    assert len(list(tmp_path.iterdir())) == 2

    spool.clear()
    spool.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\x00" * 100, body()[:-40], b'{"rows":1}'])
def test_a_damaged_file_is_set_aside_and_said(tmp_path, made, caplog, content):
    (tmp_path / f"{A}.report.json").write_bytes(content)
    spool = made(tmp_path, B)

    assert spool.adopt() is None
    assert spool.adopt() is None

    assert spool.bad == 1
    assert (tmp_path / f"{A}.report.bad").read_bytes() == content
    assert caplog.text.count("damaged") == 1


def test_other_files_links_and_pipes_in_the_folder_are_left_alone(tmp_path, made):
    (tmp_path / "notes.report.json").write_bytes(body())
    secret = tmp_path / "secret"
    secret.write_bytes(body(C))
    (tmp_path / f"{C}.report.json").symlink_to(secret)
    os.mkfifo(tmp_path / f"{A}.report.json")
    spool = made(tmp_path, B)

    assert spool.adopt() is None
    assert secret.exists()
    assert (tmp_path / "notes.report.json").exists()


def test_a_full_disk_is_survived_counted_and_said_once(tmp_path, made, caplog):
    spool = made(tmp_path, A)
    spool.keep(body())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        kept = [spool.keep(body(count=500)) for _ in range(3)]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert kept == [False] * 3
    assert spool.failures == 3
    assert caplog.text.count("could not be written") == 1
    assert (tmp_path / f"{A}.report.json").read_bytes() == body()
    assert not list(tmp_path.glob("*.tmp"))
    assert spool.keep(body(count=500))


def test_a_spool_has_a_bound(tmp_path, made, monkeypatch):
    monkeypatch.setattr(spools, "FOLDER_BYTES", 10_000)
    (tmp_path / "something.bad").write_bytes(b"x" * 9_900)
    spool = made(tmp_path, A)

    assert not spool.keep(body())
    assert spool.failures == 1


@pytest.mark.parametrize("where", ["file/spool", "/proc/nowhere"])
def test_a_folder_that_cannot_be_is_survived_counted_and_said(tmp_path, made, caplog, where):
    (tmp_path / "file").touch()

    spool = made(tmp_path / where, A)

    assert not spool.keep(body())
    assert spool.adopt() is None
    assert spool.failures == 1
    assert "could not be used" in caplog.text


def test_locks_of_dead_guards_that_left_nothing_are_swept(tmp_path, made):
    (tmp_path / f"{A}.lock").touch()
    (tmp_path / f"{C}.tmp").touch()

    made(tmp_path, B).adopt()

    assert [path.name for path in tmp_path.iterdir()] == [f"{B}.lock"]


def test_what_could_not_be_reported_at_the_end_is_reported_by_the_next_guard(tmp_path):
    source = FakeSource()
    source.spend(row("key:a"), row("key:b"))
    source.notice("80 %")
    first = Link(source, "http://127.0.0.1:1", clock=FakeClock(NOW), pace=SOON, spool=tmp_path)
    first.touch()
    source.wait_for(lambda: source.told)
    first.close(2.0)
    assert len(list(tmp_path.glob("*.report.json"))) == 1

    service, other = Service(), FakeSource("store-2")
    with running(service) as url:
        second = Link(other, url, clock=FakeClock(NOW), pace=SOON, spool=tmp_path)
        second.touch()
        service.wait_for(lambda: len(service.rows()) == 2)
        _until(lambda: not list(tmp_path.glob("*.report.json")))
        adopted = second.numbers().adopted
        second.close(2.0)

    assert adopted == 1
    reports = [report for report in service.reports if report.rows]
    assert {(report.guard, report.store) for report in reports} == {(first.guard, "store-1")}
    assert [notice.text for report in service.reports for notice in report.notices] == ["80 %"]
    assert not list(tmp_path.iterdir())


def test_a_guard_with_everything_confirmed_leaves_no_file(tmp_path):
    service, source = Service(), FakeSource()
    source.spend(row())
    with running(service) as url:
        link = Link(source, url, clock=FakeClock(NOW), pace=SOON, spool=tmp_path)
        link.touch()
        service.wait_for(service.rows)
        link.close(3.0)

    assert not list(tmp_path.iterdir())


PROGRAM = """
    import sys, time
    sys.path.insert(0, sys.argv[1])
    from costmon.guard.link.link import Link
    from costmon.testing import FakeClock
    from tests.guard.link.source import NOW, SOON, FakeSource, row

    source = FakeSource("store-of-the-dead")
    source.spend(*(row(f"key:k{n}") for n in range(300)))
    link = Link(source, sys.argv[2], clock=FakeClock(NOW), pace=SOON, spool=sys.argv[3])
    link.touch()
    print(link.guard, flush=True)
    time.sleep(60)
"""


def test_a_process_killed_before_its_rows_were_confirmed_loses_none(tmp_path):
    service = Service()
    service.confirms = False
    with running(service) as url:
        with subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PROGRAM), str(ROOT), url, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            try:
                guard = process.stdout.readline().strip()
                service.wait_for(lambda: len(service.rows()) == 300, 15)
                _until(lambda: list(tmp_path.glob("*.report.json")))
            finally:
                process.send_signal(signal.SIGKILL)
        taken = {report.sequence for report in service.reports}
        with service.news:
            service.reports.clear()  # it lost them before they were in its database
            service.confirms = True

        source = FakeSource()
        link = Link(source, url, clock=FakeClock(NOW), pace=SOON, spool=tmp_path)
        link.touch()
        service.wait_for(lambda: len(service.rows()) == 300)
        _until(lambda: not list(tmp_path.glob("*.report.json")))
        link.close(2.0)

    again = [report for report in service.reports if report.rows]
    assert {report.guard for report in again} == {guard}
    assert min(report.sequence for report in again) > max(taken)


def test_an_unused_lock_that_is_swept_away_under_its_owner_is_made_again(tmp_path, made):
    spool = made(tmp_path, A)
    lock = os.open(tmp_path / f"{A}.lock", os.O_RDWR)

    with pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(lock)
    assert spool.keep(body())


def _until(happened, timeout_s=8.0):
    until_s = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < until_s, "it did not happen"
        time.sleep(0.01)
