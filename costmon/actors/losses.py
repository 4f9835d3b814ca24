"""Count and log the messages that a mailbox could not deliver, and keep the last ones."""

import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

import structlog
from pykka._envelope import Envelope

from costmon.actors.backlog import kind_of
from costmon.clock import Clock

_KEPT_DEAD_LETTERS = 10
_DROP_LOG_INTERVAL_S = 10.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that was dropped.

    Attributes:
        message: The message.
        deliveries: How often it was delivered.
        error: What ended the last incarnation that had it in hand.
    """

    message: object
    deliveries: int
    error: str


class Losses:
    """What one mailbox lost.

    Attributes:
        dropped: Messages that did not fit.
        dead: Messages that were delivered too often.
    """

    def __init__(self, name: str, *, clock: Clock) -> None:
        self.dropped = 0
        self.dead = 0
        self._name = name
        self._clock = clock
        self._lock = threading.Lock()
        self._letters: deque[DeadLetter] = deque(maxlen=_KEPT_DEAD_LETTERS)
        self._logged = 0
        self._logged_s: float | None = None

    @property
    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """The last messages that were dropped, oldest first."""
        return tuple(self._letters)

    def drop(self, envelope: Envelope[Any]) -> None:
        """Count a dropped message; log the first, then one line per interval."""
        with self._lock:
            self.dropped += 1
            now_s = self._clock.monotonic_s()
            if self._logged_s is not None and now_s - self._logged_s < _DROP_LOG_INTERVAL_S:
                return
            since, self._logged, self._logged_s = self.dropped - self._logged, self.dropped, now_s
        log.error(
            "mailbox.message_dropped",
            actor=self._name,
            kind=kind_of(envelope),
            dropped=since,
            dropped_total=self._logged,
        )

    def bury(self, envelope: Envelope[Any], *, deliveries: int, error: str) -> None:
        """Keep and log a message that is dropped."""
        letter = DeadLetter(message=envelope.message, deliveries=deliveries, error=error)
        with self._lock:
            self.dead += 1
            self._letters.append(letter)
        log.error(
            "mailbox.message_dead_lettered",
            actor=self._name,
            kind=kind_of(envelope),
            deliveries=deliveries,
            error=error,
        )
