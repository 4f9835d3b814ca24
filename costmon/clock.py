"""Read time: the one file of the product that does.

Everything else takes a `Clock` as an argument, so that a test moves time by hand.
"""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> dt.datetime:
        """Return the wall clock as an aware UTC datetime; it may step backwards."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds that never go back; only differences mean something."""
        ...


class EpochClock(Clock, Protocol):
    """A clock for hot paths, where building a datetime is too slow."""

    def epoch_s(self) -> float:
        """Return the wall clock as seconds since 1970; it may step backwards."""
        ...


class Timer(Protocol):
    """Lets one actor incarnation ask for messages to itself at a later time.

    Timers live in the wait of the incarnation's own mailbox: no thread, missed ticks are skipped
    rather than piled up, and they end with the incarnation that asked for them. Each due timer
    arrives as `costmon.messages.Tick(key=key)`.
    """

    def every(self, key: str, interval_s: float, *, first_s: float = 0.0) -> None:
        """Deliver `Tick(key)` in `first_s` seconds, then every `interval_s` seconds."""
        ...

    def after(self, key: str, delay_s: float) -> None:
        """Deliver `Tick(key)` once in `delay_s` seconds, replacing a timer of the same key."""
        ...

    def cancel(self, key: str) -> None:
        """Forget the timer `key`; an unknown key is not an error."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> dt.datetime:
        """Return the wall clock as an aware UTC datetime."""
        return dt.datetime.now(tz=dt.UTC)

    # The functions themselves: a guard asks both for every call, and a method around each would
    # be 3 % of what reserving and settling takes.
    monotonic_s = staticmethod(time.monotonic)
    epoch_s = staticmethod(time.time)


class StepDetector:
    """Notices that the wall clock was set, by the monotonic clock; for one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_s = self._read_offset_s()

    def take_s(self) -> float:
        """Return by how many seconds the wall clock was set since the last call."""
        before_s, self._offset_s = self._offset_s, self._read_offset_s()
        return self._offset_s - before_s

    def _read_offset_s(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic_s()


SMALLEST_STEP_S = 2.0
"""Smaller differences come from NTP, which slews them, and from delays between two readings."""
