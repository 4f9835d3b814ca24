"""The meters actor adds up every worker once, keeps the sums over a crash, and saves them."""

import threading

import pytest
from structlog.testing import capture_logs

from costmon.actors.child import ChildSpec
from costmon.actors.roles.meters import MetersActor, MetersPlan
from costmon.messages import MeterReported, RestartChild, SetRecording
from costmon.meter.recording_control import Control
from costmon.state import meters
from costmon.state.meters import Meters
from costmon.state.published import Published
from costmon.store.meters import MeterFile
from tests.meter.reporting.samples import BEGAN_AT, counted, row, snapshot
from tests.roles.tree import PATIENCE_S, SOON, running


class WaitedFor(Published[Meters]):
    """A cell that may strike who publishes, and can be waited for."""

    def __init__(self, value, struck_every=0):
        super().__init__(value)
        self._changed = threading.Condition()
        self._struck_every = struck_every
        self._tried = 0
        self.crashes = 0

    def publish(self, value):
        self._tried += 1
        if self._struck_every and self._tried % self._struck_every == 0:
            self.crashes += 1
            raise RuntimeError("struck")
        with self._changed:
            super().publish(value)
            self._changed.notify_all()

    def when(self, claim):
        with self._changed:
            assert self._changed.wait_for(lambda: claim(self.read()), PATIENCE_S), self.read()
            return self.read()


class Keeper:
    """A file that may not be written."""

    def __init__(self, file):
        self._file = file
        self.is_full = False
        self.saved = threading.Event()

    def load(self, value, now_s):
        return self._file.load(value, now_s)

    def save(self, value):
        if self.is_full:
            raise OSError(28, "No space left on device")
        self._file.save(value)
        self.saved.set()


@pytest.fixture
def keeper(tmp_path):
    return Keeper(MeterFile(tmp_path / "meters.json"))


def meters_actor(keeper, cell):
    plan = MetersPlan(keeper=keeper, meters=cell)
    return ChildSpec(name="meters", build=lambda it: MetersActor(it, plan), core=True, policy=SOON)


def report(part, requests, *, pid=1, final=False):
    sent = snapshot(row(requests=requests), pid=pid)
    return MeterReported(part=part, is_final=final, report=sent)


def requests_in(value):
    found = meters.services(value, 0.0)
    return counted(found[0])["/"] if found else 0


def test_reports_are_published(keeper):
    cell = WaitedFor(meters.first("run1"))
    with running([meters_actor(keeper, cell)]) as system:
        tell = system.addresses["meters"].tell
        tell(report(1, 3))
        tell(report(1, 4, pid=2))

        assert requests_in(cell.when(lambda it: requests_in(it) == 7)) == 7


def test_what_was_reported_is_there_after_a_restart_of_the_service(keeper):
    first, second = WaitedFor(meters.first("run1")), WaitedFor(meters.first("run2"))
    with running([meters_actor(keeper, first)]) as system:
        system.addresses["meters"].tell(report(1, 3))
        first.when(lambda it: requests_in(it) == 3)

    with running([meters_actor(keeper, second)]) as system:
        second.when(lambda it: requests_in(it) == 3)
        system.addresses["meters"].tell(report(2, 5))
        assert requests_in(second.when(lambda it: requests_in(it) == 5)) == 5


def test_a_restarted_meters_actor_goes_on_with_what_is_published(keeper):
    cell = WaitedFor(meters.first("run1"))
    with running([meters_actor(keeper, cell)]) as system:
        tell = system.addresses["meters"].tell
        tell(report(1, 3))
        cell.when(lambda it: requests_in(it) == 3)

        system.supervisor.ask(RestartChild(name="meters"), PATIENCE_S)
        tell(report(1, 4, pid=2))

        assert requests_in(cell.when(lambda it: requests_in(it) == 7)) == 7


def test_an_order_is_published(keeper):
    cell = WaitedFor(meters.first("run1"))
    control = Control("r2", is_recording=True, issued_at=BEGAN_AT + 70)
    with running([meters_actor(keeper, cell)]) as system:
        tell = system.addresses["meters"].tell
        tell(report(1, 3))
        tell(SetRecording(id="i", service="shop", control=control))

        ordered = cell.when(lambda it: it.services and it.services["shop"].control == control)
        assert ordered.services["shop"].control == control


def test_a_full_disk_stops_nothing(keeper):
    cell = WaitedFor(meters.first("run1"))
    keeper.is_full = True
    with capture_logs() as logs, running([meters_actor(keeper, cell)]) as system:
        system.addresses["meters"].tell(report(1, 3))
        cell.when(lambda it: requests_in(it) == 3)

    assert [it["event"] for it in logs if it["log_level"] == "error"] == ["meters.not_saved"]


@pytest.mark.parametrize("every", [2, 3, 5])
def test_a_meters_actor_that_crashes_all_the_time_counts_everybody_once(keeper, every):
    cell = WaitedFor(meters.first("run1"), every)
    with capture_logs(), running([meters_actor(keeper, cell)]) as system:
        tell = system.addresses["meters"].tell
        for part in range(1, 7):
            for pid in (1, 2, 3):
                tell(report(part, part, pid=pid))

        cell.when(lambda it: requests_in(it) == 18)

    assert cell.crashes > 2
