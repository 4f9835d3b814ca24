"""What `costmon backtest` replays: recorded spend from the database, or a CSV file."""

import csv
import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from costmon.alerts.backtest import Spent
from costmon.domain.finding import Series
from costmon.errors import InputError

if TYPE_CHECKING:
    from costmon.store import Store

_HOUR, _DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
_BY_HAND = "manual"
_FIRST_DAY = dt.date(1970, 1, 2)


class Recorded(NamedTuple):
    """One series to replay.

    Attributes:
        source: `guards`, `charges` (what vendors bill), `inventory` (rates of what exists) or
            `csv`: the same money may be in several, so they are never added.
        series: Scope and currency; the currency of a CSV file is not known: "".
        spent: By the hour or the day, without holes: statistics need one width.
        finer: The same, with the buckets of minutes as far as they are kept: for rules.
    """

    source: str
    series: Series
    spent: Sequence[Spent]
    finer: Sequence[Spent]


def from_csv(path: Path) -> list[Recorded]:
    """Read a file with the columns time, amount and, optionally, series.

    Raises:
        InputError: It is not such a file; the error names the line.
    """
    found: dict[Series, list[tuple[dt.datetime, Decimal]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"time", "amount"} <= set(reader.fieldnames or ()):
            raise InputError(f"{path}: the first line must name the columns time and amount")
        for row in reader:
            sample = _sample(row["time"], row["amount"])
            if sample is None:
                raise InputError(
                    f"{path}, line {reader.line_num}: use a time with its zone, such as"
                    " 2026-11-21T10:05:00Z, and a number"
                )
            found.setdefault(Series(row.get("series") or "total", ""), []).append(sample)
    return [_of_file(series, sorted(samples)) for series, samples in sorted(found.items())]


def _of_file(series: Series, samples: Sequence[tuple[dt.datetime, Decimal]]) -> Recorded:
    steps = [later - at for (at, _), (later, _) in pairwise(samples)]
    width = min([step for step in steps if step], default=_HOUR)
    width = min(max(width, dt.timedelta(seconds=1)), _DAY)
    spent = [Spent(at, width, amount) for at, amount in samples]
    return Recorded("csv", series, spent, spent)


def _sample(time: str | None, amount: str | None) -> tuple[dt.datetime, Decimal] | None:
    """Return a bucket; `None` when it is not valid."""
    try:
        at = dt.datetime.fromisoformat((time or "").strip())
        number = Decimal((amount or "").strip())
    except (ValueError, InvalidOperation):
        return None
    return (at, number) if at.tzinfo is not None and number.is_finite() else None


def from_history(store: "Store", now: dt.datetime, zone: ZoneInfo, bucket_s: int) -> list[Recorded]:
    """Read what guards reported by hour, what vendors charged by day, and rates by day.

    Args:
        store: The database.
        now: Aware: the day that is not over is left out of what comes by day.
        zone: In whose days charges are added up.
        bucket_s: Length of the buckets of minutes, in seconds.
    """
    return [
        *_guards(store, now, dt.timedelta(seconds=bucket_s)),
        *_by_day("charges", _charges(store, now), zone),
        *_by_day("inventory", _inventory(store, now), ZoneInfo("UTC")),
    ]


def _guards(store: "Store", now: dt.datetime, bucket: dt.timedelta) -> Iterator[Recorded]:
    buckets = store.spend_buckets(now - 3 * _DAY, now)
    finer: dict[Series, dict[dt.datetime, Decimal]] = {}
    for at, row in buckets.items():
        for series, amount in row.items():
            if amount:  # what was only reported late is not judged
                finer.setdefault(series, {})[at] = amount
    # The first hour of which all buckets are kept.
    oldest = min((at for amounts in finer.values() for at in amounts), default=now)
    first = -(-(oldest - bucket).timestamp() // 3600) * 3600
    begin = dt.datetime.fromtimestamp(first, dt.UTC)
    for series, hours in sorted(store.guard_hours().items()):
        spent = list(_filled(hours, min(hours), max(hours), _HOUR, _HOUR))
        minutes = finer.get(series, {})
        known = [one for one in spent if one.at <= begin]
        if minutes:
            start = max(begin, min(hours)) + bucket
            known += _filled(minutes, start, max(buckets), bucket, dt.timedelta())
        yield Recorded("guards", series, spent, known if minutes else spent)


def _filled(
    amounts: Mapping[dt.datetime, Decimal],
    first: dt.datetime,
    last: dt.datetime,
    width: dt.timedelta,
    shift: dt.timedelta,
) -> Iterator[Spent]:
    """Yield every bucket; those without a report cost nothing. `shift`: from its key to its end."""
    at = first
    while at <= last:
        yield Spent(at + shift, width, amounts.get(at, Decimal()))
        at += width


_Days = dict[Series, dict[dt.date, Decimal]]


def _charges(store: "Store", now: dt.datetime) -> _Days:
    from costmon.domain.charge_report import ChargeQuery

    found: _Days = {}
    for total in store.charges(ChargeQuery(start=_FIRST_DAY, end=now.date(), group_by="day")):
        if total.basis != _BY_HAND:  # subscriptions that people enter are known beforehand
            series = Series(f"provider:{total.provider}", total.currency)
            days, day = found.setdefault(series, {}), dt.date.fromisoformat(total.group)
            days[day] = days.get(day, Decimal()) + total.billed
    return found


def _inventory(store: "Store", now: dt.datetime) -> _Days:
    from costmon.domain.history import HistoryQuery
    from costmon.domain.period import Period

    period = Period(
        start=dt.datetime.combine(_FIRST_DAY, dt.time(), dt.UTC),
        end=dt.datetime.combine(now.date(), dt.time(), dt.UTC),
    )
    found: _Days = {}
    for row in store.history(HistoryQuery(period=period, step="day", group_by="provider")):
        series = Series(f"provider:{row.group}", row.currency)
        found.setdefault(series, {})[row.period.start.date()] = row.accrued
    return found


def _by_day(source: str, found: _Days, zone: ZoneInfo) -> Iterator[Recorded]:
    for series, days in sorted(found.items()):
        first, last = min(days), max(days)
        spent = []
        for number in range((last - first).days + 1):
            day = first + number * _DAY
            end = dt.datetime.combine(day + _DAY, dt.time(), zone)
            spent.append(Spent(end, _DAY, days.get(day, Decimal())))
        yield Recorded(source, series, spent, spent)
