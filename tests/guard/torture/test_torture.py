"""A hundredth of the campaign on every store or less; the whole of it is `make soak`.

The kill of a process and the order of threads are left to the machine, the rest is the seed's.
"""

import random
import re
import time
from contextlib import ExitStack

import pytest

from costmon.guard.stores import sqlite
from tests.guard.torture import campaign, checker, course, places, witness
from tests.guard.torture.campaign import Plan
from tests.guard.torture.shared import PinnedClock, Shared, start_moved_s

pytestmark = pytest.mark.process
OPERATIONS = 6_000
START_S = 1_800_001_800.0


@pytest.mark.timeout(240)  # ten seconds each; a busy machine has taken more than sixty
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.postgres if kind == "postgresql" else ())
        for kind in places.KINDS
    ],
)
def test_nothing_is_granted_above_a_limit_and_nothing_is_lost(kind, tmp_path):
    seed = 20261129
    plan = Plan(OPERATIONS, processes=8, threads=2, kills=2, move_every_s=0.1)
    if kind == "memory":
        plan = Plan(OPERATIONS, processes=0, threads=16, kills=0, move_every_s=0.02)
    elif kind == "postgresql":
        # Each new window has to be looked up by every chain: fewer of them take half the time.
        plan = plan._replace(operations=OPERATIONS // 3, move_every_s=1.0)
    elif kind == "redis":
        plan = plan._replace(operations=OPERATIONS // 2)
    with ExitStack() as stack:
        try:
            url = stack.enter_context(places.opened(kind, tmp_path, f"costmon_torture_{seed}"))
        except places.Missing as missing:
            pytest.skip(f"no {kind}: {missing}")
        report = campaign.run(url, plan, tmp_path / "campaign", seed)

    assert not report.faults, report
    assert report.figures["operations"] >= plan.operations * 0.99
    assert report.figures["leases granted"] > plan.operations / 20
    assert report.figures["refused: budget"] > 0
    assert report.figures["leases granted to second programs"] > 0
    assert report.figures["windows reset"] > 0
    assert report.figures["leases lost, charged at their estimate"] > 0


@pytest.fixture
def told(tmp_path):
    """A small campaign in memory, and a way of looking at it again with its testimony altered."""
    folder = tmp_path
    logs = folder / "logs"
    logs.mkdir(parents=True)
    (folder / "pool").touch()
    shared = Shared(folder / "shared")
    shared.move(start_moved_s())
    clock = PinnedClock(shared)
    guard = course.open_guard("memory://", clock, random.Random(7))
    course.prepare(guard)
    plan = Plan(4000, processes=0, threads=4, kills=0, move_every_s=1)
    assert campaign.in_threads(guard, clock, shared, plan, folder, 7) == []
    clock.pin()
    for note in guard.leases(1000):
        guard.lease(note.id).renew(0.001)

    def again(alter=lambda text: text):
        for path in logs.glob("*.log"):
            path.write_text(alter(path.read_text()))
        return checker.check(witness.Testimony().read(logs), guard, clock)

    yield again
    guard.close()
    shared.close()


def test_the_witness_knows_that_a_program_may_tidy_while_the_clock_is_ahead(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_TIDY_S", 0.0)
    shared = Shared(tmp_path / "shared")
    clock = PinnedClock(shared)
    clock.pin_at(START_S)
    (tmp_path / "logs").mkdir()
    log = witness.Witness(tmp_path / "logs" / "w0-0.log")
    with course.open_guard(f"sqlite:///{tmp_path}/guard.db", clock, random.Random(1)) as guard:

        def spend(wall_s):
            clock.pin_at(wall_s)
            log.before("r", 1, 200_000_000, repr(wall_s), "-", 0)
            lease = guard.reserve(course.CHAINS[1], "0.2", ttl=60, activity="w0")
            log.after("G", lease.id)
            log.before("s", lease.id, 200_000_000, 0)
            lease.settle("0.2")
            log.after("S")

        spend(START_S)
        log.before("w", START_S + 1000 - time.monotonic())
        clock.pin_at(START_S + 1000)
        guard.sweep()
        spend(START_S + 1)
        log.close()
        report = checker.check(witness.Testimony().read(tmp_path / "logs"), guard, clock)
    shared.close()

    assert report.faults == []
    assert report.figures["  passed by: clock set back by more than a window"] > 0


def test_the_witness_agrees_when_nothing_was_altered(told):
    assert told().faults == []


def test_the_witness_notices_a_cost_that_was_counted_otherwise(told):
    def alter(text):
        return re.sub(r"(?m)^(s \d+ \d+ \S+) (\d{7,}) ", r"\1 1234567 ", text, count=1)

    faults = told(alter).faults

    assert any("sum of events" in fault or "nothing explains" in fault for fault in faults)


def test_the_witness_notices_a_lease_that_was_never_charged(told):
    """As when a store forgets what a killed holder had."""
    asked = r"r \d+ \d+ \d+ \d+ \S+ - \d+\nG \d+ \d+ \S+\n"

    def alter(text):
        found = re.search(rf"(?m)^{asked}", text)
        return text if found is None else text[: found.start()] + found[0] * 2 + text[found.end() :]

    assert told(alter).faults != []


def test_the_witness_notices_money_granted_above_a_limit(told, monkeypatch):
    """The same events under a limit that was a hundredth: what was granted is far above it."""
    limits = {name: limit // 100 for name, limit in course.LIMITS.items()}
    monkeypatch.setattr(course, "PROGRAMS", (limits, *course.PROGRAMS[1:]))

    faults = told().faults

    assert any(fault.startswith("money granted above the limit") for fault in faults)


def test_the_witness_notices_money_granted_above_a_limit_of_a_second_program(told, monkeypatch):
    others = [{name: limit // 100 for name, limit in one.items()} for one in course.PROGRAMS[1:]]
    monkeypatch.setattr(course, "PROGRAMS", (course.LIMITS, *others))

    faults = told().faults

    assert any(fault.startswith("money granted above the limit") for fault in faults)


def test_the_witness_notices_money_granted_above_a_limit_that_was_set_meanwhile(told):
    change = "c 0 0 limit account:a|day 1\nC 0 0 \n"

    faults = told(lambda text: change + text).faults

    assert any(fault.startswith("money granted above the limit") for fault in faults)


def test_the_witness_notices_a_reset_that_did_more_than_it_was_asked_for(told):
    def alter(text):
        asked = re.sub(r"(?m)^z (\d+ \d+) .*$", r"o \1 ", text)
        return re.sub(r"(?m)^Z (\d+ \d+) $", r"O \1 ", asked)

    faults = told(alter).faults

    assert any(fault.startswith("figures that differ") for fault in faults)


def test_the_witness_notices_a_reset_that_did_nothing(told):
    def alter(text):
        return re.sub(r"(?m)^z (\d+ \d+) \S+ \S+ (\S+)$", r"z \1 account:a month \2", text)

    faults = told(alter).faults

    assert any(fault.startswith("figures that differ") for fault in faults)
