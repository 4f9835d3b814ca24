"""Read back what each account held in its last good cycle."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from costmon.domain.resource import Inventory, Resource
from costmon.store.packing import unpack_balance, unpack_failed, unpack_gaps, unpack_not_priced
from costmon.store.resources import resource_of
from costmon.store.schema import account, rate_interval, resource


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """The last good cycle of one account.

    Attributes:
        inventory: Everything it saw, in the vendor's order, costs rounded to nano-units.
        cycle_id: Which cycle that was.
    """

    inventory: Inventory
    cycle_id: str


def read_latest(connection: Connection) -> tuple[StoredAccount, ...]:
    """Return the last good inventory of every account ever polled, by name."""
    held: dict[tuple[str, str], list[Resource]] = {}
    for _, seen in open_resources(connection):
        held.setdefault((seen.account, seen.provider), []).append(seen)
    rows = connection.execute(select(account).order_by(account.c.account, account.c.provider))
    return tuple(
        StoredAccount(
            inventory=Inventory(
                account=row.account,
                provider=row.provider,
                observed_at=row.observed_at,
                resources=tuple(held.get((row.account, row.provider), ())),
                gaps=unpack_gaps(row.gaps),
                not_priced=unpack_not_priced(row.not_priced),
                balance=unpack_balance(row.balance),
                failed=unpack_failed(row.failed),
            ),
            cycle_id=row.cycle_id,
        )
        for row in rows
    )


def open_resources(
    connection: Connection, of: tuple[str, str] | None = None
) -> Iterator[tuple[Row[Any], Resource]]:
    """Yield every resource with an open interval, in the vendor's order, beside its row.

    Args:
        connection: Inside a transaction.
        of: Account and provider; `None` is all of them.
    """
    columns = (
        rate_interval.c.resource_id,
        rate_interval.c.valid_from,
        rate_interval.c.monthly,
        rate_interval.c.currency.label("rate_currency"),
        resource,
    )
    query = (
        select(*columns)
        .join_from(rate_interval, resource)
        .where(rate_interval.c.valid_to.is_(None))
        .order_by(resource.c.account, resource.c.provider, resource.c.position)
    )
    if of is not None:
        query = query.where(resource.c.account == of[0], resource.c.provider == of[1])
    for row in connection.execute(query):
        yield row, resource_of(row)
