"""Answer questions about charges, from the roll-ups only."""

import datetime as dt
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    CompoundSelect,
    Connection,
    Date,
    Select,
    Table,
    and_,
    bindparam,
    func,
    select,
    tuple_,
    type_coerce,
    union_all,
)

from costmon.domain.charge_report import (
    ChargeFreshness,
    ChargeGroup,
    ChargeOverview,
    ChargeQuery,
    ChargeTotal,
    CompleteDay,
    PastRate,
    Restatement,
    month_to_date,
    twelve_months,
)
from costmon.domain.history import HistoryQuery
from costmon.domain.money import from_nano
from costmon.domain.period import Period
from costmon.domain.prediction import HISTORY_DAYS
from costmon.store.charge_schema import (
    charge_day,
    charge_month,
    charge_project,
    charge_restatement,
)
from costmon.store.charge_windows import freshness, read_windows
from costmon.store.history import read_history

_DAY = dt.timedelta(days=1)
_USD = "USD"
_IN_DAYS: Mapping[ChargeGroup, ColumnElement[Any]] = {
    "account": charge_day.c.account,
    "service": charge_day.c.service,
    "project": charge_day.c.project,
    "category": charge_day.c.category,
    "day": charge_day.c.day,
}
_IN_MONTHS: Mapping[ChargeGroup, ColumnElement[Any]] = {
    "account": charge_month.c.account,
    "service": charge_month.c.service,
    "month": charge_month.c.month,
}


def read_charges(connection: Connection, query: ChargeQuery) -> tuple[ChargeTotal, ...]:
    """Return one total for each group, account, provider, currency and basis, in that order."""
    if query.start == query.end:
        return ()
    first, last = query.start.replace(day=1), (query.end - _DAY).replace(day=1)
    days = {
        "start": query.start,
        "end": query.end,
        "first_month": first,
        "last_month": last,
        "month_after": (last + 32 * _DAY).replace(day=1),
    }
    labels = _project_names(connection) if query.group_by == "project" else {}
    return _totals(connection.execute(_statement(query.group_by), days).all(), labels)


def read_overview(
    connection: Connection, today: dt.date, restated_since: dt.datetime
) -> ChargeOverview:
    """Return everything that is kept in memory about charges."""
    fresh = freshness(read_windows(connection))
    return ChargeOverview(
        today=today,
        by_service=read_charges(connection, month_to_date(today, "service")),
        by_project=read_charges(connection, month_to_date(today, "project")),
        by_day=read_charges(connection, month_to_date(today, "day")),
        by_month=read_charges(connection, twelve_months(today)),
        last_days=read_last_days(connection, fresh),
        restatements=read_restatements(connection, restated_since),
        freshness=fresh,
        past_days=read_charges(connection, _past(today)),
        past_rates=_read_past_rates(connection, today),
    )


def _past(today: dt.date) -> ChargeQuery:
    """Return the query for a forecast; in the vendor's zone, tomorrow may have begun."""
    return ChargeQuery(start=today - HISTORY_DAYS * _DAY, end=today + 2 * _DAY, group_by="day")


def _read_past_rates(connection: Connection, today: dt.date) -> tuple[PastRate, ...]:
    start, end = (
        dt.datetime.combine(day, dt.time(), dt.UTC)
        for day in (today - HISTORY_DAYS * _DAY, today + 2 * _DAY)
    )
    query = HistoryQuery(period=Period(start=start, end=end), step="day", group_by="account")
    return tuple(
        PastRate(row.group, row.period.start.date(), row.average_monthly)
        for row in read_history(connection, query)
        if row.currency == _USD and row.average_monthly is not None
    )


def read_last_days(
    connection: Connection, fresh: Sequence[ChargeFreshness]
) -> tuple[CompleteDay, ...]:
    """Return the last complete day of each account whose vendor says what is complete."""
    table = charge_day.c
    days = {(it.account, it.provider): it.last_complete_day for it in fresh}
    known = [(*owner, day) for owner, day in days.items() if day is not None]
    here = tuple_(table.account, table.provider, table.day).in_(known)
    statement = _sums(_rows(charge_day, table.service).where(here))
    totals: dict[tuple[str, str], list[ChargeTotal]] = {}
    for total in _totals(connection.execute(statement).all(), {}):
        totals.setdefault((total.account, total.provider), []).append(total)
    return tuple(
        CompleteDay(
            account=account,
            provider=provider,
            day=day,
            totals=tuple(totals.get((account, provider), ())),
        )
        for account, provider, day in known
    )


def read_restatements(connection: Connection, since: dt.datetime) -> tuple[Restatement, ...]:
    """Return what was restated in reads since then, newest first."""
    table = charge_restatement.c
    rows = connection.execute(
        select(charge_restatement)
        .where(table.observed_at >= since)
        .order_by(table.observed_at.desc(), table.id)
    )
    return tuple(
        Restatement(
            account=row.account,
            provider=row.provider,
            day=row.day,
            service=row.service,
            project=row.project,
            currency=row.currency,
            billed_delta=row.billed_delta,
            effective_delta=row.effective_delta,
            observed_at=row.observed_at,
        )
        for row in rows
    )


@functools.cache
def _statement(group_by: ChargeGroup) -> Select[Any]:
    """Return the statement, its days unbound: building it takes longer than running it."""
    if group_by not in _IN_MONTHS:
        return _sums(_rows(charge_day, _IN_DAYS[group_by]).where(_days_between("start", "end")))
    # Whole months, less the days at both ends that were not asked for. Of a month to date those lie
    # in the future, so that it is read from a few rows however many the month has. Both are sums of
    # the same rounded days: the difference is exact.
    months = _rows(charge_month, _IN_MONTHS[group_by]).where(
        charge_month.c.month >= bindparam("first_month", type_=Date),
        charge_month.c.month <= bindparam("last_month", type_=Date),
    )
    edges = [
        _rows(charge_day, _IN_DAYS.get(group_by, bindparam(month, type_=Date)), sign=-1).where(
            _days_between(start, end)
        )
        for month, start, end in (
            ("first_month", "first_month", "start"),
            ("last_month", "end", "month_after"),
        )
    ]
    return _sums(union_all(months, *edges))


def _days_between(start: str, end: str) -> ColumnElement[bool]:
    return and_(
        charge_day.c.day >= bindparam(start, type_=Date),
        charge_day.c.day < bindparam(end, type_=Date),
    )


def _rows(table: Table, group: ColumnElement[Any], *, sign: int = 1) -> Select[Any]:
    """Select rows of a roll-up, to be added (1) or taken away (-1)."""
    columns = table.c
    return select(
        group.label("shown"),
        columns.account.label("account"),
        columns.provider.label("provider"),
        columns.currency.label("currency"),
        columns.basis.label("basis"),
        (type_coerce(columns.billed, BigInteger) * sign).label("billed"),
        (type_coerce(columns.effective, BigInteger) * sign).label("effective"),
        (columns.charge_count * sign).label("charge_count"),
    )


def _sums(rows: Select[Any] | CompoundSelect[Any]) -> Select[Any]:
    """Add rows up by group, account, provider, currency and basis; leave out empty groups."""
    columns = rows.subquery("rollup").c
    key = (columns.shown, columns.account, columns.provider, columns.currency, columns.basis)
    count = func.sum(columns.charge_count)
    sums = (func.sum(columns.billed), func.sum(columns.effective), count)
    return select(*key, *sums).group_by(*key).having(count > 0)


def _totals(
    rows: Iterable[Sequence[Any]], labels: Mapping[tuple[str, str, str], str]
) -> tuple[ChargeTotal, ...]:
    totals = []
    for group, account, provider, currency, basis, billed, effective, count in rows:
        shown = group if isinstance(group, str) else group.isoformat()
        totals.append(
            ChargeTotal(
                shown,
                account,
                provider,
                currency,
                basis,
                labels.get((account, provider, shown), shown) if labels else shown,
                from_nano(int(billed)),
                from_nano(int(effective)),
                int(count),
            )
        )
    return tuple(sorted(totals))


def _project_names(connection: Connection) -> dict[tuple[str, str, str], str]:
    rows = connection.execute(select(charge_project))
    return {(row.account, row.provider, row.project): row.name for row in rows}
