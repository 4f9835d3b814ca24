"""Encode the `data` of `GET /api/v1/costs/current`, once per publication.

An account may hold 100,000 droplets: rows are encoded in chunks into one growing buffer, and what
is shown for a price is computed once per distinct price.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from io import BytesIO
from itertools import islice

from costmon.domain.money import shown
from costmon.domain.resource import Inventory, Resource
from costmon.domain.totals import Totals
from costmon.pricing import calculate_daily_cost, calculate_hourly_cost
from costmon.snapshot.accounts import account_cost, whole_second
from costmon.snapshot.estimate import MonthToDate
from costmon.snapshot.value import AccountState
from costmon.snapshot.wire import Answer, CurrentTotals, DropletCost, ResourceCost, Waste, encode

Shown = tuple[Decimal | None, Decimal | None, Decimal | None]

_ROWS_A_CHUNK = 500
# JavaScript reads larger integers wrongly (2**53); such an id stays text.
_LONGEST_INTEGER = 15


class Prices:
    """What is shown for each distinct monthly price: monthly, daily and hourly, two decimals."""

    def __init__(self) -> None:
        self._known: dict[Decimal, Shown] = {}

    def of(self, monthly: Decimal | None) -> Shown:
        """Return the three figures, or three times `None` when the price is unknown."""
        if monthly is None:
            return (None, None, None)
        known = self._known.get(monthly)
        if known is None:
            known = (
                shown(monthly),
                shown(calculate_daily_cost(monthly)),
                shown(calculate_hourly_cost(monthly)),
            )
            self._known[monthly] = known
        return known


def encode_current(
    accounts: Sequence[AccountState],
    totals: Totals,
    as_of: dt.datetime,
    now: dt.datetime,
) -> bytes:
    """Return the JSON object `CurrentCosts`."""
    prices = Prices()
    out = BytesIO()
    out.write(encode(current_totals(totals, as_of))[:-1])
    out.write(b',"providers":')
    out.write(encode([account_cost(account, now) for account in accounts]))
    out.write(b',"waste":')
    out.write(encode(waste_of(accounts)))
    out.write(b',"droplets":[')
    _write_rows(out, _droplets(accounts, prices))
    out.write(b'],"resources":[')
    _write_rows(out, _resources(accounts, prices))
    out.write(b"]}")
    return out.getvalue()


def current_totals(totals: Totals, as_of: dt.datetime) -> CurrentTotals:
    """Return the headline as it is shown."""
    return CurrentTotals(
        total_monthly=shown(totals.monthly),
        total_daily=shown(totals.daily),
        total_hourly=shown(totals.hourly),
        currency=totals.currency,
        droplet_count=totals.droplet_count,
        resource_count=totals.resource_count,
        unpriced_count=totals.unpriced_count,
        as_of=whole_second(as_of),
    )


def fingerprint_of(data: bytes) -> str:
    """Return what changes when `data` does."""
    return hashlib.sha256(data).hexdigest()[:24]


def _write_rows(out: BytesIO, rows: Iterator[Answer]) -> None:
    separator = b""
    while chunk := list(islice(rows, _ROWS_A_CHUNK)):
        out.write(separator)
        out.write(memoryview(encode(chunk))[1:-1])
        separator = b","


def _droplets(accounts: Iterable[AccountState], prices: Prices) -> Iterator[DropletCost]:
    for inventory in _inventories(accounts):
        estimates = MonthToDate(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind != "droplet":
                continue
            monthly, daily, hourly = prices.of(resource.monthly_cost)
            yield DropletCost(
                id=shown_id(resource.id),
                name=resource.name,
                size=resource.size,
                region=resource.region,
                status=resource.status,
                monthly_cost=monthly,
                daily_cost=daily,
                hourly_cost=hourly,
                currency=resource.currency,
                account=resource.account,
                created_at=resource.created_at,
                month_to_date_estimate=estimates.shown(resource),
                unpriced=resource.unpriced,
                waste=resource.waste,
                details=dict(resource.details),
            )


def _resources(accounts: Iterable[AccountState], prices: Prices) -> Iterator[ResourceCost]:
    for inventory in _inventories(accounts):
        estimates = MonthToDate(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind == "droplet":
                continue
            monthly, daily, hourly = prices.of(resource.monthly_cost)
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
                account=resource.account,
                provider=resource.provider,
                created_at=resource.created_at,
                month_to_date_estimate=estimates.shown(resource),
                unpriced=resource.unpriced,
                waste=resource.waste,
                details=dict(resource.details),
            )


def shown_id(given: str) -> int | str:
    """Return a vendor's id as an integer where that loses nothing, as the vendor itself does."""
    if len(given) > _LONGEST_INTEGER or not (given.isascii() and given.isdigit()):
        return given
    return given if given[0] == "0" and len(given) > 1 else int(given)


def _inventories(accounts: Iterable[AccountState]) -> Iterator[Inventory]:
    return (account.inventory for account in accounts if account.inventory is not None)


def waste_of(accounts: Iterable[AccountState]) -> list[Waste]:
    """Sum up what is likely wasted, by kind, reason and currency, largest amount first."""
    found: dict[tuple[str, str, str], list[Resource]] = {}
    for inventory in _inventories(accounts):
        for resource in inventory.resources:
            if resource.waste is not None:
                group = (resource.kind, resource.waste, resource.currency)
                found.setdefault(group, []).append(resource)
    rows = [
        Waste(
            kind=kind,
            reason=reason,
            count=len(wasted),
            monthly_cost=shown(sum((r.monthly_cost or Decimal() for r in wasted), Decimal())),
            currency=currency,
        )
        for (kind, reason, currency), wasted in found.items()
    ]
    return sorted(rows, key=lambda row: row.monthly_cost, reverse=True)
