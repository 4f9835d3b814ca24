"""Parts for tests of actors: a clock moved by hand, and things that a test can wait for."""

import datetime as dt
import random
import threading
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.child import ChildSpec
from costmon.actors.lease import Lease
from costmon.actors.mailbox import Mailbox
from costmon.actors.restarts import RestartPolicy
from costmon.domain.child import ChildStatus
from costmon.messages import ChildExited, ChildStarted
from costmon.state.published import Published

TIMEOUT_S = 5.0

EAGER = RestartPolicy(
    max_restarts=10**6, min_backoff_s=0.0, max_backoff_s=0.0, jitter=0.0, stable_after_s=0.0
)
"""Restart at once, however often."""


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def now(self) -> dt.datetime:
        return dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=self.seconds)

    def monotonic_s(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        self.seconds += seconds


class Heard:
    """A list that threads add to and a test waits on."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self._changed = threading.Condition()

    def add(self, item: Any) -> None:
        with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def wait_for(self, count: int, timeout_s: float = TIMEOUT_S) -> list[Any]:
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.items) >= count, timeout_s)
            assert enough, f"heard {self.items[-20:]} ({len(self.items)}), not {count}"
            return list(self.items)


class GuardState(Published[tuple[ChildStatus, ...]]):
    """A statuses that a test waits on, and that remembers what was published."""

    def __init__(self) -> None:
        super().__init__(())
        self._changed = threading.Condition()

    def publish(self, value: tuple[ChildStatus, ...]) -> None:
        with self._changed:
            super().publish(value)
            self._changed.notify_all()

    def wait_for(
        self,
        name: str,
        predicate: Callable[[ChildStatus], bool],
        timeout_s: float = TIMEOUT_S,
    ) -> ChildStatus:
        def found() -> ChildStatus | None:
            return next((row for row in self.read() if row.name == name and predicate(row)), None)

        with self._changed:
            row = self._changed.wait_for(found, timeout_s)
            assert row is not None, f"the statuses shows {self.read()}"
            return row

    def row(self, name: str) -> ChildStatus:
        return next(row for row in self.read() if row.name == name)


class Logged:
    """Log events of all threads (structlog's own capture is for one thread)."""

    def __init__(self) -> None:
        self.events: list[Mapping[str, Any]] = []

    def __call__(
        self, _logger: object, method: str, event: MutableMapping[str, Any]
    ) -> dict[str, Any]:
        self.events.append({**event, "level": method})
        raise structlog.DropEvent

    def of(self, name: str) -> list[Mapping[str, Any]]:
        return [event for event in self.events if event["event"] == name]


def spec(
    name: str, build: Callable[[Incarnation], SupervisedActor[Any]], **fields: Any
) -> ChildSpec:
    """A child that is restarted eagerly unless said otherwise."""
    return ChildSpec(name=name, build=build, **{"core": True, "policy": EAGER, **fields})


def incarnation_of(
    mailbox: Mailbox,
    clock: Any,
    *,
    notify: Callable[[ChildStarted | ChildExited], None] = lambda notice: None,
    addresses: Mapping[str, Address] | None = None,
) -> Incarnation:
    """An incarnation outside any system, to step an actor by hand."""
    return Incarnation(
        name=mailbox.name,
        lease=Lease(mailbox, clock=clock),
        addresses=addresses or {},
        clock=clock,
        rng=random.Random(1),
        notify=notify,
    )


def waiting(mailbox: Mailbox) -> list[Any]:
    """The messages that wait, in the order in which they will be delivered."""
    again = [] if mailbox._again is None else [mailbox._again.envelope.message]
    return again + [entry[0].message for entry in mailbox._backlog._entries]


class Mute(SupervisedActor[Any]):
    """Takes messages and does nothing about them; for tests of everything else."""

    def handle(self, message: Any) -> None:
        pass
