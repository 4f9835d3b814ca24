"""Deterministic rules, from the first bucket on: amounts, pace of a budget, frozen numbers."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from costmon.detection.expectation import DAY_S
from costmon.detection.finding import WatchConfig
from costmon.detection.samples import Correction, Samples
from costmon.domain.money import brief

HOUR_S = 3600
PACES = ((HOUR_S, 14.4), (6 * HOUR_S, 6.0), (DAY_S, 3.0))
"""Window, and how many times too fast: 2 % of a month's budget in 1 h, 5 % in 6 h, 10 % in 24 h."""
FIRST_ESCALATION, NEXT_ESCALATION = 2, 10
FROZEN_TIMES = 4  # the longest run of equal amounts that was seen
FROZEN_AFTER_DAYS, MOVES_TIMES = 7, 5
FEWEST_EQUAL = 5
LEAST_EQUAL = ((DAY_S, FEWEST_EQUAL), (HOUR_S, 12), (0, 24))  # by the length of a bucket


@dataclass(slots=True)
class Verdict:
    """What a rule sees now.

    Attributes:
        cause: See `finding.Cause`.
        holds: Whether it is broken.
        spent: In `window_s`.
        limit: What may be spent in it.
        window_s: In seconds.
        reason: For people.
    """

    cause: str
    holds: bool
    spent: float
    limit: float
    window_s: float
    reason: str


@dataclass(slots=True)
class Opened:
    """An open finding of a rule: since when, and from which amount on it escalates."""

    since: float = 0.0
    escalates: float = 0.0
    accepted: bool = False


class Rules:
    """Sums that the rules need, and which of them have an open finding."""

    __slots__ = (
        "day",
        "day_spent",
        "longest",
        "month",
        "month_spent",
        "moves",
        "opened",
        "previous",
        "quiet",
        "run",
        "started",
    )

    def __init__(self) -> None:
        self.day = self.month = 0
        self.day_spent = self.month_spent = 0.0
        self.quiet = 0.0  # end of the last announced bucket
        self.started = 0.0
        self.previous = 0.0
        self.run = self.longest = self.moves = 0
        self.opened: dict[str, Opened] = {}

    def add(self, at: float, began: dt.datetime, amount: float, *, announced: bool) -> None:
        """Count a bucket that began at `began` (local time) and ended at `at`."""
        self.started = self.started or at
        day, month = began.toordinal(), 12 * began.year + began.month
        if day != self.day:
            self.day, self.day_spent = day, 0.0
        if month != self.month:
            self.month, self.month_spent = month, 0.0
        self.month_spent += amount
        if announced:
            self.quiet = at
        else:
            self.day_spent += amount
        if amount > 0.0:
            if amount == self.previous:
                self.run += 1
            else:
                if "frozen" not in self.opened:
                    self.longest = max(self.longest, self.run)
                self.run = 1
                self.moves += 1
            self.previous = amount

    def correct(self, correction: Correction, began: dt.datetime) -> None:
        """Correct the sums of the day and the month."""
        change = correction.new - correction.old
        if began.toordinal() == self.day and correction.at > self.quiet:
            self.day_spent += change
        if 12 * began.year + began.month == self.month:
            self.month_spent += change

    def verdicts(self, samples: Samples, at: dt.datetime, config: WatchConfig) -> Iterator[Verdict]:
        """Yield what each configured rule sees at the end of a bucket."""
        if config.hourly is not None:
            spent = samples.spent_since(max(at.timestamp() - HOUR_S, self.quiet))
            spent *= HOUR_S / max(samples.step, HOUR_S)  # of a longer bucket, its mean hour
            yield self._amount("hourly", spent, config.hourly, HOUR_S, "an hour")
        if config.daily is not None:
            yield self._amount("daily", self.day_spent, config.daily, DAY_S, "a day")
        if config.budget is not None:
            yield self._pace(samples, at, config.budget)
        if self.run >= FEWEST_EQUAL or "frozen" in self.opened:
            yield self._frozen(samples.step, at.timestamp())

    def _frozen(self, step: int, now: float) -> Verdict:
        """Whether the same amount came so often that the number must have stopped moving."""
        least = next(count for shortest, count in LEAST_EQUAL if step >= shortest)
        known = now - self.started >= FROZEN_AFTER_DAYS * DAY_S
        known = known and self.moves >= MOVES_TIMES * least
        holds = known and self.run >= max(least, FROZEN_TIMES * self.longest)
        total = self.run * self.previous
        reason = (
            f"the last {self.run} amounts are all {self.previous:.6g}; "
            f"before, an amount came at most {self.longest} times in a row"
        )
        return Verdict("frozen", holds, total, total, self.run * step, reason)

    @staticmethod
    def _amount(cause: str, spent: float, limit: float, window: int, per: str) -> Verdict:
        reason = f"{brief(spent)} was spent within {per}; the limit is {brief(limit)}"
        return Verdict(cause, spent > limit, spent, limit, window, reason)

    def _pace(self, samples: Samples, at: dt.datetime, budget: float) -> Verdict:
        """Whether the month's budget is spent, or is being spent much too fast."""
        newest = at - dt.timedelta(seconds=1)  # of a bucket that ends at midnight, its own month
        begin = newest.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        spent, past = self.month_spent, (at - begin).total_seconds()
        reason = f"{brief(spent)} was spent this month; the budget is {brief(budget)}"
        verdict = Verdict("budget", spent > budget, spent, budget, past, reason)
        a_second = budget / (next_month(newest) - begin).total_seconds()
        for window, times in PACES:
            if verdict.holds or not samples.step or window < samples.step:
                continue
            spent = samples.spent_since(max(at.timestamp() - window, self.quiet))
            pace = spent / max(a_second * window, 1e-300)
            hours = "an hour" if window == HOUR_S else f"{window // HOUR_S} hours"
            reason = (
                f"{brief(spent)} was spent within {hours}: {pace:.0f} times too fast "
                f"for the month's budget of {brief(budget)}"
            )
            if pace > times:
                limit = times * a_second * window
                verdict = Verdict("budget", pace > times, spent, limit, window, reason)
        return verdict


def next_month(at: dt.datetime) -> dt.datetime:
    """Return the beginning of the next calendar month, in the time zone of `at`."""
    first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + dt.timedelta(days=31)).replace(day=1)
