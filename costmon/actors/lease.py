"""Give one incarnation its time-limited right to a mailbox: what pykka takes for the inbox."""

from collections.abc import Callable
from typing import Any, TypeVar

from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from costmon.actors.mailbox import Mailbox
from costmon.actors.timers import Timers
from costmon.clock import Clock
from costmon.errors import FencedError

T = TypeVar("T")


class Lease:
    """One incarnation's view of its name's mailbox (pykka's `put`, `get`, `empty`).

    It ends when the incarnation is asked to leave, has drained the mailbox, or is replaced. Then
    `get` hands out pykka's own stop message, so that the actor ends the way pykka ends actors.
    """

    def __init__(self, mailbox: Mailbox, *, clock: Clock) -> None:
        self._mailbox = mailbox
        self.generation = mailbox.grant()
        self.timers = Timers(clock)
        self.is_dismissed = False
        """Whether the incarnation was asked to stop, rather than stopped by something else."""

    @property
    def is_valid(self) -> bool:
        """Whether the incarnation has not been replaced."""
        return self._mailbox.holder == self.generation

    def put(self, envelope: Envelope[Any], /) -> None:
        """Queue a message for the name."""
        self._mailbox.put(envelope)

    def get(self) -> Envelope[Any]:
        """Acknowledge the message in hand and wait for the next; a tick or a stop may come."""
        envelope = self._mailbox.take(self.generation, self.timers)
        if envelope is None:
            self.is_dismissed = True
            return Envelope(_ActorStop())
        return envelope

    def empty(self) -> bool:
        """Return `True`: pykka's teardown would discard the messages, which belong to the name."""
        return True

    def fenced(self, act: Callable[[], T]) -> T:
        """Run `act` if the incarnation is not replaced; it cannot be while `act` runs.

        Raises:
            FencedError: It has been replaced.
        """
        with self._mailbox.acting:
            if self._mailbox.holder != self.generation:
                raise FencedError(self._mailbox.name, self.generation)
            return act()

    def beat(self) -> None:
        """Note that a long handler is alive.

        Raises:
            FencedError: The incarnation has been replaced.
        """
        self._mailbox.beat(self.generation)

    def wait(self, seconds: float) -> bool:
        """Wait inside a handler; `False` when cut short because the incarnation is to end."""
        return self._mailbox.rest(self.generation, seconds)

    def leave(self) -> None:
        """Stop after the current message."""
        self._mailbox.ask_to_leave()
