"""Encode the `data` of `GET /api/v1/costs/current`, once for each published snapshot.

An account may hold 100,000 resources: rows are encoded in chunks into one growing buffer, and what
is shown for a price is computed and encoded once per distinct price.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from io import BytesIO
from itertools import islice

from costmon.api.schemas.costs import (
    DROPLET,
    HEADLINE_PROVIDER,
    DropletCost,
    ResourceCost,
    account_cost,
    current_totals,
    headline,
    waste_notes,
)
from costmon.api.schemas.encoding import encode, encoded_amount
from costmon.domain.period import month_of
from costmon.domain.resource import Inventory, Resource
from costmon.intake.answer import Answer
from costmon.pricing import calculate_daily_cost, calculate_hourly_cost
from costmon.state.estimate import MonthToDate
from costmon.state.value import AccountState, Snapshot
from costmon.state.waste import waste_of

Shown = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]
_NOTHING: Shown = (None, None, None, None)
_NO_DETAILS: dict[str, str] = {}

_ROWS_A_CHUNK = 500
# JavaScript reads larger integers wrongly (2**53); such an id stays text.
_LONGEST_INTEGER = 15


class Figures:
    """What is shown for each distinct price and age, already encoded.

    Resources share few prices, and nearly all are older than the month: of 100,000 droplets only
    the new ones cost a computation, the others one look-up. It goes by the identity of a price,
    because hashing a `Decimal` costs more than the rest of the look-up.
    """

    def __init__(self, now: dt.datetime) -> None:
        self._estimates = MonthToDate(now)
        self._month_start = month_of(now).start
        self._known: dict[tuple[int, dt.datetime | None], Shown] = {}

    def of(self, resource: Resource) -> Shown:
        """Return monthly, daily, hourly and month-to-date; `None` where that is unknown."""
        monthly, created_at = resource.monthly_cost, resource.created_at
        if monthly is None:
            return _NOTHING
        if created_at is not None and created_at < self._month_start:
            created_at = None
        known = self._known.get((id(monthly), created_at))
        if known is None:
            known = (
                encoded_amount(monthly),
                encoded_amount(calculate_daily_cost(monthly)),
                encoded_amount(calculate_hourly_cost(monthly)),
                encoded_amount(self._estimates.of(monthly, created_at)),
            )
            self._known[id(monthly), created_at] = known
        return known


def encode_current(snapshot: Snapshot) -> bytes:
    """Return the JSON object `CurrentCosts`; nothing before the first poll."""
    totals, accounts = headline(snapshot), snapshot.accounts
    if totals is None or snapshot.as_of is None:
        return b""
    out = BytesIO()
    out.write(encode(current_totals(totals, snapshot.as_of))[:-1])
    out.write(b',"providers":')
    out.write(encode([account_cost(account, snapshot.published_at) for account in accounts]))
    out.write(b',"waste":')
    out.write(encode(waste_notes(waste_of(accounts))))
    out.write(b',"droplets":[')
    _write_rows(out, _droplets(accounts))
    out.write(b'],"resources":[')
    _write_rows(out, _resources(accounts))
    out.write(b"]}")
    return out.getvalue()


def _write_rows(out: BytesIO, rows: Iterator[Answer]) -> None:
    separator = b""
    while chunk := list(islice(rows, _ROWS_A_CHUNK)):
        out.write(separator)
        out.write(memoryview(encode(chunk))[1:-1])
        separator = b","


def _droplets(accounts: Iterable[AccountState]) -> Iterator[DropletCost]:
    for inventory in _inventories(accounts):
        if inventory.provider != HEADLINE_PROVIDER:
            continue
        figures = Figures(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind != DROPLET:
                continue
            monthly, daily, hourly, so_far = figures.of(resource)
            # The first two by position: CPython passes up to 15 keywords, and more than that
            # four times as slowly, by way of a dictionary.
            yield DropletCost(
                shown_id(resource.id),
                resource.name,
                size=resource.size,
                region=resource.region,
                status=resource.status,
                monthly_cost=monthly,
                daily_cost=daily,
                hourly_cost=hourly,
                currency=resource.currency,
                basis=resource.basis,
                account=resource.account,
                created_at=resource.created_at,
                month_to_date_estimate=so_far,
                unpriced=resource.unpriced,
                waste=resource.waste,
                details=dict(resource.details) if resource.details else _NO_DETAILS,
            )


def _resources(accounts: Iterable[AccountState]) -> Iterator[ResourceCost]:
    for inventory in _inventories(accounts):
        apart = DROPLET if inventory.provider == HEADLINE_PROVIDER else None
        figures = Figures(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind == apart:
                continue
            monthly, daily, hourly, so_far = figures.of(resource)
            yield ResourceCost(
                kind=resource.kind,
                id=shown_id(resource.id),
                name=resource.name,
                size=resource.size,
                region=resource.region,
                status=resource.status,
                monthly_cost=monthly,
                daily_cost=daily,
                hourly_cost=hourly,
                currency=resource.currency,
                basis=resource.basis,
                account=resource.account,
                provider=resource.provider,
                created_at=resource.created_at,
                month_to_date_estimate=so_far,
                unpriced=resource.unpriced,
                waste=resource.waste,
                details=dict(resource.details) if resource.details else _NO_DETAILS,
            )


def shown_id(given: str) -> int | str:
    """Return a vendor's id as an integer where that loses nothing, as the vendor itself does."""
    if len(given) > _LONGEST_INTEGER or not (given.isascii() and given.isdigit()):
        return given
    return given if given[0] == "0" and len(given) > 1 else int(given)


def _inventories(accounts: Iterable[AccountState]) -> Iterator[Inventory]:
    return (account.inventory for account in accounts if account.inventory is not None)
