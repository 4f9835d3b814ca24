"""The retry budget: a share of the calls, a minimum number, and optionally a maximum cost.

Retries by all clients at once prevent a failing host from recovering: three per call are four times
the load. Here, retries are at most a fifth of the calls of the last minute, plus a few so that a
program with few calls may retry at all (Finagle: 20 % and 10 per second; Envoy: 20 % and 3 at a
time).
"""

import threading
from collections import deque
from decimal import Decimal

from costmon.clock import EpochClock
from costmon.domain.amount import Amount, amount_of, nano_up
from costmon.domain.money import from_nano
from costmon.errors import InputError
from costmon.guard.errors import RetryRefused

_STEPS = 60
_SHORTEST_S, _LONGEST_S = 10.0, 60.0
_MOST = 1_000_000


class _Step:
    """Calls and retries in a 60th of the window."""

    __slots__ = ("calls", "end_s", "nano", "retries")

    def __init__(self, end_s: float) -> None:
        self.end_s = end_s
        self.calls = self.retries = self.nano = 0


class RetryBudget:
    """Counts calls and retries in a sliding window; shared by all threads and hosts of a guard.

    Args:
        clock: Source of time.
        share: Retries per call, 0 to 1.
        floor: Retries in a window that are always allowed.
        window_s: Length of the window; 10 to 60 seconds, in steps of a 60th.
        max_retry_cost: The most that the retries of a window may cost, major units; `None`: any
            amount.
        currency: Currency of `max_retry_cost`, for error texts.

    Raises:
        InputError: An argument is out of its range.
    """

    def __init__(
        self,
        clock: EpochClock,
        *,
        share: float = 0.2,
        floor: int = 10,
        window_s: float = 60.0,
        max_retry_cost: Amount | None = None,
        currency: str = "USD",
    ) -> None:
        if not 0 <= share <= 1:
            raise InputError(f"share={share!r}: give a number from 0 to 1")
        if not 0 <= floor <= _MOST:
            raise InputError(f"floor={floor!r}: give a number from 0 to {_MOST}")
        if not _SHORTEST_S <= window_s <= _LONGEST_S:
            raise InputError(f"window_s={window_s!r}: give {_SHORTEST_S:g} to {_LONGEST_S:g}")
        self._clock = clock
        self._share = share
        self._floor = floor
        self._window_s = window_s
        self._currency = currency
        self._most_nano = None if max_retry_cost is None else nano_up(amount_of(max_retry_cost))
        self._lock = threading.RLock()
        self._steps: deque[_Step] = deque()
        self._calls = self._retries = self._nano = 0

    @property
    def needs_cost(self) -> bool:
        """Return whether retries need a maximum cost."""
        return self._most_nano is not None

    @property
    def retries(self) -> int:
        """Return how many retries were allowed in the current window."""
        with self._lock:
            self._step()
            return self._retries

    @property
    def cost(self) -> Decimal:
        """Return the most that the retries of the current window may have cost, major units."""
        with self._lock:
            self._step()
            return from_nano(self._nano)

    def count_call(self) -> None:
        """Count a first attempt."""
        with self._lock:
            self._step().calls += 1
            self._calls += 1

    def take(self, scope: str, amount: Amount | None = None) -> None:
        """Allow a retry, or refuse it.

        Args:
            scope: The scope to name in the error.
            amount: The most that it may cost, major units; `None`: unknown, or nothing.

        Raises:
            RetryRefused: The window has no room for another retry.
            InputError: `amount` is not valid, or is missing although `max_retry_cost` is set.
        """
        if amount is None and self._most_nano is not None:
            raise InputError("max_retry_cost is set: give the most that a retry may cost")
        nano = 0 if amount is None else nano_up(amount)
        with self._lock:
            step = self._step()
            most = self._floor + int(self._share * self._calls)
            if self._retries >= most:
                raise RetryRefused(
                    scope,
                    f"{self._retries} retries in {self._window_s:g} s are the most"
                    f" for {self._calls} calls; wait, or raise the retry budget",
                    self._room_s(),
                )
            if self._most_nano is not None and self._nano + nano > self._most_nano:
                raise RetryRefused(
                    scope,
                    f"the retries of {self._window_s:g} s may cost {from_nano(self._most_nano)}"
                    f" {self._currency}, of which {from_nano(self._nano)} is used",
                    self._room_s(),
                )
            step.retries += 1
            step.nano += nano
            self._retries += 1
            self._nano += nano

    def _step(self) -> _Step:
        """Return the current step, after dropping those that have left the window."""
        now_s = self._clock.monotonic_s()
        steps = self._steps
        while steps and steps[0].end_s + self._window_s <= now_s:
            old = steps.popleft()
            self._calls -= old.calls
            self._retries -= old.retries
            self._nano -= old.nano
        if not steps or steps[-1].end_s <= now_s:
            steps.append(_Step(now_s + self._window_s / _STEPS))
        return steps[-1]

    def _room_s(self) -> float | None:
        """Return the seconds until the oldest retry leaves the window; `None`: there is none."""
        now_s = self._clock.monotonic_s()
        ends = (step.end_s for step in self._steps if step.retries)
        end_s = next(ends, None)
        return None if end_s is None else max(0.0, end_s + self._window_s - now_s)
