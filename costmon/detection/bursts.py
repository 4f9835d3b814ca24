"""Fast changes: statistics of windows from one bucket to half a day, each against its own past.

- `burst`: mean logarithm over what was expected before the window began; the single bucket is not
  clipped, so one that costs a hundred times the usual is found at once.
- `ramp`: sum of the last surprises without the largest, so that one lump is no rise.
- `shift`: the mean without its largest, for a jump that stays.
- `lumps`: how many separate buckets stood out within 3 and 12 hours.

The expectation within a window decays from the state before it: what is usual over one bucket
after a high one is not usual over a day.
"""

import math
from array import array
from bisect import bisect_left
from dataclasses import dataclass

from costmon.detection.expectation import Expectation, clip
from costmon.detection.lines import Lines

BURSTS = (1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 72, 144)
RAMPS = (5, 6, 8)
SHIFTS = (4, 6, 9)
LUMPS = (36, 144)
FACTORS = (
    *(5.0, 6.0, 4.8, 4.3, 4.3, 4.3, 4.3, 4.3, 4.3, 4.3, 4.6, 4.6),
    *(4.4, 4.4, 4.6),
    *(5.0, 5.0, 5.0),
    *(6.0, 6.2),
)
FLOORS = (0.03,) * len(BURSTS) + (0.25,) * len(RAMPS) + (0.02,) * len(SHIFTS) + (0.4,) * len(LUMPS)
KEPT, TRIMMED = 145, 64  # prefix sums that the longest window needs; how many are dropped at once
NEAR = 12
LONGEST_DECAY = 40
# With the place of each line, and what does not change from bucket to bucket.
PLACED_BURSTS = tuple((i, window, min(window, LONGEST_DECAY)) for i, window in enumerate(BURSTS))
PLACED_RAMPS = tuple((i, n, math.sqrt(n - 1)) for i, n in enumerate(RAMPS, len(BURSTS)))
PLACED_SHIFTS = tuple(enumerate(SHIFTS, len(BURSTS) + len(RAMPS)))
PLACED_LUMPS = tuple(enumerate(LUMPS, len(FACTORS) - len(LUMPS)))
LUMP_LEVEL, LUMP_LEAST = 4.0, 0.35
LUMP_SHARE = 3  # times the least share of money
FEWEST_LUMPS = 4
PLAIN_FACTOR = 1.2


@dataclass(slots=True)
class Hit:
    """A statistic over its line.

    Attributes:
        window: Buckets that it looked at.
        cause: See `finding.Cause`.
        value: The statistic.
        over: It divided by its line.
    """

    window: int
    cause: str
    value: float
    over: float


@dataclass(slots=True)
class Seen:
    """A bucket beside what is usual for it.

    Attributes:
        slot: Bucket of the day, from 0.
        amount: What was spent; after a silence, what exceeds the owed.
        usual: Logarithm that the profile gives.
        factor: Of the slow level.
        expected: What the profile expects, without the level.
        residual: Logarithm of the amount over profile and level.
        is_empty: Whether nothing was spent, as usual.
    """

    slot: int
    amount: float
    usual: float
    factor: float
    expected: float
    residual: float
    is_empty: bool


class Bursts:
    """The last day of buckets as prefix sums, and the lines of all statistics over them."""

    __slots__ = (
        "decay",
        "ends",
        "free",
        "lines",
        "near",
        "state",
        "states",
        "sum_expected",
        "sum_lumps",
        "sum_money",
        "sum_residual",
        "surprises",
    )

    def __init__(self) -> None:
        self.lines = Lines(len(FACTORS))
        self.decay = array("d")
        self.forget()
        self.set_decay(0.8)

    def forget(self) -> None:
        """Begin anew after a finding or an announced window: no statistic looks behind this."""
        self.sum_residual = array("d", [0.0])
        self.sum_money = array("d", [0.0])
        self.sum_expected = array("d", [0.0])
        self.sum_lumps = array("d", [0.0])
        self.states = array("d", [0.0])
        self.ends = array("d", [0.0])
        self.state = self.free = 0.0
        self.surprises = [0.0] * NEAR
        self.near = [0.0] * NEAR

    def set_decay(self, persistence: float) -> None:
        """Prepare what remains of a state, summed over each window."""
        total, power = 0.0, 1.0
        self.decay = array("d", [0.0])
        for _ in range(LONGEST_DECAY):
            power *= persistence
            total += power
            self.decay.append(total)

    def surprise(self, known: Expectation, residual: float) -> float:
        """Return the residual over what the bucket before let expect."""
        return residual - known.persistence * self.state

    @property
    def length(self) -> int:
        """Number of buckets that the statistics can look back."""
        return len(self.states) - 1

    def add(self, at: float, known: Expectation, seen: Seen, low: float) -> float:
        """Add a bucket and return the prediction that was made for its residual.

        Args:
            at: Its end, seconds since 1970.
            known: Noise and level of the series.
            seen: The bucket.
            low: As in `check`.
        """
        residual = seen.residual
        noise, inner, persistence = known.noise, known.innovation, known.persistence
        most = 3 * inner
        predicted = persistence * self.state
        surprise = residual - predicted
        state = predicted + clip(surprise, -most, most)
        self.state = state = state if state < 2 * noise else 2 * noise
        free = persistence * self.free
        self.free = free + clip(residual - free, -most, most)
        self.surprises.append(clip((residual - free) / inner, -3.0, 4.5))
        clipped = clip(residual, -2 * noise, 4 * noise)
        self.near.append(clipped)
        del self.surprises[0], self.near[0]
        lump = surprise - low > LUMP_LEVEL * inner and surprise - low > LUMP_LEAST
        self.sum_residual.append(self.sum_residual[-1] + clipped)
        self.states.append(state)
        self.ends.append(at)
        self.sum_money.append(self.sum_money[-1] + seen.amount)
        self.sum_expected.append(self.sum_expected[-1] + seen.expected)
        self.sum_lumps.append(self.sum_lumps[-1] + lump)
        if len(self.states) > KEPT + TRIMMED:
            for kept in self._kept():
                del kept[:TRIMMED]
        return predicted

    def _kept(self) -> "tuple[array[float], ...]":
        return (
            self.sum_residual,
            self.states,
            self.ends,
            self.sum_money,
            self.sum_expected,
            self.sum_lumps,
        )

    def correct(self, at: float, change: float, ratio: float, noise: float) -> None:
        """Correct a bucket that was added before; one that was not is ignored.

        Args:
            at: Its end, seconds since 1970.
            change: What is to be added to its amount.
            ratio: Logarithm of new over old amount.
            noise: Of the series.
        """
        first = bisect_left(self.ends, at)
        if first == 0 or first == len(self.ends) or self.ends[first] != at:
            return
        old = self.sum_residual[first] - self.sum_residual[first - 1]
        moved = clip(old + ratio, -2 * noise, 4 * noise) - old
        for index in range(first, len(self.ends)):
            self.sum_money[index] += change
            self.sum_residual[index] += moved
        back = len(self.ends) - 1 - first
        if back < NEAR:
            self.near[-1 - back] += moved

    def money(self, window: int) -> tuple[float, float]:
        """Return what was spent in the last `window` buckets, and what the profile expected."""
        before = -1 - min(window, self.length)
        return (
            self.sum_money[-1] - self.sum_money[before],
            self.sum_expected[-1] - self.sum_expected[before],
        )

    def check(self, residual: float, predicted: float, noise: float, low: float) -> list[Hit]:
        """Return the statistics that are over their lines, and raise today's maxima.

        Args:
            residual: Of the newest bucket.
            predicted: For the newest bucket, from the one before.
            noise: Of the series.
            low: How far the level is below its reference; after a dip the old level is still usual.
        """
        if self.lines.due:
            self.lines.draw(FACTORS, FLOORS)
        hits: list[Hit] = []
        valid = self.length
        if valid > NEAR:
            self._rises(hits, low, is_high=residual - low > 2 * noise)
        self._windows(hits, residual, predicted if predicted > 0.0 else 0.0, low)
        for index, window in PLACED_LUMPS:
            if valid > window:
                count = self.sum_lumps[-1] - self.sum_lumps[-1 - window]
                if self._passes(index, count) and count >= FEWEST_LUMPS:
                    hits.append(Hit(window, "lumps", count, count / self.lines.values[index]))
        return hits

    def _passes(self, index: int, value: float) -> bool:
        lines = self.lines
        if value > lines.today[index]:
            lines.today[index] = value
        return value > lines.values[index]

    def _rises(self, hits: list[Hit], low: float, *, is_high: bool) -> None:
        line, today, recent = self.lines.values, self.lines.today, self.surprises
        for index, window, root in PLACED_RAMPS:
            part = recent[-window:]
            value = (sum(part) - max(part)) / root
            if value > line[index] and is_high:
                hits.append(Hit(window, "ramp", value, value / line[index]))
            if value > today[index]:
                today[index] = value
        recent, states, decay = self.near, self.states, self.decay
        for index, window in PLACED_SHIFTS:
            part = recent[-window:]
            state = states[-1 - window]
            value = (sum(part) - max(part)) / (window - 1) - low
            if state > 0.0:
                value -= state * decay[window] / window
            if value > line[index]:
                hits.append(Hit(window, "shift", value, value / line[index]))
            if value > today[index]:
                today[index] = value

    def _windows(self, hits: list[Hit], residual: float, predicted: float, low: float) -> None:
        line, today = self.lines.values, self.lines.today
        sums, states, decay = self.sum_residual, self.states, self.decay
        valid, newest = len(states) - 1, sums[-1]
        value = residual - predicted - low
        for index, window, decayed in PLACED_BURSTS:
            if window > 1:
                if valid < window:
                    break
                value = newest - sums[-1 - window]
                state = states[-1 - window]
                if state > 0.0:
                    value -= state * decay[decayed]
                value = value / window - low
            if value > line[index]:
                hits.append(Hit(window, "burst", value, value / line[index]))
            if value > today[index]:
                today[index] = value

    def end_of_day(self, persistence: float, *, counts: bool, at_once: bool) -> None:
        """Take the day's maxima; the lines are drawn now, or one with each bucket."""
        self.lines.end_of_day(counts=counts)
        while at_once and self.lines.due:
            self.lines.draw(FACTORS, FLOORS)
        self.set_decay(persistence)
