"""What guards have reported: cumulative rows, what they add up to, and who has reported.

Rows come again, out of order and from several guards that share a store. So a row counts by what it
adds to the copy that is there, inside the same transaction, and only when it is newer: totals are
exact whatever is sent twice, and stay when old rows are forgotten.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection, Table, delete, insert, select, tuple_

from costmon.domain.finding import BUCKET_S, Series
from costmon.domain.money import from_nano, to_nano
from costmon.domain.spend import UNPRICED_CALL, GuardReport, SpendRow
from costmon.state.guard_reports import MOST_TOTALS, Recorded, TotalKey
from costmon.state.guard_state import SpendTotal
from costmon.store.acknowledged import Acknowledged, followed
from costmon.store.columns import LARGEST_NANO
from costmon.store.schema import guard_seen, guard_spend, guard_total, guard_unpriced
from costmon.store.spend import add_spend
from costmon.store.text import storable, storable_key

_SpendKey = tuple[dt.datetime, str, str]
_Totals = dict[TotalKey, SpendTotal]
_SPEND_KEY = (guard_spend.c.hour, guard_spend.c.scope, guard_spend.c.activity)
_AT_ONCE = 200
"""Keys a statement: SQLite allows 32,766 parameters, older ones 999."""


class _Sum(NamedTuple):
    nano: int
    requests: int
    failed: int

    def plus(self, other: "_Sum", sign: int = 1) -> "_Sum":
        return _Sum(
            _bounded(self.nano + sign * other.nano),
            _bounded(self.requests + sign * other.requests),
            _bounded(self.failed + sign * other.failed),
        )


_NOTHING = _Sum(0, 0, 0)


def record_report(
    connection: Connection,
    report: GuardReport,
    *,
    now: dt.datetime,
    not_before: dt.datetime | None,
    bucket_s: int = BUCKET_S,
) -> Recorded:
    """Write a report's rows and note the guard.

    Args:
        connection: Inside a transaction of the one writer.
        report: Its amounts may be finer than a nano-unit: they are rounded half to even.
        now: Aware UTC.
        not_before: Rows of earlier hours are ignored: the copy they would be compared with may be
            forgotten already. `None`: all are taken.
        bucket_s: Length of the buckets to which the money is added, in seconds.
    """
    rows, ignored = _usable(report, not_before)
    totals, unpriced, spent = _record_rows(
        connection, storable_key(report.store), report.currency, rows
    )
    add_spend(connection, spent, now, bucket_s)
    acknowledged = _follow(connection, report, now)
    return Recorded(
        guard=report.guard,
        confirmed=acknowledged.confirmed,
        totals=totals,
        unpriced=unpriced,
        rows=len(rows),
        ignored=ignored,
    )


def read_totals(connection: Connection, table: Table) -> dict[TotalKey, SpendTotal]:
    """Return the largest totals of `guard_total` or `guard_unpriced`."""
    statement = select(table).order_by(table.c.spent.desc(), *table.primary_key)
    rows = connection.execute(statement.limit(MOST_TOTALS)).mappings()
    return {
        (row["scope"], row["currency"]): SpendTotal(
            row["currency"], row["spent"], row["requests"], row["failed"]
        )
        for row in rows
    }


def _usable(
    report: GuardReport, not_before: dt.datetime | None
) -> tuple[dict[_SpendKey, SpendRow], int]:
    """Return the newest copy of each row that can be stored, and how many rows cannot."""
    rows: dict[_SpendKey, SpendRow] = {}
    ignored = 0
    for row in report.rows:
        if not _fits(row) or (not_before is not None and row.hour < not_before):
            ignored += 1
            continue
        key = (row.hour, storable_key(row.scope), storable_key(row.activity))
        known = rows.get(key)
        if known is None or known.changes < row.changes:
            rows[key] = row
    return rows, ignored


def _fits(row: SpendRow) -> bool:
    counts = (row.requests, row.failed, row.expired, row.bytes_in, row.bytes_out, row.changes)
    return (
        row.hour.tzinfo is not None
        and row.spent.is_finite()
        and abs(to_nano(row.spent)) <= LARGEST_NANO
        and all(0 <= count <= LARGEST_NANO for count in counts)
    )


def _record_rows(
    connection: Connection, store: str, currency: str, rows: Mapping[_SpendKey, SpendRow]
) -> tuple[_Totals, _Totals, dict[tuple[dt.datetime, Series], int]]:
    """Return the totals, those without a price, and what each series got by hour, in nano-units."""
    currency = storable_key(currency)
    known = _known_rows(connection, store, rows)
    newer = {
        key: row for key, row in rows.items() if key not in known or known[key][0] < row.changes
    }
    added: dict[TotalKey, _Sum] = {(scope, currency): _NOTHING for _, scope, _ in rows}
    unpriced = {
        (scope, currency): _NOTHING for _, scope, activity in rows if activity == UNPRICED_CALL
    }
    hourly: dict[tuple[dt.datetime, Series], int] = {}
    for key, row in newer.items():
        hour, scope, activity = key
        sums = (added, unpriced) if activity == UNPRICED_CALL else (added,)
        spent = _Sum(to_nano(row.spent), row.requests, row.failed)
        series = Series(scope, currency)
        hourly[hour, series] = hourly.get((hour, series), 0) + spent.nano
        if key in known:
            _, before_currency, before = known[key]
            # A store that changes its currency takes its rows along.
            total = (scope, before_currency)
            for into in sums:
                into[total] = into.get(total, _NOTHING).plus(before, -1)
            hourly[hour, series] -= before.nano
        for into in sums:
            into[scope, currency] = into[scope, currency].plus(spent)
    _replace_rows(connection, store, currency, newer)
    return (
        _add_to_totals(connection, guard_total, added),
        _add_to_totals(connection, guard_unpriced, unpriced),
        hourly,
    )


def _known_rows(
    connection: Connection, store: str, keys: Iterable[_SpendKey]
) -> dict[_SpendKey, tuple[int, str, _Sum]]:
    """Return changes, currency and sum of the copies that are stored."""
    found: dict[_SpendKey, tuple[int, str, _Sum]] = {}
    for some in _portions(keys):
        statement = select(guard_spend).where(
            guard_spend.c.store == store, tuple_(*_SPEND_KEY).in_(some)
        )
        for row in connection.execute(statement):
            found[row.hour, row.scope, row.activity] = (
                row.changes,
                row.currency,
                _Sum(to_nano(row.spent), row.requests, row.failed),
            )
    return found


def _replace_rows(
    connection: Connection, store: str, currency: str, rows: Mapping[_SpendKey, SpendRow]
) -> None:
    for some in _portions(rows):
        connection.execute(
            delete(guard_spend).where(guard_spend.c.store == store, tuple_(*_SPEND_KEY).in_(some))
        )
    values = [
        {
            "store": store,
            "hour": hour,
            "scope": scope,
            "activity": activity,
            "currency": currency,
            "spent": from_nano(to_nano(row.spent)),
            "requests": row.requests,
            "failed": row.failed,
            "expired": row.expired,
            "bytes_in": row.bytes_in,
            "bytes_out": row.bytes_out,
            "changes": row.changes,
        }
        for (hour, scope, activity), row in rows.items()
    ]
    if values:
        connection.execute(insert(guard_spend), values)


def _add_to_totals(connection: Connection, table: Table, added: Mapping[TotalKey, _Sum]) -> _Totals:
    """Return the totals after adding, those to which nothing was added too."""
    total_key = tuple_(table.c.scope, table.c.currency)
    before: dict[TotalKey, _Sum] = {}
    for some in _portions(added):
        for row in connection.execute(select(table).where(total_key.in_(some))):
            before[row.scope, row.currency] = _Sum(to_nano(row.spent), row.requests, row.failed)
    after = {key: before.get(key, _NOTHING).plus(sum_) for key, sum_ in added.items()}
    changed = [key for key, sum_ in after.items() if before.get(key) != sum_]
    for some in _portions(changed):
        connection.execute(delete(table).where(total_key.in_(some)))
    if changed:
        connection.execute(insert(table), [_total_row(key, after[key]) for key in changed])
    return {
        key: SpendTotal(key[1], from_nano(sum_.nano), sum_.requests, sum_.failed)
        for key, sum_ in after.items()
    }


def _total_row(key: TotalKey, sum_: _Sum) -> dict[str, str | int | Decimal]:
    return {
        "scope": key[0],
        "currency": key[1],
        "spent": from_nano(sum_.nano),
        "requests": sum_.requests,
        "failed": sum_.failed,
    }


def _follow(connection: Connection, report: GuardReport, now: dt.datetime) -> Acknowledged:
    """Note who reported, and say up to which report nothing is missing."""
    guard = storable_key(report.guard)
    row = connection.execute(select(guard_seen).where(guard_seen.c.guard == guard)).first()
    before = None if row is None else Acknowledged(row.sequence, row.confirmed, row.gap_at)
    after = followed(before, _bounded(report.sequence), len(report.rows), report.sent_at)
    values = {
        "store": storable_key(report.store),
        "app": storable(report.app),
        "host": storable(report.host),
        "pid": _bounded(report.pid),
        "sequence": after.sequence,
        "confirmed": after.confirmed,
        "gap_at": after.gap_at,
        "seen_at": now,
    }
    _put(connection, guard_seen, guard, values)
    return after


def _put(connection: Connection, table: Table, guard: str, values: Mapping[str, object]) -> None:
    connection.execute(delete(table).where(table.c.guard == guard))
    connection.execute(insert(table).values(guard=guard, **values))


def _bounded(number: int) -> int:
    """Return a number that fits: totals stop at 9 billion dollars instead of failing."""
    return max(-LARGEST_NANO, min(LARGEST_NANO, number))


def _portions(keys: Iterable[tuple[object, ...]]) -> Iterable[list[tuple[object, ...]]]:
    listed = list(keys)
    return (listed[first : first + _AT_ONCE] for first in range(0, len(listed), _AT_ONCE))
