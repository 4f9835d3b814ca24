"""Hold the messages of a name, across all the incarnations that serve it.

pykka's inbox dies with its actor and takes what waits along; measured, half of 393,603 messages
were lost in 100 crashes. Here the queue belongs to the *name*. An incarnation holds the mailbox
for a while (see `lease.py`); when it is replaced, what it had in hand is delivered again.

Locks: `acting` before `_ready`, never the other way round. While `_ready` is held, no foreign code
runs: no rule, no log, no disk.
"""

import queue
import threading
from dataclasses import dataclass
from typing import Any

import pykka
import structlog
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from costmon.actors.backlog import Backlog, MailboxRules
from costmon.actors.losses import Losses
from costmon.actors.timers import Timers
from costmon.clock import Clock
from costmon.errors import FencedError, MailboxFullError, SupervisionError
from costmon.messages import Tick

NOBODY = 0
"""The holder of a mailbox that no incarnation serves; generations count from 1."""

_FENCE_PATIENCE_S = 5.0

log = structlog.get_logger()


@dataclass(slots=True)
class _Delivery:
    """An envelope and how often it has been handed out, this time included."""

    envelope: Envelope[Any]
    count: int


class Mailbox:
    """The queue of one name: bounded, ordered, outliving its readers.

    Any thread may put. One incarnation at a time takes, the one whose generation is `holder`.
    Taking acknowledges the message taken before.

    Attributes:
        name: Whose it is.
        generation: Incarnations that have held it so far.
        holder: The generation that may act now; `NOBODY` between two.
        acting: Held while the holder acts on the outside, so that it is not replaced half-way.
        losses: What could not be delivered.
    """

    def __init__(self, name: str, rules: MailboxRules, *, clock: Clock) -> None:
        self.name = name
        self.generation = 0
        self.holder = NOBODY
        self.acting = threading.RLock()
        self.losses = Losses(name, clock=clock)
        self._max_deliveries = rules.max_deliveries
        self._clock = clock
        self._ready = threading.Condition(threading.Lock())
        self._backlog = Backlog(name, rules)
        self._in_hand: _Delivery | None = None
        self._again: _Delivery | None = None
        self._busy_since_s: float | None = None
        self._is_tick_turn_over = False
        self._is_leaving = False
        self._is_draining = False
        self._is_closed = False

    def __len__(self) -> int:
        """Count the messages that wait; the one in hand is not one of them."""
        return len(self._backlog) + (self._again is not None)

    @property
    def busy_s(self) -> float | None:
        """Seconds on the message in hand, or on starting; `None` when idle."""
        since_s = self._busy_since_s
        return None if since_s is None else max(0.0, self._clock.monotonic_s() - since_s)

    # --- for senders -------------------------------------------------------------------------

    def put(self, envelope: Envelope[Any], /) -> None:
        """Queue a message. Never waits for the reader and never raises in the sender."""
        if not self.offer(envelope):
            self.spill(envelope)

    def offer(self, envelope: Envelope[Any]) -> bool:
        """Queue a message if there is room; nothing in here can block."""
        entry = self._backlog.entry(envelope)
        with self._ready:
            if self._is_closed or not self._backlog.add(entry):
                return False
            self._ready.notify()
            return True

    def spill(self, envelope: Envelope[Any]) -> None:
        """Find a place for a message that had no room, or drop one."""
        if self._is_closed:
            lost: Envelope[Any] | None = envelope
        elif self._backlog.is_kept_elsewhere(envelope):
            return
        else:
            entry = self._backlog.entry(envelope)
            with self._ready:
                lost = self._backlog.squeeze_in(entry)
                self._ready.notify()
        if lost is None:
            return
        if lost.reply_to is None:
            self.losses.drop(lost)
        elif self._is_closed:
            self._refuse(lost.reply_to, SupervisionError(f"{self.name} has stopped"))
        else:
            self._refuse(lost.reply_to, MailboxFullError(self.name))

    # --- for the incarnation (through its lease) ---------------------------------------------

    def take(self, generation: int, timers: Timers) -> Envelope[Any] | None:
        """Acknowledge the message in hand, wait for the next, return it; `None`: leave now."""
        with self._ready:
            if generation == self.holder:
                self._in_hand = self._busy_since_s = None
            while True:
                if generation != self.holder or self._is_leaving:
                    return None
                now_s = self._clock.monotonic_s()
                delivery = self._next(timers, now_s)
                if delivery is not None:
                    self._in_hand = delivery
                    self._busy_since_s = now_s
                    return delivery.envelope
                if self._is_draining:
                    return None
                due_s = timers.next_s
                self._ready.wait(None if due_s is None else due_s - now_s)

    def beat(self, generation: int) -> None:
        """Note that a long handler is alive.

        Raises:
            FencedError: It has been replaced.
        """
        with self._ready:
            if generation != self.holder:
                raise FencedError(self.name, generation)
            self._busy_since_s = self._clock.monotonic_s()

    def rest(self, generation: int, seconds: float) -> bool:
        """Wait inside a handler, which does not count as hanging; `False`: cut short."""
        with self._ready:
            now_s = self._clock.monotonic_s()
            until_s = now_s + seconds
            while generation == self.holder:
                self._busy_since_s = now_s
                if self._is_leaving or self._is_draining:
                    return False
                if now_s >= until_s:
                    return True
                self._busy_since_s = until_s
                self._ready.wait(until_s - now_s)
                now_s = self._clock.monotonic_s()
            return False

    # --- for the supervisor ------------------------------------------------------------------

    def grant(self) -> int:
        """Let a new incarnation serve this mailbox; return its generation."""
        with self._ready:
            self.generation += 1
            self.holder = NOBODY if self._is_closed else self.generation
            self._is_leaving = False
            self._busy_since_s = self._clock.monotonic_s()
            return self.generation

    def fence(self, error: str) -> None:
        """Turn the present incarnation away; what it had in hand is delivered again, or given up.

        Waits until the incarnation has finished acting outside (`acting`), which takes
        microseconds. One that hangs *there* could act after its successor did, and Python cannot
        kill it: only a new process helps.

        Raises:
            SupervisionError: The incarnation hangs while acting.
        """
        if not self.acting.acquire(timeout=_FENCE_PATIENCE_S):
            msg = (
                f"{self.name}#{self.holder} hangs in a fenced action and cannot be replaced; "
                "the process has to be restarted"
            )
            raise SupervisionError(msg)
        try:
            self._turn_away(error)
        finally:
            self.acting.release()

    def ask_to_leave(self) -> None:
        """Let the present incarnation finish its message, then stop; the queue stays."""
        with self._ready:
            self._is_leaving = True
            self._ready.notify_all()

    def drain(self) -> None:
        """From now on incarnations deal with what waits, then stop; timers rest."""
        with self._ready:
            self._is_draining = True
            self._is_leaving = False
            self._ready.notify_all()

    def close(self) -> int:
        """Refuse everybody from now on, at once; return how many messages were left."""
        with self._ready:
            self._is_closed = True
        self._turn_away("the service stopped")
        with self._ready:
            replies = self._backlog.replies_awaited()
            left = len(self) - len(replies)
        for reply in replies:
            self._refuse(reply, SupervisionError(f"{self.name} has stopped"))
        return left

    # --- inside ------------------------------------------------------------------------------

    def _next(self, timers: Timers, now_s: float) -> _Delivery | None:
        # A tick never follows a tick while messages wait: a timer that is always due, because its
        # handler takes longer than its interval, must not starve them.
        if timers.next_s is not None and not self._is_draining:
            key = None if self._is_tick_turn_over and len(self) else timers.take(now_s)
            if key is not None:
                self._is_tick_turn_over = True
                return _Delivery(Envelope(Tick(key=key)), 1)
            self._is_tick_turn_over = False
        if self._again is not None:
            delivery, self._again = self._again, None
            delivery.count += 1
            return delivery
        envelope = self._backlog.take()
        return None if envelope is None else _Delivery(envelope, 1)

    def _turn_away(self, error: str) -> None:
        with self._ready:
            self.holder = NOBODY
            self._busy_since_s = None
            delivery, self._in_hand = self._in_hand, None
            self._ready.notify_all()
            # The successor's own timers send new ticks; a foreign stop has been obeyed.
            if delivery is None or isinstance(delivery.envelope.message, Tick | _ActorStop):
                return
            reply = delivery.envelope.reply_to
            if reply is None and delivery.count < self._max_deliveries:
                self._again = delivery
                return
        if reply is not None:  # the caller gets an error, and can ask again
            ended = SupervisionError(f"{self.name} ended before it answered: {error}")
            self._refuse(reply, ended)
        else:
            self.losses.bury(delivery.envelope, deliveries=delivery.count, error=error)

    def _refuse(self, reply: pykka.Future[Any], error: Exception) -> None:
        """Answer an `ask` with an error, if it has not been answered meanwhile."""
        try:
            reply.set_exception((type(error), error, None))
        except queue.Full:
            log.warning("mailbox.answered_twice", actor=self.name)
