"""What rates add up to, per UTC day and group. Pure and exact: integers all the way.

A rate is nano-units a month, a span is microseconds, and a month is 720 hours, so an amount in
nano-units is `rate * span / MONTH_US`. The division is done when the figures are read.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from costmon.domain.resource import Resource

MONTH_US = 720 * 3600 * 1_000_000
DAY_US = 24 * 3600 * 1_000_000
NO_REGION = "-"
_EPOCH_DAY = dt.date(1970, 1, 1).toordinal()


class Group(NamedTuple):
    """What daily figures are kept apart by, besides the account."""

    kind: str
    region: str
    currency: str


def group_of(resource: Resource) -> Group:
    """Return the group whose figures `resource` adds to."""
    return Group(resource.kind, resource.region or NO_REGION, resource.currency)


@dataclass(slots=True)
class Tally:
    """A sum over the resources of a group.

    Attributes:
        monthly: Known monthly rates together, nano-units.
        count: Resources, those of unknown price included.
        unpriced: Resources whose price is unknown or not whole.
    """

    monthly: int = 0
    count: int = 0
    unpriced: int = 0

    def add(self, monthly: int | None, *, whole: bool) -> None:
        """Count one resource; an unknown price adds no money."""
        self.count += 1
        if monthly is None or not whole:
            self.unpriced += 1
        self.monthly += monthly or 0

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of both."""
        return Tally(
            self.monthly + other.monthly, self.count + other.count, self.unpriced + other.unpriced
        )


def _tallies() -> defaultdict[Group, Tally]:
    return defaultdict(Tally)


@dataclass(slots=True, kw_only=True)
class Accrual:
    """Collects what one account accrued between two good cycles.

    Attributes:
        observed: The time that counts as observed, [start, end) in microseconds; `None`: none does.
        until: This cycle, microseconds.
        steady: Resources seen in both without any news.
        carried: The others seen in both, at their older rates.
        started: Resources that are new and began between the two, by when they began.
        seen: The others seen in this cycle, at their present rates.
    """

    observed: tuple[int, int] | None
    until: int
    steady: defaultdict[Group, Tally] = field(default_factory=_tallies)
    carried: defaultdict[Group, Tally] = field(default_factory=_tallies)
    started: list[tuple[int, Group, int | None, bool]] = field(default_factory=list)
    seen: defaultdict[Group, Tally] = field(default_factory=_tallies)

    def days(self) -> tuple["DayFigures", ...]:
        """Return the figures of every day touched, oldest first; the last is the cycle's own."""
        spans = {} if self.observed is None else dict(split(*self.observed))
        spans.setdefault(day_of(self.until), 0)
        both, now = _together(self.steady, self.carried), _together(self.steady, self.seen)
        return tuple(self._day(day, span, both, now) for day, span in sorted(spans.items()))

    def _day(
        self, day: dt.date, span: int, both: Mapping[Group, Tally], now: Mapping[Group, Tally]
    ) -> "DayFigures":
        integrals: defaultdict[Group, int] = defaultdict(int)
        standing = _tallies()
        for group, tally in both.items():
            if span:
                integrals[group] += tally.monthly * span
                standing[group] = standing[group].plus(tally)
        for start, group, monthly, whole in self.started:
            lived = self._lived(start).get(day, 0)
            if lived:
                integrals[group] += (monthly or 0) * lived
                standing[group].add(monthly, whole=whole)
        seen = day == day_of(self.until)
        return DayFigures(
            day=day,
            covered_us=span,
            integrals=integrals,
            standing=now if seen else standing,
            observed=seen,
        )

    def _lived(self, start: int) -> dict[dt.date, int]:
        """Return how long each day what began at `start` was observed."""
        if self.observed is None:
            return {}
        return dict(split(max(start, self.observed[0]), self.observed[1]))

    def gap_rates(self, gap: tuple[int, int]) -> Iterator[tuple[int, Group, Tally]]:
        """Return since when in a gap what rates are assumed."""
        for group, tally in _together(self.steady, self.carried).items():
            yield gap[0], group, tally
        for start, group, monthly, whole in self.started:
            if start < gap[1]:
                tally = Tally()
                tally.add(monthly, whole=whole)
                yield max(start, gap[0]), group, tally


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What one cycle adds to one day of one account.

    Attributes:
        day: The UTC day.
        covered_us: Microseconds of it that lie between the two cycles.
        integrals: Rate x time by group, nano-units x microseconds.
        standing: What there was at the end of this part of the day.
        observed: `standing` was seen, rather than known from the cycles around the day's end.
    """

    day: dt.date
    covered_us: int
    integrals: Mapping[Group, int]
    standing: Mapping[Group, Tally]
    observed: bool


def _together(one: Mapping[Group, Tally], other: Mapping[Group, Tally]) -> dict[Group, Tally]:
    return {
        group: one.get(group, Tally()).plus(other.get(group, Tally()))
        for group in one.keys() | other.keys()
    }


def day_of(micros: int) -> dt.date:
    """Return the UTC day that a moment lies in."""
    return dt.date.fromordinal(_EPOCH_DAY + micros // DAY_US)


def split(start: int, end: int) -> Iterator[tuple[dt.date, int]]:
    """Cut [start, end) at UTC midnights into days and their microseconds."""
    while start < end:
        midnight = (start // DAY_US + 1) * DAY_US
        stop = min(midnight, end)
        yield day_of(start), stop - start
        start = stop


def nano_of(integral: int, span_us: int) -> int:
    """Return `integral / span_us` in whole nano-units, half to even."""
    whole, rest = divmod(integral, span_us)
    return whole + (2 * rest > span_us or (2 * rest == span_us and whole % 2 == 1))
