"""How much of what a guard lets through may be retries: a share of the calls, a floor, a price.

Retries that everybody makes at once keep a sick host sick: three of each call are four times the
load. Here they are at most a fifth of the calls of the last minute, and a few more so that a quiet
program may retry at all (Finagle: 20 % and 10 a second; Envoy: 20 % and 3 at a time).
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
    """What happened in a 60th of the window."""

    __slots__ = ("calls", "end_s", "nano", "retries")

    def __init__(self, end_s: float) -> None:
        self.end_s = end_s
        self.calls = self.retries = self.nano = 0


class RetryBudget:
    """Counts calls and retries of a sliding window; one for all threads and hosts of a guard.

    Args:
        clock: Tells the time.
        share: Retries per call, 0 to 1.
        floor: Retries in a window that are let through whatever the share says.
        window_s: Length of the window; 10 to 60 seconds, in steps of a 60th.
        max_retry_cost: What the retries of a window may cost, major units; `None`: any amount.
        currency: Of that, for texts.

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
        self._lock = threading.Lock()
        self._steps: deque[_Step] = deque()
        self._calls = self._retries = self._nano = 0

    @property
    def needs_cost(self) -> bool:
        """Tell whether retries must say what they may cost."""
        return self._most_nano is not None

    @property
    def retries(self) -> int:
        """Return how many retries were let through in the present window."""
        with self._lock:
            self._step()
            return self._retries

    @property
    def cost(self) -> Decimal:
        """Return what the retries of the present window may have cost, major units."""
        with self._lock:
            self._step()
            return from_nano(self._nano)

    def count_call(self) -> None:
        """Count a first attempt."""
        with self._lock:
            self._step().calls += 1
            self._calls += 1

    def take(self, scope: str, amount: Amount | None = None) -> None:
        """Let a retry through, or not.

        Args:
            scope: Whom it is for, for the error.
            amount: What it may cost, major units; `None`: unknown, or nothing.

        Raises:
            RetryRefused: The window has no room for another.
            InputError: `amount` is no amount, or missing though money is capped.
        """
        if amount is None and self._most_nano is not None:
            raise InputError("max_retry_cost is set: say what a retry may cost")
        nano = 0 if amount is None else nano_up(amount)
        with self._lock:
            step = self._step()
            most = self._floor + int(self._share * self._calls)
            if self._retries >= most:
                raise RetryRefused(
                    scope,
                    f"{self._retries} retries in {self._window_s:g} s are what {self._calls} calls"
                    " allow; make fewer calls that fail, or raise the retry budget",
                    self._room_s(),
                )
            if self._most_nano is not None and self._nano + nano > self._most_nano:
                raise RetryRefused(
                    scope,
                    f"those of the last {self._window_s:g} s may cost {from_nano(self._most_nano)}"
                    f" {self._currency}, of which {from_nano(self._nano)} is gone",
                    self._room_s(),
                )
            step.retries += 1
            step.nano += nano
            self._retries += 1
            self._nano += nano

    def _step(self) -> _Step:
        """Return the present step, after forgetting those that have left the window."""
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
        """Return after how many seconds the oldest retry is forgotten; `None`: there is none."""
        now_s = self._clock.monotonic_s()
        ends = (step.end_s for step in self._steps if step.retries)
        end_s = next(ends, None)
        return None if end_s is None else max(0.0, end_s + self._window_s - now_s)
