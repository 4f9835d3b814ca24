"""Make resources of one account, for kinds whose price comes from the price table."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.resource import Basis, Resource
from costmon.pricing import PriceTable, calculate_monthly_cost
from costmon.providers.digitalocean.errors import SLUG
from costmon.providers.digitalocean.values import CURRENCY, maybe_moment, maybe_text, text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a month costs, as far as it is known.

    Attributes:
        monthly: `None` is "price unknown".
        basis: What kind of number it is.
        unpriced: What is not in it, in words; `None` when it is whole.
    """

    monthly: Decimal | None
    basis: Basis
    unpriced: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceFactory:
    """Knows the account and the prices.

    Attributes:
        account: The account's name.
        prices: The vendor's list, extended by the user.
    """

    account: str
    prices: PriceTable

    def cost(self, kind: str, slug: str, quantity: Decimal | int = 1) -> Cost:
        """Return what `quantity` units of `kind:slug` cost."""
        price = self.prices.price(kind, slug)
        if price is None:
            return Cost(
                monthly=None, basis="list_price", unpriced=f"'{text(slug)}' has no known price"
            )
        monthly = calculate_monthly_cost(price.amount, quantity=quantity)
        return Cost(monthly=monthly, basis=price.basis, unpriced=None)

    def resource(
        self,
        *,
        kind: str,
        id: str,
        name: str | None,
        region: str | None,
        size: str | None,
        status: str | None,
        created_at: dt.datetime | None,
        cost: Cost,
        waste: str | None = None,
        details: tuple[tuple[str, str], ...] = (),
    ) -> Resource:
        """Return one resource, its texts trimmed; one without a name is called by its id."""
        return Resource(
            account=self.account,
            provider=SLUG,
            kind=kind,
            id=text(id),
            name=text(name or id),
            region=maybe_text(region),
            size=maybe_text(size),
            status=maybe_text(status),
            created_at=maybe_moment(created_at),
            monthly_cost=cost.monthly,
            currency=CURRENCY,
            basis=cost.basis,
            unpriced=cost.unpriced,
            waste=waste,
            details=tuple((key, text(value)) for key, value in details),
        )
