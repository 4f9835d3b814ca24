"""`SpendWatch`: one series of spend, sample in, finding out."""

import datetime as dt
import math
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache
from typing import Self, cast

from costmon.detection import encoding
from costmon.detection.bursts import Bursts
from costmon.detection.days import Days
from costmon.detection.engine import Bucket, Engine, Told
from costmon.detection.episode import Episode, Peaks
from costmon.detection.expectation import Expectation
from costmon.detection.finding import Cause, Finding, State, WatchConfig
from costmon.detection.jobs import Jobs
from costmon.detection.lines import Lines
from costmon.detection.novelty import Alarm, Novelty, Rolling, Season, Surprise, Window
from costmon.detection.patterns import Patterns
from costmon.detection.rules import (
    FIRST_ESCALATION,
    NEXT_ESCALATION,
    Opened,
    Rules,
    Verdict,
    next_month,
)
from costmon.detection.samples import Correction, New, Samples
from costmon.detection.wording import sentences

ABSURD = 1e15
FIRST_YEAR, LAST_YEAR = 1971, 9990
DAY_S, HOUR_S = 86_400, 3600
FIVE_MINUTES_S = 300
SATURDAY = 5


STATE = ("expected", "ignored", "_samples", "_rules", "_engine", "_novelty", "_newest_rule")
CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *(
            Alarm,
            Bursts,
            Days,
            Engine,
            Episode,
            Expectation,
            Jobs,
            Lines,
            Novelty,
            Opened,
            Patterns,
        ),
        *(Peaks, Rolling, Rules, Samples, Season, Surprise, Window),
    )
}


class SpendWatch:
    """Tells when one series of spend runs away.

    Pure: no clock, no input or output; the same samples always give the same findings.

    Args:
        config: Amounts and limits; default: statistics only.
        expected: Announced windows as (start, end), aware: nothing is told, and nothing is learned,
            of buckets that end in them.
    """

    def __init__(
        self,
        config: WatchConfig | None = None,
        *,
        expected: Iterable[tuple[dt.datetime, dt.datetime]] = (),
    ) -> None:
        self.config = config or WatchConfig()
        self.expected = [(_seconds(begin), _seconds(end)) for begin, end in expected]
        self._samples = Samples(self.config.step_s or 0)
        self._rules = Rules()
        self._engine = Engine()
        self._novelty: Novelty | None = None
        self._newest_rule = ""
        self.ignored = 0

    # --- samples ------------------------------------------------------------------------------

    def update(self, at: dt.datetime, amount: float | Decimal) -> Finding | None:
        """Take what was spent in the bucket that ends at `at`; return a finding, if there is one.

        The same `at` again replaces the amount. An older `at` corrects the past (the last 300
        buckets; what is older is ignored) and never tells. Amounts that are negative, not finite or
        absurd (1e15 and more) are ignored and counted in `ignored`. A sample more than six hours
        and three buckets ahead counts only when a second one follows it. What comes sooner than
        three quarters of a bucket is added to the next one.

        Args:
            at: Aware; its time of day and weekday are those of the series, so give all samples in
                one time zone.
            amount: In the unit of the series.

        Raises:
            ValueError: When `at` has no time zone.
            TypeError: When `amount` is no number.
        """
        second = _seconds(at)
        spent = _number(amount)
        if spent is None or not FIRST_YEAR <= at.year <= LAST_YEAR:
            self.ignored += 1
            return None
        if self._samples.is_finer(second):
            self._samples = Samples()
        taken = self._samples.take(second, spent)
        if taken is None:
            return None
        if isinstance(taken, Correction):
            self._correct(taken, at)
            return None
        finding = None
        for new in taken:
            end = at if new.at == second else at - dt.timedelta(seconds=second - new.at)
            finding = self._bucket(new, end) or finding
        return finding

    def _bucket(self, new: New, at: dt.datetime) -> Finding | None:
        step = self._samples.step
        began = at - _length(step or FIVE_MINUTES_S)
        announced = bool(self.expected) and any(a < new.at <= b for a, b in self.expected)
        self._rules.add(new.at, began, new.amount, announced=announced)
        told = self._learn(new, began, announced=announced) if step else None
        if told:
            return self._tell(told, at)
        return None if announced else self._rule(at)

    def _learn(self, new: New, began: dt.datetime, *, announced: bool) -> Told | None:
        step = self._samples.step
        slots = DAY_S // step or 1
        if self._engine.known.slots != slots:
            self._engine = Engine(slots)
        if new.missed:
            self._engine.silent(new.missed)
        holidays = self.config.holidays
        is_weekend = began.weekday() >= SATURDAY or bool(holidays and began.date() in holidays)
        second = began.hour * 3600 + began.minute * 60 + began.second
        day, kind = began.toordinal(), int(is_weekend)
        bucket = Bucket(new.at, step, day, second, kind, new.amount, announced)
        return self._engine.add(bucket, self.config)

    def _correct(self, correction: Correction, at: dt.datetime) -> None:
        began = at - dt.timedelta(seconds=self._samples.step or FIVE_MINUTES_S)
        self._rules.correct(correction, began)
        self._engine.correct(correction.at, correction.old, correction.new)

    # --- findings -----------------------------------------------------------------------------

    def _tell(self, told: Told, at: dt.datetime) -> Finding:
        """Make a finding of what the engine has to tell."""
        episode = told.episode
        self._newest_rule = ""
        rate = episode.rate * HOUR_S / self._samples.step
        if not episode.count:
            rate = (told.observed - told.expected) * HOUR_S / told.window_s
        range_ = 2 * told.spread
        return self._finding(
            told.state,
            episode.cause,
            at,
            since=episode.since,
            quiet=episode.quiet,
            observed=told.observed,
            expected=(
                told.expected,
                told.expected * math.exp(-range_),
                told.expected * math.exp(range_),
            ),
            burned=episode.burned,
            per_hour=0.0 if told.state == "resolved" else rate,
            confidence=1 - 0.5 / max(1.0, told.over) ** 2,
            why=sentences(told, at),
        )

    def _rule(self, at: dt.datetime) -> Finding | None:
        """Return what the first rule with something to tell has to tell."""
        opened = self._rules.opened
        for verdict in self._rules.verdicts(self._samples, at, self.config):
            known = opened.get(verdict.cause)
            if verdict.holds and known is None:
                since = at.timestamp() - verdict.window_s
                opened[verdict.cause] = Opened(
                    since, FIRST_ESCALATION * verdict.limit, accepted=False
                )
                self._newest_rule = verdict.cause
                return self._ruled("opened", verdict, since, at)
            if known and not verdict.holds:
                del opened[verdict.cause]
                if not known.accepted:
                    return self._ruled("resolved", verdict, known.since, at)
            elif known and verdict.cause != "frozen" and verdict.spent > known.escalates:
                known.escalates = NEXT_ESCALATION * verdict.spent
                if not known.accepted:
                    return self._ruled("escalated", verdict, known.since, at)
        return None

    def _ruled(self, state: State, verdict: Verdict, since: float, at: dt.datetime) -> Finding:
        burned = max(0.0, verdict.spent - verdict.limit)
        per_hour = verdict.spent * HOUR_S / verdict.window_s if verdict.window_s else 0.0
        frozen = verdict.cause == "frozen"
        reason = verdict.reason if state != "resolved" else "it is within the rule again"
        return self._finding(
            state,
            verdict.cause,
            at,
            since=since,
            quiet=False,
            observed=verdict.spent,
            expected=(verdict.limit, verdict.limit if frozen else 0.0, verdict.limit),
            burned=burned,
            per_hour=0.0 if frozen or state == "resolved" else per_hour,
            confidence=1.0,
            why=(reason,),
        )

    @staticmethod
    def _finding(
        state: str,
        cause: str,
        at: dt.datetime,
        *,
        since: float,
        quiet: bool,
        observed: float,
        expected: tuple[float, float, float],
        burned: float,
        per_hour: float,
        confidence: float,
        why: tuple[str, ...],
    ) -> Finding:
        until = next_month(at)
        left = (until - at).total_seconds() / HOUR_S
        return Finding(
            state=cast("State", state),
            cause=cast("Cause", cause),
            quiet=quiet,
            at=at.astimezone(dt.UTC),
            since=dt.datetime.fromtimestamp(since, dt.UTC),
            observed=observed,
            expected=expected[0],
            low=expected[1],
            high=expected[2],
            burned=burned,
            per_hour=per_hour,
            projected=burned + per_hour * left,
            projected_until=until.astimezone(dt.UTC),
            confidence=confidence,
            why=why,
        )

    @property
    def open_causes(self) -> frozenset[str]:
        """Return the causes of what is open, whether it was told or accepted."""
        episode = self._engine.episode
        return frozenset((*self._rules.opened, *([episode.cause] if episode else ())))

    def burned(self, cause: str) -> float | None:
        """Return what the open or newest statistical finding has burned; `None`: another cause."""
        newest = self._engine.newest
        return newest.burned if newest and newest.cause == cause else None

    def acknowledge(self, at: dt.datetime, cause: Cause | None = None) -> None:
        """Say that the open or newest finding was fine; the like of it is silent from now on.

        Nothing more is told of it, not even that it is over. A peak that returns at the same hour
        is silent unless it is longer or higher; a step, a leak or larger jobs are the new normal,
        and growth that goes on is judged again when there is a reference of 14 new days.

        Args:
            at: Aware; when it was acknowledged.
            cause: Of the finding, where a rule and the statistics may both have one open;
                default: the newest.

        Raises:
            ValueError: When `at` has no time zone.
        """
        _seconds(at)
        rule = self._rules.opened.get(self._newest_rule if cause is None else cause)
        if rule:
            rule.accepted = True
        elif cause is None or (self._engine.newest and self._engine.newest.cause == cause):
            self._engine.acknowledge()

    # --- the second engine, and state -----------------------------------------------------------

    def score(self, at: dt.datetime, value: float) -> float:
        """Return how novel a value of any series is, from 0 to 1; `update` knows nothing of it.

        Args:
            at: When it was measured; only hour, minute and date count.
            value: Any finite number; others score 0.
        """
        if self._novelty is None:
            self._novelty = Novelty()
        return self._novelty.score(at, value)

    def to_bytes(self) -> bytes:
        """Return the whole state; `from_bytes` goes on exactly where this watch is."""
        config = {name: getattr(self.config, name) for name in WatchConfig.__slots__}
        config["holidays"] = sorted(day.toordinal() for day in self.config.holidays)
        state = {name: getattr(self, name) for name in STATE}
        return encoding.encode({"config": config, **state})

    @classmethod
    def from_bytes(cls, state: bytes) -> Self:
        """Return a watch with the state that `to_bytes` returned.

        Raises:
            ValueError: When the bytes are damaged, no such state, or of another version.
        """
        values = encoding.decode(state, CLASSES)
        config = values.pop("config")
        config["holidays"] = frozenset(map(dt.date.fromordinal, config["holidays"]))
        watch = cls(WatchConfig(**config))
        for name in STATE:
            setattr(watch, name, values[name])
        return watch


@lru_cache(maxsize=32)
def _length(step: int) -> dt.timedelta:
    return dt.timedelta(seconds=step)


def _seconds(at: dt.datetime) -> float:
    if at.tzinfo is None or at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone; give an aware datetime")
    return at.timestamp()


def _number(amount: float | Decimal) -> float | None:
    """Return the amount, or None when it cannot be one."""
    if type(amount) is float:
        return amount if 0 <= amount < ABSURD else None
    if isinstance(amount, bool) or not isinstance(amount, int | float | Decimal):
        raise TypeError(f"the amount is {type(amount).__name__}; give an int, float or Decimal")
    try:
        number = float(amount)
    except (OverflowError, ValueError):  # a huge integer, a signalling NaN
        return None
    return number if 0 <= number < ABSURD else None
