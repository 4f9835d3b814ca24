"""Sparse series: most buckets are zero; what counts is the size of a job, and their number.

A job is a run of buckets with spend. Its logarithm is compared with jobs that began at a like hour
if there are enough of them, with all jobs otherwise; so is the mean of the last two and three of
them: a job at another hour between them says nothing about these. The
sum of 24 hours is compared with the highest of each day before.
"""

import math
from array import array
from dataclasses import dataclass

from costmon.detection.expectation import DAY_S, clip

SPARSE_ZEROS, PERHAPS_SPARSE = 0.85, 0.5
MEMORY, LEAST_JOBS, LEAST_LIKE = 40, 7, 6
LIKE_HOUR_S = 2 * 3600
LINES = (3.9, 3.2, 3.5)  # one job, two, three
LEAST_SPREAD, PRIOR_JOBS, PRIOR_SPREAD = 0.06, 3, 0.15
LEAST_STEP, LEAST_DAY = 0.26, 0.85  # two jobs may fall into 24 hours
USUAL_AGAIN = 2.0
NEW_NORMAL_JOBS = 5
DAY_LINE = 4.5
DAYS = 28


@dataclass(slots=True)
class Verdict:
    """A job, or the sum of a day, that is larger than those before.

    Attributes:
        over: Statistic divided by its line.
        observed: What was spent.
        usual: What is usual.
        spread: Of the logarithm of what is usual.
        whole_day: Whether it is the sum of 24 hours.
    """

    over: float
    observed: float
    usual: float
    spread: float
    whole_day: bool


class Jobs:
    """Sizes of the last jobs and sums of the last days."""

    __slots__ = ("begins", "day_sums", "fresh", "highest", "recent", "running", "sizes", "start")

    def __init__(self) -> None:
        self.sizes, self.begins = array("d"), array("d")  # logarithm; second of the day
        self.fresh = array("d")  # sizes over the usual since a finding was opened
        self.running, self.start = 0.0, 0.0
        self.recent: list[list[float]] = []  # buckets with spend within 24 hours: end, amount
        self.day_sums = array("d")  # logarithms
        self.highest = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there were enough jobs to judge the next."""
        return len(self.sizes) >= LEAST_JOBS

    def add(self, at: float, second: int, amount: float) -> bool:
        """Add a bucket; return whether it ended a job.

        Args:
            at: End of the bucket, seconds since 1970.
            second: Of the day, at which the bucket began.
            amount: What was spent.
        """
        while self.recent and self.recent[0][0] <= at - DAY_S:
            del self.recent[0]
        if amount <= 0.0:
            return self.running > 0.0
        if self.running <= 0.0:
            self.start = float(second)
        self.running += amount
        self.recent.append([at, amount])
        self.highest = max(self.highest, sum(spent for _, spent in self.recent))
        return False

    def learn(self) -> None:
        """Remember the job that has ended."""
        self.sizes.append(math.log(self.running))
        self.begins.append(self.start)
        del self.sizes[:-MEMORY], self.begins[:-MEMORY]

    def finish(self) -> None:
        """Wait for the next job."""
        self.running = 0.0

    def end_of_day(self, *, counts: bool) -> None:
        """Remember the highest sum of 24 hours of the day."""
        if counts and self.highest > 0.0:
            self.day_sums.append(math.log(self.highest))
            del self.day_sums[:-DAYS]
        self.highest = sum(spent for _, spent in self.recent)

    def usual(self) -> tuple[float, float]:
        """Return mean and standard deviation of the logarithm of jobs like the one that runs."""
        return _robust(self._like())

    def _like(self) -> list[float]:
        """Return the sizes of the jobs that the one that runs is compared with, oldest first."""
        like = [
            size
            for size, begin in zip(self.sizes, self.begins, strict=True)
            if abs((begin - self.start + DAY_S / 2) % DAY_S - DAY_S / 2) <= LIKE_HOUR_S
        ]
        return like if len(like) >= LEAST_LIKE else list(self.sizes)

    def verdict(self) -> Verdict | None:
        """Return what is larger than before: the job that runs, the last jobs, or the day."""
        if not self.is_known or self.running <= 0.0:
            return None
        like = self._like()
        mean, spread = _robust(like)
        now = math.log(self.running) - mean
        total, best = 0.0, 0.0
        lasts = [now, *(size - mean for size in reversed(like[-2:]))]
        for count, deviation in enumerate(lasts, 1):
            total += deviation
            if deviation < LEAST_STEP:
                break
            best = max(best, total / math.sqrt(count) / spread / LINES[count - 1])
        if best > 1:
            return Verdict(best, self.running, math.exp(mean), spread, whole_day=False)
        if len(self.day_sums) >= LEAST_JOBS:
            day_mean, day_spread = _robust(list(self.day_sums))
            over = (math.log(self.highest) - day_mean) / day_spread / DAY_LINE
            if over > 1 and math.log(self.highest) - day_mean > LEAST_DAY:
                usual = math.exp(day_mean)
                return Verdict(over, self.highest, usual, day_spread, whole_day=True)
        return None

    def is_usual_again(self) -> bool:
        """Whether the job that has just ended, in an open finding, was like those before."""
        mean, spread = self.usual()
        deviation = math.log(self.running) - mean
        self.fresh.append(deviation)
        return deviation < max(USUAL_AGAIN * spread, LEAST_STEP)

    def is_new_normal(self) -> bool:
        """Whether jobs have been larger for so long that this is what they cost."""
        return len(self.fresh) >= NEW_NORMAL_JOBS

    def accept(self) -> None:
        """Take the size of the jobs since the finding, or of the one that runs, as usual."""
        over = list(self.fresh)
        if not over and self.running > 0.0:
            over = [math.log(self.running) - self.usual()[0]]
        if over:
            moved = sum(over) / len(over)
            for index in range(len(self.sizes)):
                self.sizes[index] += moved
            for index in range(len(self.day_sums)):
                self.day_sums[index] += moved
        self.close()

    def close(self) -> None:
        """Forget what belonged to a finding that is closed."""
        del self.fresh[:]


def _robust(sizes: list[float]) -> tuple[float, float]:
    """Return mean and standard deviation; wild values count less, few are helped by a prior."""
    middle = sorted(sizes)[len(sizes) // 2]
    rest = [size - middle for size in sizes]
    typical = 1.4826 * sorted(map(abs, rest))[len(rest) // 2]
    most = 3 * max(typical, LEAST_SPREAD)
    rest = [clip(x, -most, most) for x in rest]
    mean = sum(rest) / len(rest)
    squares = sum((x - mean) ** 2 for x in rest) + PRIOR_JOBS * PRIOR_SPREAD**2
    spread = math.sqrt(squares / (len(rest) + PRIOR_JOBS))
    return middle + mean, max(spread, LEAST_SPREAD)
