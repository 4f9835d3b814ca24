"""Slow changes: whole days above a reference (`step`), or rising one after another (`leak`).

The reference is a robust line through the days of the last five weeks without the newest five. It
rises only if that is plain, and never falls: the return from a dip is usual. Days depend on each
other in many series, which makes a row of high days less surprising: the lines rise with the
correlation of the days.
"""

import math
from array import array
from itertools import pairwise

from costmon.detection.bursts import Hit
from costmon.detection.expectation import clip

MEMORY_DAYS, NEWEST_DAYS = 35, 5
LEAST_DAYS, ENOUGH_DAYS = 7, 14
LEAK_DAYS, LEAST_LEAK_DAYS = 8, 2
LEAST_SPREAD = 0.03
STEP_LINES = {1.0: 3.8, 1.5: 3.4, 2.0: 3.4, 3.0: 3.4}  # by days
STEP_WITHIN = 6  # calendar days in which they must lie
LEAK_LINE = 3.0
BLOCKS_A_DAY, MOST_BLOCKS = 4, 12
LEAST_STEP = 0.08
PLAIN_SLOPE = 6.0
FEW_DAYS = 8.0  # with few days, their spread is not well known
AFTER_FINDING = 1.4
HALF = 0.5
GROWTH_DAYS, MOST_GROWTH, GROWTH_MARGIN = 7, 0.1, 1.5
GROWTH_UNSURE = 0.5  # of the growth that was accepted
FEWEST_FOR_SLOPE = 9


class Days:
    """The mean clipped logarithm of each day, and what it lets expect of the next."""

    __slots__ = (
        "block_count",
        "block_days",
        "block_total",
        "blocks",
        "count",
        "drag",
        "found",
        "growth",
        "levels",
        "numbers",
        "reference",
        "scores",
        "spread",
        "total",
        "typical",
    )

    def __init__(self) -> None:
        self.levels = array("d")
        self.numbers = array("d")  # ordinals of the days that `scores` are of
        self.scores = array("d")
        self.reference, self.spread, self.drag = 0.0, 0.2, 1.0
        self.total, self.count = 0.0, 0
        self.blocks, self.block_days = array("d"), array("d")  # quarters of days: mean, ordinal
        self.block_total, self.block_count = 0.0, 0
        self.found = 0.0  # growth a day that the last leak was found by
        self.growth = 0.0  # a day, in logarithms, that somebody said was fine
        self.typical = 0  # buckets in a day that are not usually empty

    @property
    def has_reference(self) -> bool:
        """Whether the reference means something."""
        return len(self.levels) >= LEAST_DAYS

    def add(self, level: float, number: int) -> None:
        """Add the logarithm of a bucket, clipped, to the day of this ordinal."""
        self.total += level
        self.count += 1
        if self.typical:
            self.block_total += level
            self.block_count += 1
            if self.block_count >= self.typical // self._blocks_a_day():
                self.blocks.append(self.block_total / self.block_count)
                self.block_days.append(number)
                del self.blocks[:-MOST_BLOCKS], self.block_days[:-MOST_BLOCKS]
                self.block_total, self.block_count = 0.0, 0

    def end_of_day(self, number: int, *, counts: bool) -> None:
        """Remember the day if it was complete and usual; begin the next."""
        if counts and self.count:
            level, self.typical = self.total / self.count, self.count
            if self.has_reference:
                self.numbers.append(number)
                self.scores.append(clip((level - self.reference) / self.spread, -3.0, 4.0))
                del self.numbers[:-LEAK_DAYS], self.scores[:-LEAK_DAYS]
            self.levels.append(level)
            del self.levels[:-MEMORY_DAYS]
            self._refer()
        self.total, self.count = 0.0, 0

    def move(self, change: float) -> None:
        """Take another level as usual."""
        for index in range(len(self.levels)):
            self.levels[index] += change
        self.reference += change
        del self.numbers[:], self.scores[:], self.blocks[:], self.block_days[:]

    def accept_growth(self) -> None:
        """Take the present growth from day to day as usual, also for days to come."""
        recent = list(self.levels[-GROWTH_DAYS:])
        if len(recent) == GROWTH_DAYS:
            risen = (sum(recent[-3:]) / 3 - self.reference) / GROWTH_DAYS
            grown = max(_slope(recent), risen, GROWTH_MARGIN * self.found)
            self.growth = clip(max(self.growth, grown), 0.0, MOST_GROWTH)
        self._refer()

    def verdict(self, number: int, *, lately: bool) -> Hit | None:
        """Return the statistic that says that the days are too high, if there is one.

        Args:
            number: Ordinal of the present day.
            lately: Whether a slow finding was told in the last days; only what is plainly worse
                counts then.
        """
        if len(self.levels) < ENOUGH_DAYS:
            return None
        over = AFTER_FINDING if lately else 1.0
        if self.block_count == 0:  # a block has just ended
            step, buckets = self._step(number)
            if step > over:
                return Hit(buckets, "step", step, step)
        share = min(1.0, self.count / self.typical)
        if share < HALF:
            return None
        today = min((self.total / self.count - self.reference) / self.spread, 4.0)
        leak = self._leak(today, number, share) / (LEAK_LINE * self.drag)
        return Hit(self.typical, "leak", leak, leak) if leak > over else None

    def _step(self, number: int) -> tuple[float, int]:
        """Means of the last one to three days, in their standard deviations over their lines."""
        a_day = self._blocks_a_day()
        best, buckets, total = 0.0, 0, 0.0
        newest = zip(reversed(self.block_days), reversed(self.blocks), strict=True)
        for count, (day, level) in enumerate(newest, 1):
            if number - day > STEP_WITHIN:
                break
            total += min((level - self.reference) / self.spread, 4.0)
            days = count / a_day
            line = STEP_LINES.get(days)
            if line and total / count * self.spread > LEAST_STEP:
                drag = self.drag if days > 1 else 1.0
                over = total / count * math.sqrt(days) / line / drag
                if over > best:
                    best, buckets = over, round(days * self.typical)
        return best, buckets

    def _blocks_a_day(self) -> int:
        return min(BLOCKS_A_DAY, self.typical)

    def _leak(self, today: float, number: int, share: float) -> float:
        """Matched filter for a line that begins on any of the last days, without missing days."""
        best = 0.0
        first = next((i for i, d in enumerate(self.numbers) if d > number - LEAK_DAYS), None)
        if first is None:
            return best
        days = list(zip(self.numbers, self.scores, strict=True))[first:]
        for begin, (start, _) in enumerate(days):
            if number - start < LEAST_LEAK_DAYS:
                break
            reach = (number - start + 0.5 * share) * math.sqrt(share)
            product, square = reach * today * math.sqrt(share), reach * reach
            for day, score in days[begin:]:
                reach = day - start + 0.5
                product += reach * score
                square += reach * reach
            if product / math.sqrt(square) > best:
                best = product / math.sqrt(square)
                self.found = product / square * self.spread
        return best

    def _refer(self) -> None:
        if not self.levels:
            return
        newest = min(NEWEST_DAYS, max(0, len(self.levels) - 2 * NEWEST_DAYS))
        old = list(self.levels[: len(self.levels) - newest])
        days = len(old)
        slope = _slope(old) if days > FEWEST_FOR_SLOPE else 0.0
        slope = max(slope, 0.0)  # a dip at the end is no trend: the return from it is usual
        _, rest = _fit(old, slope)
        variance = sum(x * x for x in rest) / max(1, days - 2)
        plain = slope * slope * days**3 / 12 / max(variance, 1e-9)
        slope *= 1 - PLAIN_SLOPE / plain if plain > PLAIN_SLOPE else 0.0
        middle, rest = _fit(old, slope)
        squares = sum(x * x for x in rest)
        lagged = sum(a * b for a, b in pairwise(rest))
        correlation = clip(lagged / max(1e-12, squares) * days / (days + 6) - 0.05, 0.0, 0.8)
        self.drag = math.sqrt((1 + correlation) / (1 - correlation))
        self.reference = middle + slope * len(self.levels)
        unsure = (13.0 if slope else 1.0) / days + (FEW_DAYS / days) ** 2
        self.spread = max(LEAST_SPREAD, math.sqrt(squares / max(1, days - 2) * (1 + unsure)))
        if self.growth > 0.0:
            week = self.levels[-GROWTH_DAYS:]
            ahead = self.growth * (1 + GROWTH_DAYS) / 2
            self.reference = max(self.reference, sum(week) / len(week) + ahead)
            self.spread = math.hypot(self.spread, GROWTH_UNSURE * ahead)


def _slope(days: list[float]) -> float:
    """Median of the slopes between all pairs of days (Theil-Sen)."""
    slopes = sorted([(days[j] - days[i]) / (j - i) for j in range(len(days)) for i in range(j)])
    return slopes[len(slopes) // 2]


def _fit(days: list[float], slope: float) -> tuple[float, list[float]]:
    """Return the height of the line at day 0 and what is left of each day, clipped."""
    flat = [level - slope * i for i, level in enumerate(days)]
    middle = sorted(flat)[len(flat) // 2]
    rest = [x - middle for x in flat]
    most = 3 * max(1.4826 * sorted(map(abs, rest))[len(rest) // 2], 0.02)
    rest = [clip(x, -most, most) for x in rest]
    mean = sum(rest) / len(rest)
    return middle + mean, [x - mean for x in rest]
