"""Lines that a statistic must pass, drawn by its own past.

A day yields the largest value of each statistic. The line is the mean of the last 28 such maxima
plus K standard deviations. Nothing is assumed about the noise: a series with bursts gets a higher
line.
"""

import math
from array import array
from collections.abc import Sequence
from operator import mul

DAYS = 28
READY_DAYS = 7
ENOUGH_TO_DROP_ONE = 8
PRIOR_DAYS, PRIOR_SPREAD = 4, 0.3
NEVER = 99.0
UNSEEN = -99.0


class Lines:
    """One line for each of `count` statistics."""

    __slots__ = ("due", "maxima", "today", "values")

    def __init__(self, count: int = 0) -> None:
        self.maxima = [array("d") for _ in range(count)]
        self.today = [UNSEEN] * count
        self.values = [NEVER] * count
        self.due = 0  # lines to be drawn anew

    def end_of_day(self, *, counts: bool) -> None:
        """Remember the day's maxima if it was complete and usual; the lines are then due."""
        if counts:
            for maxima, value in zip(self.maxima, self.today, strict=True):
                if value > UNSEEN:
                    maxima.append(value)
                del maxima[:-DAYS]
            self.due = len(self.maxima)
        self.today = [UNSEEN] * len(self.today)

    def draw(self, factors: Sequence[float], floors: Sequence[float]) -> None:
        """Draw the next line that is due; one for each bucket keeps midnight cheap.

        Args:
            factors: K of each statistic.
            floors: Least standard deviation of its maxima.
        """
        self.due -= 1
        maxima = self.maxima[self.due]
        if len(maxima) >= READY_DAYS:
            self.values[self.due] = line(maxima, factors[self.due], floors[self.due])


def line(maxima: Sequence[float], factor: float, floor: float) -> float:
    """Return mean + `factor` standard deviations of daily maxima.

    One wild day does not count, and few days are helped by a prior: their spread is 30 %.
    """
    ordered = sorted(maxima)
    days = len(ordered)
    if days >= ENOUGH_TO_DROP_ONE:
        ordered[-1] = ordered[-2]
    mean = sum(ordered) / days
    squares = max(0.0, sum(map(mul, ordered, ordered)) - days * mean * mean)
    squares += PRIOR_DAYS * (PRIOR_SPREAD * mean) ** 2
    return mean + factor * max(math.sqrt(squares / (days + PRIOR_DAYS)), floor)
