"""Answer questions about charges, from the roll-ups only."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    Date,
    Select,
    Table,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)

from costmon.domain.charge_report import (
    ChargeFreshness,
    ChargeGroup,
    ChargeOverview,
    ChargeQuery,
    ChargeTotal,
    CompleteDay,
    Restatement,
    month_to_date,
    twelve_months,
)
from costmon.domain.money import from_nano
from costmon.domain.resource import Basis
from costmon.store.charge_rollups import NOTHING, Sum
from costmon.store.charge_schema import (
    charge_day,
    charge_month,
    charge_project,
    charge_restatement,
)
from costmon.store.charge_windows import freshness, read_windows

_DAY = dt.timedelta(days=1)
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
_Key = tuple[str, str, str, str, str]
"""Group, account, provider, currency, basis: the order of answers."""


def read_charges(connection: Connection, query: ChargeQuery) -> tuple[ChargeTotal, ...]:
    """Return one total for each group, account, provider, currency and basis, in that order."""
    sums = _added_up(connection, _pieces(query))
    labels = _project_names(connection) if query.group_by == "project" else {}
    return tuple(_total(key, sum_, labels) for key, sum_ in sorted(sums.items()))


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
    )


def read_last_days(
    connection: Connection, fresh: Sequence[ChargeFreshness]
) -> tuple[CompleteDay, ...]:
    """Return the last complete day of each account whose vendor says what is complete."""
    table = charge_day.c
    days = {(it.account, it.provider): it.last_complete_day for it in fresh}
    known = [(*owner, day) for owner, day in days.items() if day is not None]
    here = tuple_(table.account, table.provider, table.day).in_(known)
    statement = _sums(charge_day, table.service).where(here)
    totals: dict[tuple[str, str], list[ChargeTotal]] = {}
    for key, sum_ in sorted(_added_up(connection, [(1, statement)]).items()):
        totals.setdefault((key[1], key[2]), []).append(_total(key, sum_, {}))
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


def _pieces(query: ChargeQuery) -> list[tuple[int, Select[Any]]]:
    """Return what to add up (1) and what to take away (-1)."""
    if query.start == query.end:
        return []
    group, in_days = query.group_by, _IN_DAYS.get(query.group_by)
    if group in _IN_MONTHS:
        return _months_less_days(query, _IN_MONTHS[group], in_days)
    return [(1, _days(_IN_DAYS[group], query.start, query.end))]


def _months_less_days(
    query: ChargeQuery, of_months: ColumnElement[Any], of_days: ColumnElement[Any] | None
) -> list[tuple[int, Select[Any]]]:
    """Return whole months, less the days at both ends that were not asked for.

    Of a month to date those lie in the future, so that it is read from a few rows however many the
    month has. Both are sums of the same rounded days: the difference is exact.
    """
    first, last = query.start.replace(day=1), (query.end - _DAY).replace(day=1)
    after = (last + 32 * _DAY).replace(day=1)
    table = charge_month.c
    months = _sums(charge_month, of_months).where(table.month >= first, table.month <= last)
    pieces = [(1, months)]
    for month, start, end in ((first, first, query.start), (last, query.end, after)):
        if start < end:
            group = literal(month, Date) if of_days is None else of_days
            pieces.append((-1, _days(group, start, end)))
    return pieces


def _days(group: ColumnElement[Any], start: dt.date, end: dt.date) -> Select[Any]:
    return _sums(charge_day, group).where(charge_day.c.day >= start, charge_day.c.day < end)


def _sums(table: Table, group: ColumnElement[Any]) -> Select[Any]:
    """Select the sums of a roll-up by `_Key`."""
    columns = table.c
    key = (columns.account, columns.provider, columns.currency, columns.basis)
    return select(
        group.label("shown"),
        *key,
        func.sum(type_coerce(columns.billed, BigInteger)),
        func.sum(type_coerce(columns.effective, BigInteger)),
        func.sum(columns.charge_count),
    ).group_by(*key, *([] if isinstance(group, BindParameter) else [group]))


def _added_up(connection: Connection, pieces: Iterable[tuple[int, Select[Any]]]) -> dict[_Key, Sum]:
    """Return what has rows left when all is added up and taken away."""
    sums: defaultdict[_Key, Sum] = defaultdict(lambda: NOTHING)
    for sign, statement in pieces:
        for group, account, provider, currency, basis, *figures in connection.execute(statement):
            shown = group.isoformat() if isinstance(group, dt.date) else group
            key = (shown, account, provider, currency, basis)
            sum_ = Sum(*map(int, figures))
            sums[key] = sums[key].plus(sum_) if sign > 0 else sums[key].minus(sum_)
    return {key: sum_ for key, sum_ in sums.items() if sum_.charge_count}


def _total(key: _Key, sum_: Sum, labels: Mapping[tuple[str, str, str], str]) -> ChargeTotal:
    group, account, provider, currency, basis = key
    return ChargeTotal(
        account=account,
        provider=provider,
        currency=currency,
        basis=cast("Basis", basis),
        group=group,
        label=labels.get((account, provider, group), group),
        billed=from_nano(sum_.billed),
        effective=from_nano(sum_.effective),
        charge_count=sum_.charge_count,
    )


def _project_names(connection: Connection) -> dict[tuple[str, str, str], str]:
    rows = connection.execute(select(charge_project))
    return {(row.account, row.provider, row.project): row.name for row in rows}
