"""Add a cycle to the daily roll-ups.

The rows of the days touched are read, added to and written back in the cycle's own transaction.
The fence is held, so nobody else adds to them meanwhile, and it works on any database.
"""

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, and_, insert, select, type_coerce, update

from costmon.domain.money import from_nano
from costmon.store.accrual import MONTH_US, DayFigures, Group
from costmon.store.schema import daily_coverage, daily_rollup


class _Stored(NamedTuple):
    """A roll-up row; money in nano-units."""

    accrued: int
    remainder: int
    last_monthly: int
    resource_count: int
    unpriced_count: int


_NOTHING = _Stored(0, 0, 0, 0, 0)


def add_days(
    connection: Connection, account: str, provider: str, days: Sequence[DayFigures]
) -> None:
    """Add what one cycle says about each of `days` (at least one, oldest first)."""
    stored = _read(connection, account, provider, days[0].day, days[-1].day)
    for figures in days:
        known = stored.get(figures.day, {})
        for group in known.keys() | figures.standing.keys() | figures.integrals.keys():
            before = known.get(group)
            after = _added(before, figures, group)
            if after != before:
                _write(connection, (figures.day, account, provider, *group), before, after)
        _cover(connection, account, provider, figures)


def _added(before: _Stored | None, figures: DayFigures, group: Group) -> _Stored:
    row = before or _NOTHING
    whole, remainder = divmod(row.remainder + figures.integrals.get(group, 0), MONTH_US)
    standing = figures.standing.get(group)
    last = standing.monthly if standing else 0
    if before is not None and not figures.observed:
        # That day's last observation saw more than what the next day's still knows of.
        last = before.last_monthly
    return _Stored(
        accrued=row.accrued + whole,
        remainder=remainder,
        last_monthly=last,
        resource_count=max(row.resource_count, standing.count if standing else 0),
        unpriced_count=max(row.unpriced_count, standing.unpriced if standing else 0),
    )


def _read(
    connection: Connection, account: str, provider: str, first: dt.date, last: dt.date
) -> dict[dt.date, dict[Group, _Stored]]:
    table = daily_rollup.c
    rows = connection.execute(
        select(
            table.day,
            table.kind,
            table.region,
            table.currency,
            type_coerce(table.accrued, BigInteger),
            table.remainder,
            type_coerce(table.last_monthly, BigInteger),
            table.resource_count,
            table.unpriced_count,
        ).where(
            table.day.between(first, last), table.account == account, table.provider == provider
        )
    )
    stored: dict[dt.date, dict[Group, _Stored]] = {}
    for day, kind, region, currency, *figures in rows:
        stored.setdefault(day, {})[Group(kind, region, currency)] = _Stored(*figures)
    return stored


def _write(
    connection: Connection,
    key: tuple[dt.date, str, str, str, str, str],
    before: _Stored | None,
    after: _Stored,
) -> None:
    names = ("day", "account", "provider", "kind", "region", "currency")
    identity = dict(zip(names, key, strict=True))
    values = {
        **after._asdict(),
        "accrued": from_nano(after.accrued),
        "last_monthly": from_nano(after.last_monthly),
    }
    if before is None:
        connection.execute(insert(daily_rollup).values(**identity, **values))
        return
    here = and_(*(daily_rollup.c[name] == value for name, value in identity.items()))
    connection.execute(update(daily_rollup).where(here).values(**values))


def _cover(connection: Connection, account: str, provider: str, figures: DayFigures) -> None:
    table = daily_coverage.c
    here = and_(table.day == figures.day, table.account == account, table.provider == provider)
    covered = connection.execute(select(table.observed_us).where(here)).scalar()
    if covered is None:
        connection.execute(
            insert(daily_coverage).values(
                day=figures.day,
                account=account,
                provider=provider,
                observed_us=figures.covered_us,
            )
        )
        return
    connection.execute(
        update(daily_coverage).where(here).values(observed_us=covered + figures.covered_us)
    )
