"""Encode the `data` of `GET /api/v1/costs/current`, once per publication.

An account may hold 100,000 droplets: rows are encoded in chunks into one growing buffer, and what
is shown for a price is computed and encoded once per distinct price.
"""

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from io import BytesIO
from itertools import islice

from costmon.domain.money import shown
from costmon.domain.period import month_of
from costmon.domain.resource import Inventory, Resource
from costmon.domain.totals import Totals
from costmon.pricing import calculate_daily_cost, calculate_hourly_cost
from costmon.state.accounts import account_cost, whole_second
from costmon.state.estimate import MonthToDate
from costmon.state.value import AccountState
from costmon.state.wire import (
    Answer,
    CurrentTotals,
    DropletCost,
    ResourceCost,
    Waste,
    encode,
    encoded_amount,
)

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


def encode_current(
    accounts: Sequence[AccountState],
    totals: Totals,
    as_of: dt.datetime,
    now: dt.datetime,
) -> bytes:
    """Return the JSON object `CurrentCosts`."""
    out = BytesIO()
    out.write(encode(current_totals(totals, as_of))[:-1])
    out.write(b',"providers":')
    out.write(encode([account_cost(account, now) for account in accounts]))
    out.write(b',"waste":')
    out.write(encode(waste_of(accounts)))
    out.write(b',"droplets":[')
    _write_rows(out, _droplets(accounts))
    out.write(b'],"resources":[')
    _write_rows(out, _resources(accounts))
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


def _droplets(accounts: Iterable[AccountState]) -> Iterator[DropletCost]:
    for inventory in _inventories(accounts):
        figures = Figures(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind != "droplet":
                continue
            monthly, daily, hourly, so_far = figures.of(resource)
            # By position, in the order of the fields: msgspec takes six times as long for sixteen
            # keywords.
            yield DropletCost(
                shown_id(resource.id),
                resource.name,
                resource.size,
                resource.region,
                resource.status,
                monthly,
                daily,
                hourly,
                resource.currency,
                resource.basis,
                resource.account,
                resource.created_at,
                so_far,
                resource.unpriced,
                resource.waste,
                dict(resource.details) if resource.details else _NO_DETAILS,
            )


def _resources(accounts: Iterable[AccountState]) -> Iterator[ResourceCost]:
    for inventory in _inventories(accounts):
        figures = Figures(inventory.observed_at)
        for resource in inventory.resources:
            if resource.kind == "droplet":
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
            monthly_cost=_known_sum(wasted),
            currency=currency,
        )
        for (kind, reason, currency), wasted in found.items()
    ]
    return sorted(rows, key=lambda row: row.monthly_cost or Decimal(), reverse=True)


def _known_sum(resources: Iterable[Resource]) -> Decimal | None:
    """Return what is known to be wasted; `None`, not 0, when nothing of it has a known price."""
    known = [r.monthly_cost for r in resources if r.monthly_cost is not None]
    return shown(sum(known, Decimal())) if known else None
