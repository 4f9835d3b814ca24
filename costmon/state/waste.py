"""Add up the resources that are likely wasted."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.resource import Resource
from costmon.state.value import AccountState


@dataclass(frozen=True, slots=True, kw_only=True)
class Waste:
    """Resources of one kind that are likely wasted for the same reason.

    Attributes:
        kind: The vendor's noun.
        reason: Why, in words.
        count: How many there are.
        monthly_cost: What those with a known price cost; `None`, not 0, when no price is known.
        currency: ISO 4217.
    """

    kind: str
    reason: str
    count: int
    monthly_cost: Decimal | None
    currency: str


def waste_of(accounts: Iterable[AccountState]) -> tuple[Waste, ...]:
    """Sum up what is likely wasted, by kind, reason and currency, largest amount first."""
    found: dict[tuple[str, str, str], list[Resource]] = {}
    for account in accounts:
        for resource in account.inventory.resources if account.inventory else ():
            if resource.waste is not None:
                group = (resource.kind, resource.waste, resource.currency)
                found.setdefault(group, []).append(resource)
    rows = (
        Waste(
            kind=kind,
            reason=reason,
            count=len(wasted),
            monthly_cost=_known_sum(wasted),
            currency=currency,
        )
        for (kind, reason, currency), wasted in found.items()
    )
    return tuple(sorted(rows, key=lambda row: row.monthly_cost or Decimal(), reverse=True))


def _known_sum(resources: Iterable[Resource]) -> Decimal | None:
    known = [r.monthly_cost for r in resources if r.monthly_cost is not None]
    return sum(known, Decimal()) if known else None
