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
        droplet_count: Resources of kind `droplet`.
        resource_count: All resources.
        unpriced_count: Resources whose figure is unknown or not whole.
    """

    currency: str
    monthly: Decimal
    daily: Decimal
    hourly: Decimal
    droplet_count: int
    resource_count: int
    unpriced_count: int
