"""Keep what charges add up to, by day and by month, in the transaction that changes them.

A group that was touched is added up again from its rows, exactly, and rounded once. Months are sums
of the rounded days, so they move by what the days have moved.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple, TypeVar

from sqlalchemy import (
    BigInteger,
    Connection,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    select,
    type_coerce,
)

from costmon.domain.money import EXACT, from_nano, to_nano
from costmon.errors import StoreError
from costmon.store.charge_rows import Group
from costmon.store.charge_schema import NO_PROJECT, charge, charge_day, charge_month
from costmon.store.columns import LARGEST_NANO

Owner = tuple[str, str]
"""Account and provider."""

STREAMED = {"yield_per": 2_000}
"""For statements whose answer is read row by row and never held."""
_AT_ONCE = 100
"""Days or months in one query."""

T = TypeVar("T")


class Sum(NamedTuple):
    """What a group adds up to, or by how much that has changed; money in nano-units."""

    billed: int
    effective: int
    charge_count: int

    def plus(self, other: "Sum") -> "Sum":
        """Return the sum of both."""
        return Sum(*(mine + its for mine, its in zip(self, other, strict=True)))

    def minus(self, other: "Sum") -> "Sum":
        """Return the difference to another one."""
        return Sum(*(mine - its for mine, its in zip(self, other, strict=True)))


NOTHING = Sum(0, 0, 0)


class _MonthGroup(NamedTuple):
    month: dt.date
    service: str
    currency: str
    basis: str


def update_rollups(
    connection: Connection, owner: Owner, touched: Collection[Group]
) -> dict[Group, Sum]:
    """Bring the roll-ups of the groups in line with their rows.

    Returns:
        By how much each group has changed; those that have not are left out.
    """
    moved: dict[Group, Sum] = {}
    for days in portions(sorted({group.day for group in touched}), _AT_ONCE):
        before = _stored(connection, owner, days)
        after = _added_up(connection, owner, days)
        changed = {
            group: (before.get(group, NOTHING), after.get(group, NOTHING))
            for group in before.keys() | after.keys()
            if before.get(group) != after.get(group)
        }
        _put(connection, charge_day, owner, {group: new for group, (_, new) in changed.items()})
        moved |= {group: new.minus(old) for group, (old, new) in changed.items()}
    _move_months(connection, owner, moved)
    return moved


def portions(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yield `items` in portions that fit into one statement."""
    return (items[first : first + size] for first in range(0, len(items), size))


def _added_up(connection: Connection, owner: Owner, days: Sequence[dt.date]) -> dict[Group, Sum]:
    """Return the exact sums of the rows of `days`, each rounded once."""
    columns = charge.c
    billed: defaultdict[Group, Decimal] = defaultdict(Decimal)
    effective: defaultdict[Group, Decimal] = defaultdict(Decimal)
    count: defaultdict[Group, int] = defaultdict(int)
    rows = connection.execute(
        select(
            columns.x_Day,
            columns.ServiceName,
            columns.SubAccountId,
            columns.BillingCurrency,
            columns.ChargeCategory,
            columns.x_CostBasis,
            columns.BilledCost,
            columns.EffectiveCost,
        ).where(
            columns.x_Account == owner[0],
            columns.x_Provider == owner[1],
            columns.x_Day.in_(days),
        ),
        execution_options=STREAMED,
    )
    for day, service, project, currency, category, basis, one, other in rows:
        group = Group(day, service, project or NO_PROJECT, currency, category, basis)
        billed[group] = EXACT.add(billed[group], one)
        effective[group] = EXACT.add(effective[group], other)
        count[group] += 1
    return {
        group: Sum(
            _fitting(owner, to_nano(billed[group])),
            _fitting(owner, to_nano(effective[group])),
            number,
        )
        for group, number in count.items()
    }


def _stored(connection: Connection, owner: Owner, days: Sequence[dt.date]) -> dict[Group, Sum]:
    table = charge_day.c
    rows = connection.execute(
        select(
            *(table[name] for name in Group._fields),
            type_coerce(table.billed, BigInteger),
            type_coerce(table.effective, BigInteger),
            table.charge_count,
        ).where(table.day.in_(days), table.account == owner[0], table.provider == owner[1])
    )
    width = len(Group._fields)
    return {Group(*row[:width]): Sum(*row[width:]) for row in rows}


def _move_months(connection: Connection, owner: Owner, moved: Mapping[Group, Sum]) -> None:
    changes: defaultdict[_MonthGroup, Sum] = defaultdict(lambda: NOTHING)
    for group, change in moved.items():
        key = _MonthGroup(group.day.replace(day=1), group.service, group.currency, group.basis)
        changes[key] = changes[key].plus(change)
    before: dict[_MonthGroup, Sum] = {}
    table, width = charge_month.c, len(_MonthGroup._fields)
    for months in portions(sorted({key.month for key in changes}), _AT_ONCE):
        rows = connection.execute(
            select(
                *(table[name] for name in _MonthGroup._fields),
                type_coerce(table.billed, BigInteger),
                type_coerce(table.effective, BigInteger),
                table.charge_count,
            ).where(table.month.in_(months), table.account == owner[0], table.provider == owner[1])
        )
        before |= {_MonthGroup(*row[:width]): Sum(*row[width:]) for row in rows}
    after = {key: before.get(key, NOTHING).plus(change) for key, change in changes.items()}
    for sum_ in after.values():
        _fitting(owner, sum_.billed)
        _fitting(owner, sum_.effective)
    _put(connection, charge_month, owner, after)


def _put(
    connection: Connection,
    table: Table,
    owner: Owner,
    sums: Mapping[Group, Sum] | Mapping[_MonthGroup, Sum],
) -> None:
    """Write sums in place of those of the same groups; a group without rows is not kept."""
    if not sums:
        return
    names = [column.name for column in table.primary_key]
    gone = [{"account": owner[0], "provider": owner[1], **group._asdict()} for group in sums]
    connection.execute(
        delete(table).where(and_(*(table.c[name] == bindparam(f"old_{name}") for name in names))),
        [{f"old_{name}": value for name, value in key.items()} for key in gone],
    )
    rows = [
        key
        | {
            "billed": from_nano(sum_.billed),
            "effective": from_nano(sum_.effective),
            "charge_count": sum_.charge_count,
        }
        for key, sum_ in zip(gone, sums.values(), strict=True)
        if sum_.charge_count
    ]
    if rows:
        connection.execute(insert(table), rows)


def _fitting(owner: Owner, nano: int) -> int:
    if abs(nano) > LARGEST_NANO:
        msg = (
            f"charges of {owner[0]} add up to {from_nano(nano)}, which is more than can be stored;"
            " none of them was recorded"
        )
        raise StoreError(msg)
    return nano
