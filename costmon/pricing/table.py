"""A dated price list that a user can extend."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

PriceBasis = Literal["list_price", "manual"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrice:
    """One price and where it comes from.

    Attributes:
        amount: Major units per unit and month; for a surcharge, a share.
        basis: `manual` when the user gave it.
    """

    amount: Decimal
    basis: PriceBasis


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """What a vendor's list says, for what its API has no price of.

    Attributes:
        currency: ISO 4217.
        as_of: When the list was read.
        source: Where it was read, in words.
        listed: Prices by `kind:slug`, such as `database:db-s-1vcpu-1gb`.
        manual: The user's own prices by the same keys; they win.
    """

    currency: str
    as_of: dt.date
    source: str
    listed: Mapping[str, Decimal]
    manual: Mapping[str, Decimal] = field(default_factory=dict)

    def extended(self, manual: Mapping[str, Decimal]) -> "PriceTable":
        """Return a table in which the user's prices come first.

        Raises:
            ValueError: A price is negative or not finite.
        """
        for key, amount in manual.items():
            if not amount.is_finite() or amount < 0:
                msg = f"{key} = {amount} is not a valid price"
                raise ValueError(msg)
        return PriceTable(
            currency=self.currency,
            as_of=self.as_of,
            source=self.source,
            listed=self.listed,
            manual={**self.manual, **manual},
        )

    def price(self, kind: str, slug: str) -> ListedPrice | None:
        """Return the price of one unit of `kind:slug`; `None` when nobody knows it."""
        key = f"{kind}:{slug}"
        amount = self.manual.get(key)
        if amount is not None:
            return ListedPrice(amount=amount, basis="manual")
        amount = self.listed.get(key)
        if amount is not None:
            return ListedPrice(amount=amount, basis="list_price")
        return None
