"""Time that moves only when a test says so."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from costmon.messages import Tick

START = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)


class FakeClock:
    """A clock that stands still until it is advanced."""

    def __init__(self, now: dt.datetime = START) -> None:
        self._now = now
        self._monotonic_s = 1_000.0

    def now(self) -> dt.datetime:
        """Return the wall clock's time."""
        return self._now

    def monotonic_s(self) -> float:
        """Return the seconds that never go back."""
        return self._monotonic_s

    def epoch_s(self) -> float:
        """Return the wall clock's time as seconds since 1970."""
        return self._now.timestamp()

    def advance(self, seconds: float) -> None:
        """Let time pass.

        Raises:
            ValueError: `seconds` is negative; see `step` for the wall clock.
        """
        if seconds < 0:
            msg = f"time does not pass by {seconds} s"
            raise ValueError(msg)
        self._monotonic_s += seconds
        self._now += dt.timedelta(seconds=seconds)

    def step(self, seconds: float) -> None:
        """Set the wall clock forward or back, as NTP and humans do; no time passes."""
        self._now += dt.timedelta(seconds=seconds)


@dataclass(slots=True)
class _Due:
    at_s: float
    interval_s: float | None


class FakeTimer:
    """A timer that delivers what is due when a test lets time elapse."""

    def __init__(self, clock: FakeClock, recipient: Callable[[Tick], object]) -> None:
        """Deliver to `recipient`, by the time of `clock`."""
        self._clock = clock
        self._recipient = recipient
        self._due: dict[str, _Due] = {}

    def every(self, key: str, interval_s: float, *, first_s: float = 0.0) -> None:
        """Deliver in `first_s` seconds, then every `interval_s`."""
        self._due[key] = _Due(self._clock.monotonic_s() + first_s, interval_s)

    def after(self, key: str, delay_s: float) -> None:
        """Deliver once in `delay_s` seconds."""
        self._due[key] = _Due(self._clock.monotonic_s() + delay_s, None)

    def cancel(self, key: str) -> None:
        """Forget the timer `key`."""
        self._due.pop(key, None)

    def due_in_s(self, key: str) -> float | None:
        """Return the seconds until `key` is due; `None` when nobody asked for it."""
        due = self._due.get(key)
        return None if due is None else due.at_s - self._clock.monotonic_s()

    def elapse(self, seconds: float) -> None:
        """Advance the clock, stopping at each timer that becomes due to deliver it, in order."""
        end_s = self._clock.monotonic_s() + seconds
        while self._due:
            key, due = min(self._due.items(), key=lambda item: item[1].at_s)
            if due.at_s > end_s:
                break
            self._clock.advance(max(0.0, due.at_s - self._clock.monotonic_s()))
            if due.interval_s is None:
                del self._due[key]
            else:
                due.at_s += due.interval_s
            self._recipient(Tick(key=key))
        self._clock.advance(max(0.0, end_s - self._clock.monotonic_s()))
