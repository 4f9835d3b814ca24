"""What everything that lives now costs together."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums over the priced live resources, in one currency, at full precision.

    Attributes:
        currency: ISO 4217.
        monthly: Sum of `monthly_cost`.
        daily: monthly / 30.
        hourly: monthly / 720.
        resource_count: All resources.
        unpriced_count: Resources whose figure is unknown or not whole.
        kinds: How many resources there are of each kind, by kind; empty in what an older version
            has left in the journal.
    """

    currency: str
    monthly: Decimal
    daily: Decimal
    hourly: Decimal
    resource_count: int
    unpriced_count: int
    kinds: tuple[tuple[str, int], ...] = ()

    def count(self, kind: str) -> int:
        """Return how many resources of a kind there are."""
        return dict(self.kinds).get(kind, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A monthly run-rate above which people are told.

    Attributes:
        provider: Whose accounts are summed up: the vendor's slug.
        limit: US dollars.
    """

    provider: str
    limit: Decimal
