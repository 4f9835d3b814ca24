"""Hold the messages of a name, across all the incarnations that serve it.

pykka's inbox dies with its actor and takes what waits along; measured, half of 393,603 messages
were lost in 100 crashes. Here the queue belongs to the *name*. An incarnation holds the mailbox
for a while (see `lease.py`); when it is replaced, what it had in hand is delivered again.

Locks: `acting` before `_ready`, never the other way round; neither is held while foreign code that
may block (a journal, a log) runs.
"""

import queue
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import structlog
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from costmon.actors.timers import Timers
from costmon.clock import Clock
from costmon.errors import FencedError, MailboxFullError, SupervisionError
from costmon.messages import Tick

NOBODY = 0
"""The holder of a mailbox that no incarnation serves; generations count from 1."""

_KEPT_DEAD_LETTERS = 10
_DROP_LOG_INTERVAL_S = 10.0
_FENCE_PATIENCE_S = 5.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRules:
    """How a mailbox stays bounded.

    Attributes:
        capacity: Messages that may wait.
        collapse: Names a message's kind: of each key at most one waits, the newest. `None`, or an
            answer of `None`: not collapsed.
        overflow: Offered the message first when the mailbox is full; `True` means that it is kept
            elsewhere. Runs in the sender's thread.
        supersede: Names whose news a message is: when the mailbox is full and nobody keeps the
            message elsewhere, the newest of each key is kept and an older one is dropped. `None`,
            or an answer of `None`: the new message is dropped.
        max_deliveries: How often a message is delivered before it is a dead letter.
    """

    capacity: int = 1_000
    collapse: Callable[[object], Hashable | None] | None = None
    overflow: Callable[[object], bool] | None = None
    supersede: Callable[[object], Hashable | None] | None = None
    max_deliveries: int = 3

    def __post_init__(self) -> None:
        if self.capacity < 1 or self.max_deliveries < 1:
            msg = f"capacity={self.capacity}, max_deliveries={self.max_deliveries}: at least 1 each"
            raise ValueError(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was given up.

    Attributes:
        message: The message.
        deliveries: How often it was delivered.
        error: What ended the last incarnation that had it in hand.
    """

    message: object
    deliveries: int
    error: str


@dataclass(slots=True)
class _Delivery:
    """An envelope and how often it has been handed out, this time included."""

    envelope: Envelope[Any]
    count: int


class Mailbox:
    """The queue of one name: bounded, ordered, outliving its readers.

    Any thread may put. One incarnation at a time takes, the one whose generation is `holder`.
    Taking acknowledges the message taken before.
    """

    def __init__(self, name: str, rules: MailboxRules, *, clock: Clock) -> None:
        self.name = name
        self.generation = 0
        self.holder = NOBODY
        self.acting = threading.RLock()
        """Held while an incarnation acts outside, so that it cannot be replaced half-way."""
        self.dropped = 0
        self.dead_letter_count = 0
        self._rules = rules
        self._clock = clock
        self._ready = threading.Condition(threading.Lock())
        self._queue: deque[Envelope[Any]] = deque()
        self._in_hand: _Delivery | None = None
        self._again: _Delivery | None = None
        self._busy_since_s: float | None = None
        self._ticked = False
        self._leaving = False
        self._draining = False
        self._closed = False
        self._dead_letters: deque[DeadLetter] = deque(maxlen=_KEPT_DEAD_LETTERS)
        self._drops_logged = 0
        self._drop_logged_s: float | None = None

    def __len__(self) -> int:
        """Count the messages that wait; the one in hand is not one of them."""
        return len(self._queue) + (self._again is not None)

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The last messages that were given up, oldest first."""
        return tuple(self._dead_letters)

    @property
    def busy_s(self) -> float | None:
        """Seconds on the message in hand, or on starting; `None` when idle."""
        since_s = self._busy_since_s
        return None if since_s is None else max(0.0, self._clock.monotonic_s() - since_s)

    # --- for senders -------------------------------------------------------------------------

    def put(self, envelope: Envelope[Any], /) -> None:
        """Queue a message. Never blocks on the reader and never raises in the sender."""
        if not self.offer(envelope):
            self.spill(envelope)

    def offer(self, envelope: Envelope[Any]) -> bool:
        """Queue a message if there is room; no foreign code that could block runs in here."""
        key = self._key(self._rules.collapse, envelope)
        with self._ready:
            if self._closed:
                return False
            if key is not None:
                self._remove_first(self._rules.collapse, key)
            if len(self._queue) >= self._rules.capacity:
                return False
            self._queue.append(envelope)
            self._ready.notify()
            return True

    def spill(self, envelope: Envelope[Any]) -> None:
        """Find a place for a message that had no room, or drop one: counted and logged."""
        if self._is_kept_elsewhere(envelope):
            return
        key = self._key(self._rules.supersede, envelope)
        with self._ready:
            lost = self._squeeze_in(envelope, key)
            if lost is None:
                return
            self.dropped += 1
        if lost.reply_to is not None:
            _refuse(lost, MailboxFullError(self.name))
        self._log_drop(lost)

    # --- for the incarnation (through its lease) ---------------------------------------------

    def take(self, generation: int, timers: Timers) -> Envelope[Any] | None:
        """Acknowledge the message in hand, wait for the next, return it; `None`: leave now.

        A tick never follows a tick while messages wait, so that a timer that is always due cannot
        starve them.
        """
        with self._ready:
            if generation == self.holder:
                self._in_hand = self._busy_since_s = None
            while True:
                if generation != self.holder or self._leaving:
                    return None
                now_s = self._clock.monotonic_s()
                delivery = self._next(timers, now_s)
                if delivery is not None:
                    self._in_hand = delivery
                    self._busy_since_s = now_s
                    return delivery.envelope
                if self._draining:
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
            until_s = self._clock.monotonic_s() + seconds
            while generation == self.holder and not (self._leaving or self._draining):
                now_s = self._clock.monotonic_s()
                if now_s >= until_s:
                    self._busy_since_s = now_s
                    return True
                self._busy_since_s = until_s
                self._ready.wait(until_s - now_s)
            if generation == self.holder:
                self._busy_since_s = self._clock.monotonic_s()
            return False

    # --- for the supervisor ------------------------------------------------------------------

    def grant(self) -> int:
        """Let a new incarnation serve this mailbox; return its generation."""
        with self._ready:
            self.generation += 1
            self.holder = NOBODY if self._closed else self.generation
            self._leaving = False
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
                "the process has to be started anew"
            )
            raise SupervisionError(msg)
        try:
            self._turn_away(error)
        finally:
            self.acting.release()

    def ask_to_leave(self) -> None:
        """Let the present incarnation finish its message, then stop; the queue stays."""
        with self._ready:
            self._leaving = True
            self._ready.notify_all()

    def drain(self) -> None:
        """From now on incarnations deliver what waits, then stop; timers rest."""
        with self._ready:
            self._draining = True
            self._leaving = False
            self._ready.notify_all()

    def close(self) -> int:
        """Refuse everybody from now on, at once; return how many messages were left."""
        with self._ready:
            self._closed = True
        self._turn_away("the service stopped")
        with self._ready:
            asked = [envelope for envelope in self._queue if envelope.reply_to is not None]
            left = len(self) - len(asked)
        for envelope in asked:
            _refuse(envelope, SupervisionError(f"{self.name} has stopped"))
        return left

    # --- inside ------------------------------------------------------------------------------

    def _next(self, timers: Timers, now_s: float) -> _Delivery | None:
        if timers.next_s is not None and not self._draining and not (self._ticked and len(self)):
            key = timers.take(now_s)
            if key is not None:
                self._ticked = True
                return _Delivery(Envelope(Tick(key=key)), 1)
        self._ticked = False
        if self._again is not None:
            delivery, self._again = self._again, None
            delivery.count += 1
            return delivery
        if self._queue:
            return _Delivery(self._queue.popleft(), 1)
        return None

    def _turn_away(self, error: str) -> None:
        with self._ready:
            self.holder = NOBODY
            self._busy_since_s = None
            delivery, self._in_hand = self._in_hand, None
            self._ready.notify_all()
            if delivery is None or isinstance(delivery.envelope.message, Tick | _ActorStop):
                return
            letter = DeadLetter(
                message=delivery.envelope.message, deliveries=delivery.count, error=error
            )
            asked = delivery.envelope.reply_to is not None
            if not asked and delivery.count < self._rules.max_deliveries:
                self._again = delivery
                return
            if not asked:
                self.dead_letter_count += 1
                self._dead_letters.append(letter)
        if asked:  # whoever asked is waiting and can ask again
            _refuse(
                delivery.envelope,
                SupervisionError(f"{self.name} ended before it answered: {error}"),
            )
        else:
            log.error(
                "mailbox.message_dead_lettered",
                actor=self.name,
                kind=type(letter.message).__name__,
                deliveries=letter.deliveries,
                error=error,
            )

    def _key(
        self, rule: Callable[[object], Hashable | None] | None, envelope: Envelope[Any]
    ) -> Hashable | None:
        if rule is None or envelope.reply_to is not None:  # an asker waits for its own answer
            return None
        try:
            return rule(envelope.message)
        except Exception:  # a rule's fault must not raise in the sender
            log.exception(
                "mailbox.rule_failed", actor=self.name, kind=type(envelope.message).__name__
            )
            return None

    def _is_kept_elsewhere(self, envelope: Envelope[Any]) -> bool:
        if self._rules.overflow is None or envelope.reply_to is not None or self._closed:
            return False
        try:
            return self._rules.overflow(envelope.message)
        except Exception:  # the keeper's fault must not raise in the sender
            log.exception(
                "mailbox.overflow_failed", actor=self.name, kind=type(envelope.message).__name__
            )
            return False

    def _remove_first(
        self, rule: Callable[[object], Hashable | None] | None, key: Hashable
    ) -> None:
        for queued in self._queue:
            if self._key(rule, queued) == key:
                self._queue.remove(queued)
                return

    def _squeeze_in(self, envelope: Envelope[Any], key: Hashable | None) -> Envelope[Any] | None:
        """Queue the envelope if something older may go; return what was dropped."""
        if self._closed:
            return envelope
        if len(self._queue) < self._rules.capacity:
            victim = None
        else:
            victim = None if key is None else self._superseded_by(key)
            if victim is None:
                return envelope
            self._queue.remove(victim)
        self._queue.append(envelope)
        self._ready.notify()
        return victim

    def _superseded_by(self, key: Hashable) -> Envelope[Any] | None:
        """Find the oldest message of this key, else the oldest that has a newer one of its key."""
        newest: dict[Hashable, Envelope[Any]] = {}
        keys = [(self._key(self._rules.supersede, queued), queued) for queued in self._queue]
        for queued_key, queued in keys:
            if queued_key == key:
                return queued
            if queued_key is not None:
                newest[queued_key] = queued
        for queued_key, queued in keys:
            if queued_key is not None and newest[queued_key] is not queued:
                return queued
        return None

    def _log_drop(self, lost: Envelope[Any]) -> None:
        """Log the first drop, then at most one line per interval: a full mailbox floods."""
        now_s = self._clock.monotonic_s()
        with self._ready:
            last_s = self._drop_logged_s
            if last_s is not None and now_s - last_s < _DROP_LOG_INTERVAL_S:
                return
            since, self._drops_logged = self.dropped - self._drops_logged, self.dropped
            self._drop_logged_s = now_s
        log.error(
            "mailbox.message_dropped",
            actor=self.name,
            kind=type(lost.message).__name__,
            dropped=since,
            dropped_total=self._drops_logged,
        )


def _refuse(envelope: Envelope[Any], error: Exception) -> None:
    """Tell an asker that no answer comes; somebody may have answered meanwhile."""
    if envelope.reply_to is None:
        return
    try:
        envelope.reply_to.set_exception((type(error), error, None))
    except queue.Full:
        log.warning("mailbox.answered_twice", kind=type(envelope.message).__name__)
