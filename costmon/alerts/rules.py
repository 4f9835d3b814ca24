"""Evaluate `[[rule]]` over what scopes cost, bucket by bucket: exact, pure, the same again.

The alerter's step calls `RuleWatch.update` for each bucket and judges what comes back: an outcome
that holds as a condition that begins or lasts, with the rule's cool-down, and one that does not
hold as its end.
"""

import bisect
import datetime as dt
import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Literal, NamedTuple

from costmon.domain.amount import Amount, nano_even
from costmon.domain.finding import SpendSource
from costmon.domain.money import brief, from_nano
from costmon.domain.rule import Rule, rule_for
from costmon.errors import InputError

RuleKind = Literal["hourly", "daily", "spike"]
RuleSource = SpendSource | Literal["charges"]
"""Who says what a scope has cost: each is compared with the rule by itself."""

BUCKET = dt.timedelta(minutes=5)
HOUR, DAY, WEEK = dt.timedelta(hours=1), dt.timedelta(days=1), dt.timedelta(days=7)
_KEPT = WEEK + 2 * DAY
"""How far back the past is kept; a correction of anything older changes nothing."""
_LEAST_WIDTH, _MOST_WIDTH = dt.timedelta(seconds=1), DAY
_LEAST_KNOWN = DAY
"""How much of the past a spike needs: one whole day, with its night."""
_SPIKE_SHARE = 10
"""An hour below this part of the hourly limit is too little for a spike."""
_LEAST_SPIKE = Decimal(1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_FORMAT = "rules 2"
_SAID_BY: Mapping[RuleSource, str] = {
    "guards": "",
    "vendors": ", by the vendor's counters at list price",
    "meters": ", by the meter at list price",
    "charges": "",
}


class Outcome(NamedTuple):
    """How a scope stands with one part of its rule, after a bucket.

    Attributes:
        rule: The rule, with its limits.
        scope: Of the amounts.
        kind: `hourly`: the last 60 minutes; `daily`: the last 24 hours; `spike`: the last hour
            compared with the usual one of the seven days before.
        holds: Whether more was spent than the limit; `False`: it has ended.
        observed: What was spent, in the rule's currency.
        limit: What it is compared with; `None` when a spike has ended because that is not known
            any more.
        usual: What an hour of the seven days before cost, of a spike; else `None`.
        since: End of the first bucket with which it held, aware UTC.
        at: End of the newest bucket, aware UTC.
        passes_breaker: Whether it is also above the limit times the breaker's multiplier, and the
            rule opens circuits.
        source: Who says what was spent.
    """

    rule: Rule
    scope: str
    kind: RuleKind
    holds: bool
    observed: Decimal
    limit: Decimal | None
    usual: Decimal | None
    since: dt.datetime
    at: dt.datetime
    passes_breaker: bool
    source: RuleSource

    @property
    def name(self) -> str:
        """Return what alerts call it, for ever."""
        return f"rule:{self.scope}:{self.kind}"

    @property
    def text(self) -> str:
        """Return the figures, for people."""
        amount, currency = brief(self.observed), self.rule.currency
        limit = "not known" if self.limit is None else f"{brief(self.limit)} {currency}"
        spent, by = f"{self.scope}: {amount} {currency}", _SAID_BY[self.source]
        match self.kind:
            case "daily" if self.source == "charges":
                return f"{spent} charged for the last complete day; the limit is {limit}."
            case "hourly":
                return f"{spent} in the last hour{by}; the limit is {limit}."
            case "daily":
                return f"{spent} in 24 hours{by}; the limit is {limit}."
            case "spike":
                usual = "not known" if self.usual is None else f"{brief(self.usual)} {currency}"
                return f"{spent} in an hour{by}; usual is {usual}."


class Standing(NamedTuple):
    """How much of its limits a scope has used.

    Attributes:
        rule: The rule, with its limits.
        scope: Of the amounts.
        hourly: What the last 60 minutes cost; `None`: it is only known by the day.
        daily: What the last 24 hours cost, or the last complete day.
        exceeded: What holds.
        at: End of the newest bucket, aware UTC.
    """

    rule: Rule
    scope: str
    hourly: Decimal | None
    daily: Decimal
    exceeded: tuple[RuleKind, ...]
    at: dt.datetime


def by_largest(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """Return one outcome for each part of a rule: the largest that holds, or else its end.

    Args:
        outcomes: Of the same moment, by whoever says what was spent.
    """
    found: dict[str, list[Outcome]] = {}
    for one in outcomes:
        found.setdefault(one.name, []).append(one)
    return tuple(_largest(every) for every in found.values())


def _largest(every: Sequence[Outcome]) -> Outcome:
    one = max(every, key=_weight)
    return one._replace(since=min(it.since for it in every if it.holds == one.holds))


def _weight(one: Outcome) -> tuple[bool, bool, Decimal]:
    return one.holds, one.passes_breaker, one.observed


def together(standings: Iterable[Standing]) -> tuple[Standing, ...]:
    """Return one standing for each scope, by scope: of each figure the largest that is known."""
    found: dict[str, Standing] = {}
    for one in standings:
        known = found.get(one.scope, one)
        hours = [it for it in (known.hourly, one.hourly) if it is not None]
        found[one.scope] = one._replace(
            hourly=max(hours, default=None),
            daily=max(known.daily, one.daily),
            exceeded=tuple(dict.fromkeys((*known.exceeded, *one.exceeded))),
            at=max(known.at, one.at),
        )
    return tuple(found[scope] for scope in sorted(found))


@dataclass(slots=True)
class _Series:
    """The buckets of one scope that do not overlap, oldest first; microseconds and nano-units."""

    ends: list[int] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    amounts: list[int] = field(default_factory=list)
    since: dict[RuleKind, int] = field(default_factory=dict)

    def put(self, start: int, end: int, nano: int) -> None:
        """Add a bucket: it replaces those within it, and is cut where it overlaps others in part.

        One within a longer bucket changes nothing, since that has its amount.
        """
        first = bisect.bisect_right(self.ends, start)
        last = bisect.bisect_left(self.starts, end)
        if first < last and self.starts[first] < start:
            if self.ends[first] > end:
                return
            if self.ends[first] < end:
                start = self.ends[first]
                first += 1
        if first < last and self.ends[last - 1] > end:
            end = self.starts[last - 1]
            last -= 1
        if start >= end:
            return
        self.ends[first:last] = [end]
        self.starts[first:last] = [start]
        self.amounts[first:last] = [nano]

    def drop_before(self, moment: int) -> None:
        """Forget the buckets that ended before a moment."""
        count = bisect.bisect_right(self.ends, moment)
        del self.ends[:count], self.starts[:count], self.amounts[:count]

    def spent(self, start: int, end: int) -> tuple[int, int]:
        """Return nano-units of a window, and how much of the window is known.

        A bucket that is only in part in the window counts in proportion.
        """
        first, last = bisect.bisect_right(self.ends, start), bisect.bisect_left(self.starts, end)
        nano = sum(self.amounts[first:last])
        known = sum(self.ends[first:last]) - sum(self.starts[first:last])
        # Both ends may be of one bucket.
        for outside, place in (
            (start - self.starts[first] if first < last else 0, first),
            (self.ends[last - 1] - end if first < last else 0, last - 1),
        ):
            if outside > 0:
                length = self.ends[place] - self.starts[place]
                nano -= self.amounts[place] * outside // length
                known -= outside
        return nano, known


class RuleWatch:
    """Compares what scopes cost with rules; deterministic, and never reads a clock.

    Args:
        rules: Of which the closest of each scope counts.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self._series: dict[tuple[str, RuleSource], _Series] = {}

    def update(
        self,
        scope: str,
        at: dt.datetime,
        amount: Amount,
        *,
        source: RuleSource = "guards",
        width: dt.timedelta = BUCKET,
        on_trial: bool = False,
    ) -> tuple[Outcome, ...]:
        """Note what a scope cost in the bucket that ends at `at`; return what holds, or has ended.

        The same `at` again replaces the amount. Buckets may be late: one that is older than the
        newest corrects the past, and counts as far as it is in a window that ends with the newest.
        One that comes with another width replaces the shorter ones within it. A stretch without
        buckets is not known, which is not 0.

        Args:
            scope: In canonical form; one without a rule is not looked at.
            at: Aware, and not in the future: the windows end with the newest bucket.
            amount: In the rule's currency, 0 or more.
            source: Who says so; what others say of the scope is known apart.
            width: From one second to a day.
            on_trial: Whether the scope's circuit has been opened by its rule lately and lets calls
                pass for now: then the breaker is passed by this bucket alone, at its rate, and not
                by what was spent before.

        Raises:
            InputError: The amount, the time or the width is not valid; nothing was noted.
        """
        end, nano = _microseconds(at), nano_even(amount)
        if not _LEAST_WIDTH <= width <= _MOST_WIDTH:
            raise InputError(f"the width of a bucket is {width}: use one from 1 second to 1 day")
        rule = rule_for(scope, self._rules)
        if rule is None:
            return ()
        series = self._series.setdefault((scope, source), _Series())
        is_newest = not series.ends or end >= series.ends[-1]
        series.put(end - width // _MICROSECOND, end, nano)
        series.drop_before(series.ends[-1] - _KEPT // _MICROSECOND)
        rate = (nano, width) if is_newest else (0, width)
        return tuple(_judged(rule, scope, source, series, rate=rate, on_trial=on_trial))

    @property
    def known(self) -> frozenset[tuple[str, RuleSource]]:
        """Return the scopes that have a rule and amounts, with who says these."""
        return frozenset(self._series)

    def standings(self) -> tuple[Standing, ...]:
        """Return how each scope stands that has a rule and amounts, by scope and source."""
        found = []
        for (scope, _), series in sorted(self._series.items()):
            rule = rule_for(scope, self._rules)
            if rule is None:
                continue
            found.append(
                Standing(
                    rule=rule,
                    scope=scope,
                    hourly=_window(series, HOUR),
                    daily=_window(series, DAY),
                    exceeded=tuple(series.since),
                    at=_moment(series.ends[-1]),
                )
            )
        return tuple(found)

    def to_bytes(self) -> bytes:
        """Return the state, from which `from_bytes` makes the same watch."""
        series = [
            {
                "scope": scope,
                "source": source,
                "ends": _differences(one.ends),
                "widths": [end - start for start, end in zip(one.starts, one.ends, strict=True)],
                "amounts": one.amounts,
                "since": one.since,
                "currency": rule.currency,
            }
            for (scope, source), one in sorted(self._series.items())
            if (rule := rule_for(scope, self._rules))
        ]
        text = json.dumps({_FORMAT: series}, separators=(",", ":"))
        return zlib.compress(text.encode("ascii"))

    @classmethod
    def from_bytes(cls, rules: Sequence[Rule], state: bytes) -> "RuleWatch":
        """Return the watch that `to_bytes` was called on, with perhaps other rules.

        What is known of a scope is dropped when its rule is gone or has another currency.

        Raises:
            ValueError: It is not such a state.
        """
        watch = cls(rules)
        try:
            document = json.loads(zlib.decompress(state))
            for one in document[_FORMAT]:
                scope, source = one["scope"], one["source"]
                rule = rule_for(scope, watch._rules)
                if rule is None or rule.currency != one["currency"]:
                    continue
                ends = _sums(one["ends"])
                starts = [end - width for end, width in zip(ends, one["widths"], strict=True)]
                if ends and len(one["amounts"]) == len(ends):
                    watch._series[scope, source] = _Series(
                        ends, starts, one["amounts"], one["since"]
                    )
        except (zlib.error, ValueError, KeyError, TypeError, AttributeError) as error:
            msg = f"not a state of rules: {error!r}"
            raise ValueError(msg) from None
        return watch


def _judged(
    rule: Rule,
    scope: str,
    source: RuleSource,
    series: _Series,
    *,
    rate: tuple[int, dt.timedelta],
    on_trial: bool,
) -> Iterable[Outcome]:
    newest = series.ends[-1]
    lately, usual = _hours(series, rate[1])
    compared: list[tuple[RuleKind, Decimal, Decimal | None, dt.timedelta]] = [
        ("hourly", _window(series, HOUR), rule.hourly, HOUR),
        ("daily", _window(series, DAY), rule.daily, DAY),
        ("spike", lately, None if usual is None else _spike_limit(rule, usual), HOUR),
    ]
    for kind, observed, limit, span in compared:
        holds = limit is not None and observed > limit
        if not holds and kind not in series.since:
            continue
        since = series.since.setdefault(kind, newest)
        if not holds:
            del series.since[kind]
        # During a trial what was spent before the circuit opened is not held against the scope.
        tried = from_nano(rate[0]) * (span // _MICROSECOND) / (rate[1] // _MICROSECOND)
        counted = tried if on_trial else observed
        line = (limit or Decimal()) * rule.breaker.threshold_multiplier
        yield Outcome(
            rule=rule,
            scope=scope,
            kind=kind,
            holds=holds,
            observed=observed,
            limit=limit,
            usual=usual if kind == "spike" else None,
            since=_moment(since),
            at=_moment(newest),
            passes_breaker=rule.breaker.enabled and kind != "spike" and holds and counted > line,
            source=source,
        )


def _hours(series: _Series, width: dt.timedelta) -> tuple[Decimal, Decimal | None]:
    """Return what the last hour cost, and the mean hour before; `None` for what is not known."""
    newest = series.ends[-1]
    # Of a longer bucket, its mean hour.
    span = max(HOUR, width) // _MICROSECOND
    start = newest - span
    lately = from_nano(series.spent(start, newest)[0]) * (HOUR // _MICROSECOND) / span
    before, known = series.spent(start - WEEK // _MICROSECOND, start)
    if known < _LEAST_KNOWN // _MICROSECOND:
        return lately, None
    return lately, from_nano(before) * (HOUR // _MICROSECOND) / known


def _spike_limit(rule: Rule, usual: Decimal) -> Decimal:
    least = _LEAST_SPIKE if rule.hourly is None else rule.hourly / _SPIKE_SHARE
    return max(usual * rule.spike_multiplier, least)


def _window(series: _Series, span: dt.timedelta) -> Decimal:
    newest = series.ends[-1]
    return from_nano(series.spent(newest - span // _MICROSECOND, newest)[0])


def _microseconds(moment: dt.datetime) -> int:
    if moment.tzinfo is None:
        raise InputError("the end of a bucket has no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def _moment(microseconds: int) -> dt.datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _differences(numbers: Sequence[int]) -> list[int]:
    return [*numbers[:1], *(later - earlier for earlier, later in pairwise(numbers))]


def _sums(differences: Sequence[int]) -> list[int]:
    found: list[int] = []
    for difference in differences:
        found.append(difference + (found[-1] if found else 0))
    return found
