"""Ping a dead man's switch while all children run: it alarms when the pings stop.

The switch is a service elsewhere that expects a request in time, so that people learn when costmon
has died, hangs, or has lost its network.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.child import ChildStatus
from costmon.messages import HeartbeatMessage, HeartbeatReported, Tick
from costmon.sender import Answer, SendError

_PING = "ping"
_FIRST_S = 5.0
_TOLD_AFTER = 3
"""Failures in a row after which people are told: the switch itself may be away for a moment."""
_SCANNED_WITHIN_S = 30.0
_GOOD = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeartbeatPlan:
    """Settings of the heartbeat.

    Attributes:
        interval_s: Seconds between two pings.
        ping: Sends one; raises `SendError` when nothing answers.
        children: Returns the state of the supervised children.
        scanned_s: Returns when the supervisor last looked at them, monotonic.
    """

    interval_s: float
    ping: Callable[[], Answer]
    children: Callable[[], Iterable[ChildStatus]]
    scanned_s: Callable[[], float]


class Heartbeat(SupervisedActor[HeartbeatMessage]):
    """Pings the switch, or leaves it alone while a child does not run."""

    def __init__(self, incarnation: Incarnation, plan: HeartbeatPlan, alerter: Address) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._alerter = alerter
        self._withheld: str | None = None
        self._failures = 0

    def started(self) -> None:
        """Ping soon, and then at each interval."""
        first_s = min(_FIRST_S, self._plan.interval_s)
        self.timer.every(_PING, self._plan.interval_s, first_s=first_s)

    def handle(self, message: HeartbeatMessage) -> None:
        """Ping if all is well."""
        match message:
            case Tick():
                self._beat()
            case _:
                assert_never(message)

    def _beat(self) -> None:
        reason = self._unhealthy()
        if reason != self._withheld:
            self._withheld = reason
            if reason is None:
                self.log.info("heartbeat.pings_resumed")
            else:
                self.log.warning("heartbeat.ping_withheld", reason=reason)
        if reason is None:
            self._ping()

    def _unhealthy(self) -> str | None:
        """Return why no ping is sent; `None` when all children run."""
        since_s = self.clock.monotonic_s() - self._plan.scanned_s()
        if since_s > _SCANNED_WITHIN_S:
            return "the supervisor does not look at its children"
        away = [child.name for child in self._plan.children() if child.state != "running"]
        return f"not running: {', '.join(sorted(away))}" if away else None

    def _ping(self) -> None:
        try:
            answer = self._plan.ping()
            error = None if answer.status in _GOOD else f"it answered {answer.status}"
        except SendError as failure:
            error = str(failure)
        if error is None:
            self._failures = 0
            self._report(None)
            return
        self._failures += 1
        self.log.warning("heartbeat.ping_failed", error=error, failures=self._failures)
        if self._failures >= _TOLD_AFTER:
            self._report(error)

    def _report(self, error: str | None) -> None:
        self.tell(self._alerter, HeartbeatReported(error=error, at=self.clock.now()))
