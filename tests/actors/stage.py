"""A supervisor and its children without threads: every step is a call."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from costmon.actors.address import Address
from costmon.actors.backlog import MailboxRules
from costmon.actors.base import SupervisedActor
from costmon.actors.child import Child, ChildSpec, Nursery
from costmon.actors.mailbox import Mailbox
from costmon.actors.supervisor import Supervisor
from costmon.messages import ChildExited, ChildStarted, Tick
from tests.actors.parts import GuardState, ManualClock, incarnation_of


class Stage:
    """A supervisor and its children without threads: steps are calls, time is moved by hand."""

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        *,
        notices: str | None = None,
        on_scan: Callable[[], None] | None = None,
        sweep_interval_s: float = 30.0,
    ) -> None:
        self.clock = ManualClock()
        self.statuses = GuardState()
        self.actors: dict[str, list[SupervisedActor[Any]]] = {spec.name: [] for spec in specs}
        self.starts: list[str] = []
        self.mailboxes = {
            spec.name: Mailbox(spec.name, spec.mailbox, clock=self.clock) for spec in specs
        }
        self.addresses = {name: Address(mailbox) for name, mailbox in self.mailboxes.items()}
        self.heard: list[ChildStarted | ChildExited] = []
        nursery = Nursery(
            addresses=self.addresses,
            clock=self.clock,
            rng=random.Random(1),
            notify=self.heard.append,
            launch=self._launched,
        )
        self.children = {
            spec.name: Child(spec, self.mailboxes[spec.name], nursery) for spec in specs
        }
        own = incarnation_of(Mailbox("supervisor", MailboxRules(), clock=self.clock), self.clock)
        self.timers = own.lease.timers
        self.lease = own.lease
        self.supervisor = Supervisor(
            own,
            children=tuple(self.children.values()),
            statuses=self.statuses,
            notices=None if notices is None else self.addresses[notices],
            scan_interval_s=1.0,
            sweep_interval_s=sweep_interval_s,
            on_scan=on_scan,
        )
        self.supervisor.started()
        self.settle()

    def _launched(self, actor: SupervisedActor[Any]) -> None:
        self.starts.append(actor.name)
        self.actors[actor.name].append(actor)

    def state(self, name: str) -> str:
        return self.statuses.row(name).state

    def tell(self, message: object) -> Any:
        """Let the supervisor handle a message, and whatever it set off at once."""
        answer = self.supervisor.handle(message)
        self.settle()
        return answer

    def settle(self) -> None:
        """Hand over the children's notices and the timers that are due now."""
        while True:
            if self.heard:
                self.supervisor.handle(self.heard.pop(0))
            elif (key := self.timers.take(self.clock.monotonic_s())) is not None:
                self.supervisor.handle(Tick(key=key))
            else:
                return

    def advance(self, seconds: float, step_s: float = 1.0) -> None:
        """Let time pass, in steps as long as a scan."""
        while seconds > 0:
            self.clock.advance(min(step_s, seconds))
            seconds -= step_s
            self.settle()

    def present(self, name: str) -> SupervisedActor[Any]:
        return self.actors[name][-1]

    def open(self, name: str) -> None:
        """Let the present incarnation get through its start and wait for messages."""
        self.present(name).on_start()
        self.idle(name)
        self.settle()

    def idle(self, name: str) -> None:
        """Do what an incarnation that waits for a message has done: acknowledge the one before."""
        mailbox = self.mailboxes[name]
        assert mailbox.holder == self.present(name).generation
        mailbox._in_hand = mailbox._busy_since_s = None

    def crash(self, name: str, error: str = "ValueError('x')") -> None:
        """Let the present incarnation end with an error."""
        actor = self.present(name)
        self.heard.append(ChildExited(name=name, generation=actor.generation, error=error))
        self.settle()

    def end(self, name: str) -> None:
        """Let the present incarnation end because it was asked to."""
        actor = self.present(name)
        self.idle(name)
        self.heard.append(ChildExited(name=name, generation=actor.generation, error=None))
        self.settle()
