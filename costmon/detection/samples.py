"""The order of samples: length of a bucket, repeats, corrections, gaps, dates in the future."""

from array import array
from bisect import bisect_left
from dataclasses import dataclass

STEPS = (300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
LEARNING = 48  # samples in which a shorter bucket is still believed
FINER = 0.75  # of a bucket: what comes sooner is added to the next
KEPT, TRIMMED = 300, 64  # buckets that can be corrected; how many are dropped at once
AHEAD_S, AHEAD_BUCKETS = 6 * 3600, 3
MISTAKEN = 3  # samples in a row inside a jump, after which the jump was wrong


@dataclass(slots=True)
class New:
    """The next bucket: its end, what was spent, and how many buckets before it are missing."""

    at: float
    amount: float
    missed: int


@dataclass(frozen=True, slots=True)
class Correction:
    """A bucket of the last day that costs something else than was said before."""

    at: float
    old: float
    new: float


class Samples:
    """Turns samples as they arrive into buckets in the order of time. Times are seconds since 1970.

    A sample far ahead is held until a second one confirms it, so that one wrong date does not make
    all that follow it old.
    """

    __slots__ = (
        "ahead_amount",
        "ahead_at",
        "amounts",
        "carried",
        "count",
        "ends",
        "jumped_from",
        "last",
        "step",
        "step_is_given",
        "stray",
    )

    def __init__(self, step: int = 0) -> None:
        self.step, self.step_is_given = step, step > 0
        self.last = 0.0
        self.count = self.stray = 0
        self.carried = 0.0
        self.ahead_at = self.ahead_amount = self.jumped_from = 0.0
        self.ends, self.amounts = array("d"), array("d")

    def take(self, at: float, amount: float) -> list[New] | Correction | None:
        """Return the buckets that the sample completes (mostly one), a correction, or nothing."""
        if not self.count:
            return [self._next(at, amount)]
        if at <= self.last:
            return self._past(at, amount)
        self.stray = 0
        if not self.step:
            self.step = _nearest(at - self.last)
        limit = max(AHEAD_S, AHEAD_BUCKETS * self.step)
        if at - self.last > limit and self.count > 1:
            if not self.ahead_at < at <= self.ahead_at + limit:
                self.ahead_at, self.ahead_amount = at, amount
                return None
            self.jumped_from = self.last
            held = self._next(self.ahead_at, self.ahead_amount)
            self.ahead_at = 0.0
            return [held, self._next(at, amount)]
        self.ahead_at = 0.0
        if at - self.last < FINER * self.step:
            self.carried += amount
            return None
        return [self._next(at, amount)]

    def is_finer(self, at: float) -> bool:
        """Whether the sample shows that buckets are shorter than was learned from the first."""
        if self.step_is_given or self.count > LEARNING or not self.step or at <= self.last:
            return False
        return _nearest(at - self.last) < self.step

    def spent_since(self, at: float) -> float:
        """Return what was spent in the remembered buckets that end after `at`."""
        return sum(self.amounts[bisect_left(self.ends, at + 1e-6) :])

    def _next(self, at: float, amount: float) -> New:
        missed = round((at - self.last) / self.step) - 1 if self.count and self.step else 0
        amount += self.carried
        self.carried = 0.0
        self.count += 1
        self.last = at
        self.ends.append(at)
        self.amounts.append(amount)
        if len(self.ends) > KEPT + TRIMMED:
            del self.ends[:TRIMMED], self.amounts[:TRIMMED]
        return New(at, amount, max(0, missed))

    def _past(self, at: float, amount: float) -> Correction | list[New] | None:
        index = bisect_left(self.ends, at)
        if index < len(self.ends) and self.ends[index] == at:
            self.stray = 0
            old, self.amounts[index] = self.amounts[index], amount
            return Correction(at, old, amount) if amount != old else None
        if self.jumped_from and at > self.jumped_from:
            self.stray += 1
            if self.stray >= MISTAKEN:
                return [self._step_back(at, amount)]
        if index > 0:
            self.ends.insert(index, at)
            self.amounts.insert(index, amount)
            return Correction(at, 0.0, amount)
        return None

    def _step_back(self, at: float, amount: float) -> New:
        """Take back a jump into the future: the samples that led there had a wrong date."""
        keep = bisect_left(self.ends, at)
        del self.ends[keep:], self.amounts[keep:]
        self.last, self.stray, self.jumped_from = self.jumped_from, 0, 0.0
        self.last = max(self.last, self.ends[-1] if self.ends else 0.0)
        return self._next(at, amount)


def _nearest(seconds: float) -> int:
    """Return the longest usual bucket that is not longer, with a tenth of tolerance."""
    fitting = [step for step in STEPS if step <= 1.1 * seconds]
    return fitting[-1] if fitting else STEPS[0]
