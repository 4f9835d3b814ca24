"""Answer questions about past costs, from the daily roll-ups only.

What a bucket says:

- `accrued` adds up what the rates of its days come to;
- `observed_s` is the time between good cycles, of the account that was observed longest, and
  `average_monthly` is `accrued` as a run-rate over that time;
- `last_monthly` adds up, over accounts, the run-rate at the account's last observed day of the
  bucket: what had vanished by then adds nothing;
- `not_observed` adds up what the gaps of its days are assumed to cost, `not_observed_s` is how
  long they are, of the account that has most of them; neither is part of `accrued`;
- `resource_count` and `unpriced_count` are the largest day's; a day adds up the most seen at once
  of each account, kind and region.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, assert_never

from sqlalchemy import BigInteger, Column, Connection, func, literal, select, type_coerce

from costmon.domain.history import GroupBy, HistoryQuery, HistoryRow, Step
from costmon.domain.money import from_nano
from costmon.domain.period import Period
from costmon.store.accrual import MONTH_US, Group, nano_of
from costmon.store.gaps import GapDay, read_gap_days
from costmon.store.schema import daily_coverage, daily_rollup

_MICROS = 1_000_000
_Owner = tuple[str, str]


@dataclass(slots=True)
class _Bucket:
    """One bucket of one group and currency while it is being added up."""

    integral: int = 0
    counts: defaultdict[dt.date, int] = field(default_factory=lambda: defaultdict(int))
    unpriced: defaultdict[dt.date, int] = field(default_factory=lambda: defaultdict(int))
    monthly: defaultdict[tuple[_Owner, dt.date], int] = field(
        default_factory=lambda: defaultdict(int)
    )
    owners: set[_Owner] = field(default_factory=set)
    gap_integral: int = 0
    gap_counts: defaultdict[dt.date, int] = field(default_factory=lambda: defaultdict(int))
    gap_unpriced: defaultdict[dt.date, int] = field(default_factory=lambda: defaultdict(int))
    gap_monthly: defaultdict[tuple[_Owner, dt.date], int] = field(
        default_factory=lambda: defaultdict(int)
    )

    def add_gap(self, part: GapDay) -> None:
        """Add a part of a gap; what there was is counted at most once a day."""
        self.gap_integral += part.tally.monthly * part.micros
        self.gap_counts[part.day] += part.tally.count
        self.gap_unpriced[part.day] += part.tally.unpriced
        self.gap_monthly[part.owner, part.day] += part.tally.monthly
        self.owners.add(part.owner)


@dataclass(slots=True)
class _Seen:
    """How one account was observed during one bucket."""

    observed_us: int = 0
    not_observed_us: int = 0
    last_day: dt.date = dt.date.min


def read_history(connection: Connection, query: HistoryQuery) -> tuple[HistoryRow, ...]:
    """Return one row for each bucket, group and currency that has roll-ups, in that order."""
    first, end = _days(query.period)
    start_of = _start_of(query.step)
    coverage = _coverage(connection, first, end, start_of)
    buckets: defaultdict[tuple[dt.date, str, str], _Bucket] = defaultdict(_Bucket)
    for day, account, provider, group, currency, *figures in _rollups(
        connection, first, end, query.group_by
    ):
        accrued, remainder, monthly, count, unpriced = map(int, figures)
        owner = (account, provider)
        bucket = buckets[start_of(day), group, currency]
        bucket.integral += accrued * MONTH_US + remainder
        bucket.counts[day] += count
        bucket.unpriced[day] += unpriced
        bucket.monthly[owner, day] += monthly
        bucket.owners.add(owner)
    if query.not_observed:
        for part in read_gap_days(connection, first, end):
            seen = coverage[start_of(part.day), part.owner]
            if part.group is None:
                seen.not_observed_us += part.micros
                seen.last_day = max(seen.last_day, part.day)
                continue
            group = _group_of(query.group_by, part)
            buckets[start_of(part.day), group, part.group.currency].add_gap(part)
    return tuple(
        _row(query, key, bucket, {owner: coverage[key[0], owner] for owner in bucket.owners})
        for key, bucket in sorted(buckets.items(), key=lambda item: item[0])
    )


def _row(
    query: HistoryQuery,
    key: tuple[dt.date, str, str],
    bucket: _Bucket,
    seen: dict[_Owner, _Seen],
) -> HistoryRow:
    start, group, currency = key
    observed_us = max(it.observed_us for it in seen.values())
    last = sum(
        bucket.monthly.get((owner, it.last_day), bucket.gap_monthly.get((owner, it.last_day), 0))
        for owner, it in seen.items()
    )
    not_observed_us = max(it.not_observed_us for it in seen.values())
    average = nano_of(bucket.integral, observed_us) if observed_us else None
    return HistoryRow(
        period=Period(
            start=max(_midnight(start), query.period.start),
            end=min(_midnight(_next(query.step, start)), query.period.end),
        ),
        group=group,
        currency=currency,
        accrued=from_nano(nano_of(bucket.integral, MONTH_US)),
        average_monthly=None if average is None else from_nano(average),
        last_monthly=from_nano(last),
        observed_s=observed_us // _MICROS,
        resource_count=max((*bucket.counts.values(), *bucket.gap_counts.values())),
        unpriced_count=max((*bucket.unpriced.values(), *bucket.gap_unpriced.values())),
        not_observed=(
            from_nano(nano_of(bucket.gap_integral, MONTH_US)) if query.not_observed else None
        ),
        not_observed_s=not_observed_us // _MICROS if query.not_observed else None,
    )


def _group_of(group_by: GroupBy, part: GapDay) -> str:
    account, provider = part.owner
    kind, region, _ = part.group or Group("", "", "")
    values = {"provider": provider, "account": account, "kind": kind, "region": region}
    return values.get(group_by, "total")


def _rollups(
    connection: Connection, first: dt.date, end: dt.date, group_by: GroupBy
) -> Iterable[Sequence[Any]]:
    table = daily_rollup.c
    group = _group_column(group_by)
    keys = [table.day, table.account, table.provider, table.currency]
    shown = literal("total").label("group") if group is None else group.label("group")
    return connection.execute(
        select(
            table.day,
            table.account,
            table.provider,
            shown,
            table.currency,
            func.sum(type_coerce(table.accrued, BigInteger)),
            func.sum(table.remainder),
            func.sum(type_coerce(table.last_monthly, BigInteger)),
            func.sum(table.resource_count),
            func.sum(table.unpriced_count),
        )
        .where(table.day >= first, table.day < end)
        .group_by(*keys, *([] if group is None else [group]))
    )


def _group_column(group_by: GroupBy) -> Column[Any] | None:
    match group_by:
        case "total":
            return None
        case "provider":
            return daily_rollup.c.provider
        case "account":
            return daily_rollup.c.account
        case "kind":
            return daily_rollup.c.kind
        case "region":
            return daily_rollup.c.region
        case _:
            assert_never(group_by)


def _coverage(
    connection: Connection, first: dt.date, end: dt.date, start_of: Callable[[dt.date], dt.date]
) -> defaultdict[tuple[dt.date, _Owner], _Seen]:
    table = daily_coverage.c
    coverage: defaultdict[tuple[dt.date, _Owner], _Seen] = defaultdict(_Seen)
    for day, account, provider, observed_us in connection.execute(
        select(table.day, table.account, table.provider, table.observed_us).where(
            table.day >= first, table.day < end
        )
    ):
        seen = coverage[start_of(day), (account, provider)]
        seen.observed_us += observed_us
        seen.last_day = max(seen.last_day, day)
    return coverage


def _days(period: Period) -> tuple[dt.date, dt.date]:
    """Return the first UTC day and the one after the last."""
    start, end = period.start.astimezone(dt.UTC), period.end.astimezone(dt.UTC)
    whole = end == _midnight(end.date())
    return start.date(), end.date() if whole else end.date() + dt.timedelta(days=1)


def _start_of(step: Step) -> Callable[[dt.date], dt.date]:
    match step:
        case "day":
            return lambda day: day
        case "week":
            return lambda day: day - dt.timedelta(days=day.weekday())
        case "month":
            return lambda day: day.replace(day=1)
        case _:
            assert_never(step)


def _next(step: Step, start: dt.date) -> dt.date:
    match step:
        case "day":
            return start + dt.timedelta(days=1)
        case "week":
            return start + dt.timedelta(days=7)
        case "month":
            return (start + dt.timedelta(days=32)).replace(day=1)
        case _:
            assert_never(step)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
