"""The persister: each cycle once, whatever the database does."""

import threading
from collections import deque

from costmon.actors.child import ChildSpec
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.domain.poll import Observation
from costmon.errors import StoreUnavailableError
from costmon.messages import CostsCalculated
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, SharedPublished
from tests.roles.tree import PATIENCE_S, SOON, running
from tests.roles.values import NO_CHANGES, calculated


class Journal:
    """A journal in memory, with the contract of the real one."""

    def __init__(self):
        self.waiting: deque[Observation] = deque()
        self.lock = threading.Lock()

    def append(self, observation):
        with self.lock:
            self.waiting.append(observation)

    def first(self):
        with self.lock:
            return self.waiting[0] if self.waiting else None

    def drop_first(self, cycle_id):
        with self.lock:
            if self.waiting and self.waiting[0].report.cycle_id == cycle_id:
                self.waiting.popleft()

    def __len__(self):
        return len(self.waiting)


class Database:
    """Writes to memory, or is away, or kills the actor at a chosen point."""

    def __init__(self):
        self.rows = []
        self.away = False
        self.crash_before = set()
        self.crash_after = set()
        self.changed = threading.Condition()
        self.fault: Published[str | None] = Published(None)

    def claim(self):
        if self.away:
            raise StoreUnavailableError("the database is away")
        return self

    def record(self, observation):
        cycle_id = observation.report.cycle_id
        if self.away:
            raise StoreUnavailableError("the database is away")
        if cycle_id in self.crash_before:
            self.crash_before.discard(cycle_id)
            raise RuntimeError("before the commit")
        with self.changed:
            known = cycle_id in self.rows
            if not known:
                self.rows.append(cycle_id)
            self.changed.notify_all()
        if cycle_id in self.crash_after:
            self.crash_after.discard(cycle_id)
            raise RuntimeError("after the commit")
        return not known

    def prune(self, now):
        pass

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.rows) >= count, PATIENCE_S), self.rows


def persister(database, journal):
    plan = PersisterPlan(
        claim=database.claim,
        journal=journal,
        changes=NO_CHANGES,
        fault=database.fault,
        confirmed=Published({}),
        guard_state=SharedPublished(EMPTY),
    )
    return ChildSpec(
        name="persister",
        build=lambda incarnation: Persister(incarnation, plan),
        core=True,
        policy=SOON,
    )


def test_cycles_are_written_in_order():
    database, journal = Database(), Journal()

    with running([persister(database, journal)]) as system:
        for number in range(5):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        database.wait_for(5)

    assert database.rows == ["c0", "c1", "c2", "c3", "c4"]
    assert len(journal) == 0


def test_a_crash_before_or_after_the_commit_loses_nothing_and_doubles_nothing():
    database, journal = Database(), Journal()
    database.crash_before = {"c1"}
    database.crash_after = {"c3"}

    with running([persister(database, journal)]) as system:
        for number in range(6):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        database.wait_for(6)

    assert database.rows == [f"c{number}" for number in range(6)]


def test_while_the_database_is_away_cycles_wait_in_order_and_are_written_when_it_returns():
    database, journal = Database(), Journal()
    database.away = True

    with running([persister(database, journal)]) as system:
        for number in range(3):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        until = threading.Event()
        while len(journal) < 3:
            assert not until.wait(0.005)
        assert database.rows == []
        assert database.fault.read() == "the database is away"
        database.away = False
        database.wait_for(3)

    assert database.fault.read() is None

    assert database.rows == ["c0", "c1", "c2"]


def test_an_outage_is_no_crash():
    database, journal = Database(), Journal()
    database.away = True

    with running([persister(database, journal)]) as system:
        system.addresses["persister"].tell(calculated("c0"))
        until = threading.Event()
        while len(journal) < 1:
            assert not until.wait(0.005)
        children = {child.name: child for child in ask_children(system)}

    assert children["persister"].restarts == 0


def test_what_waited_from_an_earlier_process_is_written_first():
    database, journal = Database(), Journal()
    journal.append(calculated("old").observation)

    with running([persister(database, journal)]) as system:
        system.addresses["persister"].tell(calculated("new", minutes=5))
        database.wait_for(2)

    assert database.rows == ["old", "new"]
    assert isinstance(calculated("x"), CostsCalculated)


def ask_children(system):
    from costmon.messages import GetChildren

    return system.supervisor.ask(GetChildren(), PATIENCE_S)
