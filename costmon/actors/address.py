"""Reach an actor by its name, whether one of its incarnations is alive or not."""

from functools import partial
from typing import Any

import pykka
from pykka._envelope import Envelope

from costmon.actors.lease import Lease
from costmon.actors.mailbox import Mailbox


class Address:
    """The address of a named actor; it stays valid across restarts.

    A pykka reference becomes invalid with its actor and then raises in the *sender*. An address
    does not: messages that are sent while no incarnation is running wait for the next one.
    """

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    @property
    def name(self) -> str:
        """The actor's full name."""
        return self._mailbox.name

    @property
    def waiting(self) -> int:
        """How many messages wait there."""
        return len(self._mailbox)

    def __repr__(self) -> str:
        return f"Address({self.name!r})"

    def tell(self, message: object) -> None:
        """Queue a message. Never raises and never waits for the actor."""
        self._mailbox.put(Envelope(message))

    def tell_under(self, lease: Lease, message: object) -> None:
        """Queue a message in the name of an incarnation.

        Only the queueing is fenced: keeping the message elsewhere when there is no room may touch
        a disk, and a supervisor must not have to wait for that.

        Raises:
            FencedError: The incarnation has been replaced.
        """
        envelope = Envelope(message)
        if not lease.fenced(partial(self._mailbox.offer, envelope)):
            self._mailbox.spill(envelope)

    def ask(self, message: object, timeout_s: float) -> Any:  # noqa: ANN401 - whatever it answers
        """Wait for an answer; for the console, probes and tests, never between actors.

        Raises:
            TimeoutError: No answer came in time; the message may still be handled.
            MailboxFullError: The mailbox is full.
            SupervisionError: The actor stopped, or ended before it answered.
            Exception: Whatever the handler raised.
        """
        reply: pykka.ThreadingFuture[Any] = pykka.ThreadingFuture()
        self._mailbox.put(Envelope(message, reply_to=reply))
        try:
            return reply.get(timeout=timeout_s)
        except pykka.Timeout as error:
            msg = f"{self.name} did not answer within {timeout_s:g} s"
            raise TimeoutError(msg) from error
