"""The dead man's switch: pinged while all children run, and people hear when it cannot be."""

import pytest
from structlog.testing import capture_logs

from costmon.actors.child import ChildSpec
from costmon.actors.roles.heartbeat import Heartbeat, HeartbeatPlan
from costmon.clock import SystemClock
from costmon.messages import Tick
from costmon.sender import Answer, HttpSender, SendError
from costmon.testing import Reply, StubServer
from costmon.testing.clock import FakeClock
from tests.api.conftest import child
from tests.roles.tree import SOON, Ear, running

OK = Answer(200, b"", None)


class Switch:
    """Answers pings, and says how the tree is."""

    def __init__(self, *answers, clock=None):
        self.pinged = Ear()
        self.children = [child()]
        self.scanned_s = None
        self.clock = clock or FakeClock()
        self._answers = list(answers)

    def ping(self):
        answer = self._answers.pop(0) if self._answers else OK
        self.pinged.hear(answer)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def spec(self, interval_s=60.0):
        plan = HeartbeatPlan(
            interval_s=interval_s,
            ping=self.ping,
            children=lambda: self.children,
            scanned_s=lambda: (
                self.clock.monotonic_s() if self.scanned_s is None else self.scanned_s
            ),
        )
        return ChildSpec(
            name="heartbeat",
            build=lambda incarnation: Heartbeat(
                incarnation, plan, incarnation.addresses["alerter"]
            ),
            core=False,
            policy=SOON,
        )


def beaten(switch, times):
    """Return what the alerter heard after so many pings were due."""
    ear = Ear()
    with running([ear.spec("alerter"), switch.spec()], clock=switch.clock) as system:
        for _ in range(times):
            system.addresses["heartbeat"].tell(Tick(key="ping"))
    return [message.error for message in ear.heard]


def test_the_switch_is_pinged_at_each_interval():
    switch, ear = Switch(clock=SystemClock()), Ear()

    with running([ear.spec("alerter"), switch.spec(interval_s=0.001)]):
        switch.pinged.wait_for(3)

    assert {message.error for message in ear.heard} == {None}


@pytest.mark.parametrize("state", ["set_aside", "failed", "waiting", "restarting"])
def test_while_a_child_does_not_run_the_switch_is_left_alone(state):
    switch = Switch()
    switch.children.append(child("poller.x", state=state))

    with capture_logs() as lines:
        beaten(switch, 3)

    assert switch.pinged.heard == []
    withheld = [line["reason"] for line in lines if line["event"] == "heartbeat.ping_withheld"]
    assert withheld == ["not running: poller.x"]


def test_a_supervisor_that_hangs_is_no_sign_of_life():
    switch = Switch()
    switch.scanned_s = switch.clock.monotonic_s() - 31

    beaten(switch, 2)

    assert switch.pinged.heard == []


def test_three_failures_in_a_row_are_told_and_each_is_logged():
    away = SendError("hc.example.com: not reachable (ConnectionError)")
    switch = Switch(away, Answer(503, b"", None), away, OK)

    with capture_logs() as lines:
        errors = beaten(switch, 4)

    assert errors == [str(away), None]
    assert [line["failures"] for line in lines if line["event"] == "heartbeat.ping_failed"] == [
        1,
        2,
        3,
    ]


def test_a_ping_is_a_get_and_its_url_is_in_no_error():
    with StubServer() as server:
        server.answer("/ping/planted", Reply(body=b"OK"))
        assert HttpSender().get(f"{server.url}/ping/planted").status == 200
        (asked,) = server.asked
        assert (asked.method, asked.body) == ("GET", b"")

    with pytest.raises(SendError) as caught:
        HttpSender().get(f"{server.url}/ping/planted")
    assert "planted" not in str(caught.value)
