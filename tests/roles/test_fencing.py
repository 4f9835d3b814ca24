"""A hung persister is replaced, and what it does when it wakes up reaches nothing."""

import sqlite3
import threading
from contextlib import closing

import pytest

from costmon.actors.child import ChildSpec
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.actors.waiting_charges import WaitingCharges
from costmon.bootstrap.history import Writers
from costmon.clock import SystemClock
from costmon.messages import GetChildren
from costmon.state.charges import nothing_known
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published, SharedPublished
from costmon.store import Journal, Retention, open_store
from costmon.store.migrate import upgrade
from costmon.testing.clock import START
from tests.roles.tree import NOBODY, PATIENCE_S, SOON, running
from tests.roles.values import FORECASTER, NO_CHANGES, calculated


class Sticky:
    """A writer that hangs once, just before its transaction, and remembers how that ended."""

    def __init__(self, writer, gate, ends):
        self.writer = writer
        self.gate = gate
        self.ends = ends

    def record(self, observation):
        if observation.report.cycle_id == "c2" and not self.gate.is_set() and not self.ends:
            self.ends.append("hangs")
            self.gate.wait(PATIENCE_S)
            try:
                self.ends.append(self.writer.record(observation))
            except Exception as error:
                self.ends.append(type(error).__name__)
                raise
        return self.writer.record(observation)

    def record_report(self, report):
        return self.writer.record_report(report)

    def apply_change(self, change):
        return self.writer.apply_change(change)

    def record_charges(self, window):
        return self.writer.record_charges(window)

    def record_reading(self, stored, rates):
        self.writer.record_reading(stored, rates)

    def charges(self, today, restated_since):
        return self.writer.charges(today, restated_since)

    def metered(self):
        return self.writer.metered()

    def record_metered(self, spent, saved):
        self.writer.record_metered(spent, saved)

    def prune(self, now):
        self.writer.prune(now)


@pytest.fixture
def history(tmp_path):
    url = f"sqlite:///{tmp_path / 'costmon.db'}"
    upgrade(url)
    with open_store(url, clock=SystemClock()) as store, Journal(tmp_path / "j", 1 << 20) as journal:
        yield tmp_path / "costmon.db", Writers(store, url, Retention()), journal


def test_the_late_commit_of_a_replaced_persister_is_refused_by_the_database(history):
    path, writers, journal = history
    gate = threading.Event()
    ends: list[object] = []

    plan = PersisterPlan(
        claim=lambda: Sticky(writers.claim(), gate, ends),
        journal=journal,
        changes=NO_CHANGES,
        fault=Published(None),
        confirmed=Published({}),
        guard_state=SharedPublished(EMPTY),
        waiting_charges=WaitingCharges(),
        readings=Published({}),
        charges=Published(nothing_known(START, START.date())),
        forecaster=FORECASTER,
        accounts=lambda: (),
        timezone="UTC",
        removed=lambda _charges, _now: (),
    )
    spec = ChildSpec(
        name="persister",
        build=lambda incarnation: Persister(incarnation, plan, alerter=NOBODY, pollers={}),
        core=True,
        hang_after_s=1.0,
        policy=SOON,
    )
    with running([spec]) as system:
        for number in range(5):
            system.addresses["persister"].tell(calculated(f"c{number}", minutes=number))
        rows = wait_for_rows(path, 5)
        child = system.supervisor.ask(GetChildren(), PATIENCE_S)[0]
        gate.set()
        while len(ends) < 2:
            assert not threading.Event().wait(0.005)

    assert rows == [f"c{number}" for number in range(5)]
    assert child.generation == 2
    assert "hung" in child.last_error
    assert ends == ["hangs", "StoreFencedError"]
    assert wait_for_rows(path, 5) == rows


def wait_for_rows(path, count):
    rows: list[str] = []
    for _ in range(2000):
        with closing(sqlite3.connect(path)) as database:
            found = database.execute("select cycle_id from poll_cycle order by id")
            rows = [row[0] for row in found]
        if len(rows) >= count:
            break
        threading.Event().wait(0.005)
    return rows
