"""Spend in buckets by series, the states of the watches over them, and what these have found.

A bucket is final once it is over: what comes later counts as `late` in the bucket in which it was
spent, and is not judged. So a watch that is fed the same buckets again finds the same.
"""

import datetime as dt
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, insert, select, tuple_
from sqlalchemy.sql.functions import sum as sum_

from costmon.domain.finding import Contribution, Series, SpendFinding, bucket_floor
from costmon.domain.money import from_nano, to_nano
from costmon.state.metered_spend import MeteredSpend
from costmon.store.columns import LARGEST_NANO
from costmon.store.packing import readable
from costmon.store.schema import (
    alert_memory,
    alert_outbox,
    circuit,
    guard_seen,
    guard_spend,
    guard_total,
    spend_bucket,
    spend_watch,
)
from costmon.store.schema import finding as finding_table
from costmon.store.text import storable, storable_key

HOUR = dt.timedelta(hours=1)
_GRACE = dt.timedelta(minutes=10)
"""How long after an hour its rows still count as current: guards report at intervals."""
_LONGEST_RATE = dt.timedelta(days=1)
_LONGEST = 20_000
_KEY = (spend_bucket.c.scope, spend_bucket.c.unit, spend_bucket.c.ends_at)
_AT_ONCE = 200
_POSITION, _RULES, _METERED = Series("", ""), Series("", "rules"), Series("", "metered")
_MOMENTS = ("opened_at", "at", "since", "projected_until")


class Position(NamedTuple):
    """How far all watches have come.

    Attributes:
        began_at: When detection was switched on.
        fed_until: End of the last bucket that all watches were fed.
    """

    began_at: dt.datetime
    fed_until: dt.datetime


class SavedWatch(NamedTuple):
    """The state of a watch, and the end of the last bucket that it has been fed."""

    fed_until: dt.datetime
    state: bytes


class Watches(NamedTuple):
    """What is stored of detection; no `position`: it has never run."""

    position: Position | None
    watches: Mapping[Series, SavedWatch]
    findings: tuple[SpendFinding, ...]


def add_spend(
    connection: Connection,
    added: Mapping[tuple[dt.datetime, Series], int],
    now: dt.datetime,
    bucket_s: int,
) -> None:
    """Add nano-units to buckets, inside the transaction that records where they come from.

    Args:
        connection: Of the one writer.
        added: By the start of the hour in which it was spent, and series; may be negative.
        now: Aware UTC.
        bucket_s: Length of a bucket.
    """
    current = bucket_floor(now, bucket_s) + dt.timedelta(seconds=bucket_s)
    sums: dict[tuple[str, str, dt.datetime], tuple[int, int]] = {}
    for (hour, series), nano in added.items():
        if not nano:
            continue
        is_late = hour + HOUR + _GRACE < now
        key = (series.scope, series.unit, hour + HOUR if is_late else current)
        amount, late = sums.get(key, (0, 0))
        sums[key] = (amount, late + nano) if is_late else (amount + nano, late)
    keys = list(sums)
    for first in range(0, len(keys), _AT_ONCE):
        some = keys[first : first + _AT_ONCE]
        known = select(spend_bucket).where(tuple_(*_KEY).in_(some))
        for row in connection.execute(known):
            key = (row.scope, row.unit, row.ends_at)
            amount, late = sums[key]
            sums[key] = (amount + to_nano(row.amount), late + to_nano(row.late))
        connection.execute(delete(spend_bucket).where(tuple_(*_KEY).in_(some)))
        connection.execute(
            insert(spend_bucket),
            [
                {
                    "scope": scope,
                    "unit": unit,
                    "ends_at": ends_at,
                    "amount": from_nano(_bounded(sums[scope, unit, ends_at][0])),
                    "late": from_nano(_bounded(sums[scope, unit, ends_at][1])),
                }
                for scope, unit, ends_at in some
            ],
        )


def put_rates(
    connection: Connection,
    rates: Mapping[Series, Decimal],
    now: dt.datetime,
    until: dt.datetime,
    bucket_s: int,
) -> None:
    """Write rates into the buckets that are not over, in place of what was written there.

    Args:
        connection: Inside the transaction that records where they come from.
        rates: Units per second.
        now: Aware UTC.
        until: To the end of the bucket of this moment, aware UTC; one bucket to a day is written.
        bucket_s: Length of a bucket.
    """
    bucket = dt.timedelta(seconds=bucket_s)
    first = bucket_floor(now, bucket_s) + bucket
    last = max(first, bucket_floor(min(until, now + _LONGEST_RATE), bucket_s) + bucket)
    ends = [first + n * bucket for n in range((last - first) // bucket + 1)]
    for series, rate in rates.items():
        scope, unit = storable_key(series.scope), storable_key(series.unit)
        amount = from_nano(_bounded(to_nano(rate * bucket_s)))
        connection.execute(
            delete(spend_bucket)
            .filter_by(scope=scope, unit=unit)
            .where(spend_bucket.c.ends_at >= first)
        )
        connection.execute(
            insert(spend_bucket),
            [
                {"scope": scope, "unit": unit, "ends_at": at, "amount": amount, "late": Decimal()}
                for at in ends
            ],
        )


def read_buckets(
    connection: Connection, after: dt.datetime, until: dt.datetime
) -> dict[dt.datetime, dict[Series, Decimal]]:
    """Return what was spent in time by the ends of buckets, of `after` < end <= `until`."""
    found: dict[dt.datetime, dict[Series, Decimal]] = {}
    ends_at = spend_bucket.c.ends_at
    rows = connection.execute(
        select(spend_bucket).where(ends_at > after, ends_at <= until).order_by(*_KEY)
    )
    for row in rows:
        found.setdefault(row.ends_at, {})[Series(row.scope, row.unit)] = row.amount
    return found


def read_sums(
    connection: Connection, after: dt.datetime, until: dt.datetime
) -> dict[Series, Decimal]:
    """Return what each series has cost in the buckets of `after` < end <= `until`."""
    ends_at = spend_bucket.c.ends_at
    key = (spend_bucket.c.scope, spend_bucket.c.unit)
    rows = connection.execute(
        select(*key, sum_(spend_bucket.c.amount).label("amount"))
        .where(ends_at > after, ends_at <= until)
        .group_by(*key)
    )
    return {Series(row.scope, row.unit): row.amount for row in rows}


def read_series(
    connection: Connection, series: Series, after: dt.datetime, until: dt.datetime
) -> dict[dt.datetime, Decimal]:
    """Return what one series has cost by the ends of buckets, of `after` < end <= `until`."""
    ends_at = spend_bucket.c.ends_at
    rows = connection.execute(
        select(ends_at, spend_bucket.c.amount).where(
            spend_bucket.c.scope == series.scope,
            spend_bucket.c.unit == series.unit,
            ends_at > after,
            ends_at <= until,
        )
    )
    return {row.ends_at: row.amount for row in rows}


def read_series_hours(
    connection: Connection, series: Series, start: dt.datetime, end: dt.datetime
) -> dict[dt.datetime, Decimal]:
    """Return what guards have reported of one series by hour, of `start` <= hour < `end`."""
    hour = guard_spend.c.hour
    rows = connection.execute(
        select(hour, sum_(guard_spend.c.spent).label("spent"))
        .where(
            guard_spend.c.scope == series.scope,
            guard_spend.c.currency == series.unit,
            hour >= start,
            hour < end,
        )
        .group_by(hour)
    )
    return {row.hour: row.spent for row in rows}


def read_hours(connection: Connection) -> dict[Series, dict[dt.datetime, Decimal]]:
    """Return what guards have reported, by series and start of the hour."""
    key = (guard_spend.c.scope, guard_spend.c.currency, guard_spend.c.hour)
    found: dict[Series, dict[dt.datetime, Decimal]] = {}
    statement = select(*key, sum_(guard_spend.c.spent).label("spent")).group_by(*key)
    for row in connection.execute(statement):
        found.setdefault(Series(row.scope, row.currency), {})[row.hour] = row.spent
    return found


def has_spent(connection: Connection, series: Series, before: dt.datetime) -> bool:
    """Tell whether guards have reported rows of a series of an hour that was over by `before`."""
    row = select(guard_spend.c.scope).where(
        guard_spend.c.scope == series.scope,
        guard_spend.c.currency == series.unit,
        guard_spend.c.hour <= before - HOUR,
    )
    return connection.execute(row.limit(1)).first() is not None


def read_watches(connection: Connection) -> Watches:
    """Return all that is kept over a restart: states, and the findings that are open."""
    position, watches = None, {}
    for row in connection.execute(select(spend_watch)):
        series = Series(row.scope, row.unit)
        if series == _POSITION:
            position = Position(row.began_at, row.fed_until)
        elif series not in {_RULES, _METERED}:
            watches[series] = SavedWatch(row.fed_until, row.state)
    rows = connection.scalars(
        select(finding_table.c.detail).where(finding_table.c.state != "resolved")
    )
    return Watches(position, watches, tuple(readable(rows, "finding", _from_text)))


def read_rules(connection: Connection) -> SavedWatch | None:
    """Return what the rules know of the past; `None`: nothing was kept."""
    return _read_state(connection, _RULES)


def save_rules(connection: Connection, saved: SavedWatch) -> None:
    """Keep what the rules know of the past, in place of what was kept."""
    _save_state(connection, _RULES, saved)


def read_metered(connection: Connection) -> SavedWatch | None:
    """Return what was seen of metered applications at the last look; `None`: there was none."""
    return _read_state(connection, _METERED)


def put_metered(
    connection: Connection, spent: Mapping[Series, MeteredSpend], saved: SavedWatch
) -> None:
    """Write what metered applications have cost, and up to which figures.

    Args:
        connection: Inside a transaction of the one writer.
        spent: Of the bucket that ends at `saved.fed_until`.
        saved: What was seen at this look.
    """
    rows = {
        (storable_key(series.scope), series.unit, saved.fed_until): {
            "scope": storable_key(series.scope),
            "unit": series.unit,
            "ends_at": saved.fed_until,
            "amount": from_nano(_bounded(to_nano(one.amount))),
            "late": from_nano(_bounded(to_nano(one.late))),
        }
        for series, one in spent.items()
    }
    if rows:
        connection.execute(delete(spend_bucket).where(tuple_(*_KEY).in_(list(rows))))
        connection.execute(insert(spend_bucket), list(rows.values()))
    _save_state(connection, _METERED, saved)


def _read_state(connection: Connection, key: Series) -> SavedWatch | None:
    kept = select(spend_watch).filter_by(scope=key.scope, unit=key.unit)
    row = connection.execute(kept).first()
    return None if row is None else SavedWatch(row.fed_until, row.state)


def _save_state(connection: Connection, key: Series, saved: SavedWatch) -> None:
    connection.execute(delete(spend_watch).filter_by(**key._asdict()))
    connection.execute(insert(spend_watch).values(**key._asdict(), **saved._asdict()))


def save_watches(
    connection: Connection,
    watches: Mapping[Series, SavedWatch],
    findings: Iterable[SpendFinding],
    position: Position | None,
    dropped: Iterable[Series],
) -> None:
    """Keep states and findings in place of what was kept of them.

    Args:
        connection: Inside a transaction of the one writer.
        watches: The states.
        findings: Those that have changed.
        position: How far all watches have come, when all are saved; `None` leaves it.
        dropped: Series that are not watched any more.
    """
    if position is not None:
        watches = {**watches, _POSITION: SavedWatch(position.fed_until, b"")}
    for series in (*watches, *dropped):
        connection.execute(delete(spend_watch).filter_by(scope=series.scope, unit=series.unit))
    began_at = None if position is None else position.began_at
    rows = [
        {
            "scope": series.scope,
            "unit": series.unit,
            "began_at": began_at if series == _POSITION else None,
            "fed_until": one.fed_until,
            "state": one.state,
        }
        for series, one in watches.items()
    ]
    if rows:
        connection.execute(insert(spend_watch), rows)
    for one in findings:
        key = storable_key(one.id)
        connection.execute(delete(finding_table).where(finding_table.c.id == key))
        connection.execute(
            insert(finding_table).values(
                id=key,
                state=one.state,
                opened_at=one.opened_at,
                changed_at=one.at,
                detail=_to_text(one),
            )
        )


def forget_guards(connection: Connection) -> None:
    """Delete what guards have reported, and what was found, decided and told because of it."""
    for table in (
        guard_spend,
        guard_total,
        guard_seen,
        spend_bucket,
        spend_watch,
        finding_table,
        circuit,
        alert_memory,
        alert_outbox,
    ):
        connection.execute(delete(table))


def read_findings(connection: Connection, limit: int) -> tuple[SpendFinding, ...]:
    """Return the findings that were opened last, newest first."""
    rows = connection.scalars(
        select(finding_table.c.detail)
        .order_by(finding_table.c.opened_at.desc(), finding_table.c.id)
        .limit(limit)
    )
    return tuple(readable(rows, "finding", _from_text))


def _to_text(one: SpendFinding) -> str:
    values: dict[str, Any] = {field.name: getattr(one, field.name) for field in fields(one)}
    values |= {name: values[name].isoformat() for name in _MOMENTS}
    values["why"] = [storable(text, _LONGEST) for text in one.why]
    return json.dumps(values)


def _from_text(text: str) -> SpendFinding:
    values = json.loads(text)
    values |= {name: dt.datetime.fromisoformat(values[name]) for name in _MOMENTS}
    values["series"] = Series(*values["series"])
    values["why"] = tuple(values["why"])
    values["contributors"] = tuple(Contribution(*one) for one in values["contributors"])
    return SpendFinding(**values)


def _bounded(nano: int) -> int:
    return max(-LARGEST_NANO, min(LARGEST_NANO, nano))
