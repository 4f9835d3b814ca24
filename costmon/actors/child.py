"""One supervised child: its rules, its current incarnation and its past ones."""

import datetime as dt
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from costmon.actors.address import Address
from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.lease import Lease
from costmon.actors.mailbox import NOBODY, Mailbox
from costmon.actors.restarts import RestartHistory, RestartPolicy, Verdict
from costmon.clock import Clock
from costmon.domain.child import ChildState, ChildStatus
from costmon.messages import ChildExited, ChildStarted


def role_of(name: str) -> str:
    """Return the part of a child's name before the first dot."""
    return name.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildSpec:
    """What a child is.

    Attributes:
        name: Full name; the part before the first dot is its role.
        build: Makes an incarnation, unstarted; runs in the supervisor's thread.
        core: Whether the service ends when the child crashes too often; else it is set aside.
        hang_after_s: Longer than this on one message, without a beat, counts as hung.
        stop_timeout_s: How long it may take to leave or to drain.
        policy: How often and how soon it is started again.
        mailbox: How its mailbox stays bounded.
    """

    name: str
    build: Callable[[Incarnation], SupervisedActor[Any]]
    core: bool
    hang_after_s: float = 30.0
    stop_timeout_s: float = 5.0
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    mailbox: MailboxRules = field(default_factory=MailboxRules)


@dataclass(frozen=True, slots=True, kw_only=True)
class Nursery:
    """What every child is started with.

    Attributes:
        addresses: Every child by its full name.
        clock: Tells the time.
        rng: Seeds each incarnation's own.
        notify: Takes the children's notices, from their threads.
        launch: Starts an incarnation's thread; a test that steps by hand does without.
    """

    addresses: Mapping[str, Address]
    clock: Clock
    rng: random.Random
    notify: Callable[[ChildStarted | ChildExited], None]
    launch: Callable[[SupervisedActor[Any]], None] = SupervisedActor.launch


class Child:
    """A name under supervision, as the supervisor's thread knows it.

    Attributes:
        spec: What it is.
        mailbox: Its messages.
        state: What it does now.
        history: Its crashes, for the restart policy.
        last_error: What ended an incarnation last.
        is_told_to_drain: Its turn to stop has come.
        is_on_probation: It was set aside and has not been stable since.
    """

    def __init__(self, spec: ChildSpec, mailbox: Mailbox, nursery: Nursery) -> None:
        self.spec = spec
        self.mailbox = mailbox
        self.state: ChildState = "stopped"
        self.history = RestartHistory()
        self.last_error: str | None = None
        self.is_told_to_drain = False
        self.is_on_probation = False
        self._nursery = nursery
        self._actor: SupervisedActor[Any] | None = None
        self._threads: list[tuple[threading.Thread, threading.Event]] = []
        self._started_s = 0.0
        self._started_at: dt.datetime | None = None
        self._deadline_s: float | None = None

    @property
    def name(self) -> str:
        """Its full name."""
        return self.spec.name

    @property
    def role(self) -> str:
        """The part of its name before the first dot."""
        return role_of(self.spec.name)

    @property
    def restarts(self) -> int:
        """Incarnations after the first, asked for or not."""
        return max(0, self.mailbox.generation - 1)

    @property
    def is_served(self) -> bool:
        """Whether an incarnation holds the mailbox."""
        return self.mailbox.holder != NOBODY

    @property
    def is_over(self) -> bool:
        """Whether it will not run again."""
        return self.state in {"stopped", "failed"}

    @property
    def leaves_something(self) -> bool:
        """Whether its end before it has drained loses anything.

        A poller that waits for its vendor has nothing but a timer's tick in hand: that poll is
        simply polled again. A core child may be in the middle of a transaction.
        """
        return self.spec.core or len(self.mailbox) > 0

    @property
    def has_vanished(self) -> bool:
        """Whether its thread has ended without notice."""
        return self.is_served and self._actor is not None and self._actor.has_vanished

    @property
    def is_overdue(self) -> bool:
        """Whether it has not left, or not drained, in time."""
        deadline_s = self._deadline_s
        return deadline_s is not None and self._nursery.clock.monotonic_s() >= deadline_s

    @property
    def is_stable(self) -> bool:
        """Whether it has run long enough for its crashes to be past."""
        lived_s = self._nursery.clock.monotonic_s() - self._started_s
        return self.state == "running" and lived_s >= self.spec.policy.stable_after_s

    @property
    def hung_s(self) -> float | None:
        """Seconds it has hung; `None` while it does not."""
        busy_s = self.mailbox.busy_s
        return busy_s if busy_s is not None and busy_s > self.spec.hang_after_s else None

    def start(self) -> None:
        """Start an incarnation; the one before must have been fenced.

        Raises:
            BaseException: Whatever its constructor raises.
        """
        clock = self._nursery.clock
        self.state = "draining" if self.is_told_to_drain else "starting"
        self._started_s = clock.monotonic_s()
        self._started_at = clock.now()
        incarnation = Incarnation(
            name=self.name,
            lease=Lease(self.mailbox, clock=clock),
            addresses=self._nursery.addresses,
            clock=clock,
            rng=random.Random(self._nursery.rng.getrandbits(64)),
            notify=self._nursery.notify,
        )
        self._actor = None
        self._actor = actor = self.spec.build(incarnation)
        self._nursery.launch(actor)
        self._threads = [(thread, ended) for thread, ended in self._threads if thread.is_alive()]
        if actor.thread is not None:
            self._threads.append((actor.thread, actor.ended))

    def leave(self) -> None:
        """Ask the current incarnation to finish its message and stop."""
        self.state = "restarting"
        self._set_deadline()
        self.mailbox.ask_to_leave()

    def drain(self) -> None:
        """Ask for what waits to be dealt with, and then for the end."""
        self.is_told_to_drain = True
        self._set_deadline()
        self.mailbox.drain()
        if self.is_served:
            self.state = "draining"

    def dismiss(self, error: str) -> None:
        """End the present incarnation's rights, whether its thread is gone or hangs."""
        self.mailbox.fence(error)
        self._started_at = None
        self._unregister()

    def close(self) -> int:
        """Refuse everything from now on; return how many messages were left."""
        self._unregister()
        return self.mailbox.close()

    def after_crash(self, error: str) -> Verdict:
        """Record a crash and return what to do about it."""
        self.last_error = error
        self.history, verdict = self.history.after_crash(
            self.spec.policy,
            started_s=self._started_s,
            now_s=self._nursery.clock.monotonic_s(),
            roll=self._nursery.rng.random(),
        )
        return verdict

    def outlasts(self, until_s: float) -> bool:
        """Wait for all its incarnations, replaced ones too; return whether one has not ended.

        Args:
            until_s: Monotonic; one that has ended by then need not be waited for.
        """
        for thread, _ in self._threads:
            thread.join(max(0.0, until_s - self._nursery.clock.monotonic_s()))
        return not all(ended.is_set() for _, ended in self._threads)

    def status(self) -> ChildStatus:
        """Return its status."""
        return ChildStatus(
            name=self.name,
            role=self.role,
            state=self.state,
            generation=self.mailbox.generation,
            restarts=self.restarts,
            mailbox=len(self.mailbox),
            dead_letters=self.mailbox.losses.dead,
            dropped=self.mailbox.losses.dropped,
            busy_s=self.mailbox.busy_s,
            last_error=self.last_error,
            started_at=self._started_at,
        )

    def _unregister(self) -> None:
        if self._actor is not None:
            self._actor.unregister()

    def _set_deadline(self) -> None:
        self._deadline_s = self._nursery.clock.monotonic_s() + self.spec.stop_timeout_s
