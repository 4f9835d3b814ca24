"""Resources as rows of the answer about current costs, and how they are made.

An account may hold 100,000 resources: what is shown for a price is computed and encoded once per
distinct price.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal

from costmon.api.schemas.encoding import encoded_amount
from costmon.domain.period import month_of
from costmon.domain.resource import Basis, Inventory, Resource
from costmon.intake.answer import Answer, Moment
from costmon.pricing import calculate_daily_cost, calculate_hourly_cost
from costmon.state.estimate import MonthToDate
from costmon.state.value import AccountState

HEADLINE_PROVIDER = "digitalocean"
"""Whose accounts `total_*`, `droplet_count` and `droplets` are about; others are beside."""

DROPLET = "droplet"
"""The kind that is counted and listed apart."""

Shown = tuple[Decimal | None, Decimal | None, Decimal | None, Decimal | None]
_NOTHING: Shown = (None, None, None, None)
_NO_DETAILS: dict[str, str] = {}


# JavaScript reads larger integers wrongly (2**53); such an id stays text.
_LONGEST_INTEGER = 15


class DropletCost(Answer, frozen=True):
    """A droplet and what it costs; costs are null when its price is unknown."""

    id: int | str
    name: str
    size: str | None
    region: str | None
    status: str | None
    monthly_cost: Decimal | None
    daily_cost: Decimal | None
    hourly_cost: Decimal | None
    currency: str
    basis: Basis
    account: str
    created_at: Moment | None
    month_to_date_estimate: Decimal | None
    unpriced: str | None
    waste: str | None
    details: dict[str, str]


class ResourceCost(Answer, frozen=True):
    """Any other thing that costs money."""

    kind: str
    id: int | str
    name: str
    size: str | None
    region: str | None
    status: str | None
    monthly_cost: Decimal | None
    daily_cost: Decimal | None
    hourly_cost: Decimal | None
    currency: str
    basis: Basis
    account: str
    provider: str
    created_at: Moment | None
    month_to_date_estimate: Decimal | None
    unpriced: str | None
    waste: str | None
    details: dict[str, str]


class _Figures:
    """What is shown for each distinct price and age, already encoded.

    Resources share few prices, and nearly all are older than the month: of 100,000 droplets only
    the new ones need a computation, the others one look-up. The key is the identity of a price,
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


def droplet_costs(accounts: Iterable[AccountState]) -> Iterator[DropletCost]:
    """Yield the droplets of all DigitalOcean accounts, as they are shown."""
    for inventory in _inventories(accounts):
        if inventory.provider != HEADLINE_PROVIDER:
            continue
        figures = _Figures(inventory.observed_at)
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


def resource_costs(accounts: Iterable[AccountState]) -> Iterator[ResourceCost]:
    """Yield everything else that costs money, as it is shown."""
    for inventory in _inventories(accounts):
        apart = DROPLET if inventory.provider == HEADLINE_PROVIDER else None
        figures = _Figures(inventory.observed_at)
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
