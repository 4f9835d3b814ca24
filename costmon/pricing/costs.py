"""What something costs per month, day and hour, at full precision."""

from decimal import Decimal

DAYS_PER_MONTH = 30
HOURS_PER_MONTH = 720
_NOTHING = Decimal(0)


def calculate_monthly_cost(
    unit_price: Decimal, *, quantity: Decimal | int = 1, surcharge: Decimal = _NOTHING
) -> Decimal:
    """Return what `quantity` units cost in a full month.

    Args:
        unit_price: One unit for one month.
        quantity: Units: nodes, GiB, instances.
        surcharge: A share of the price that comes on top, such as 0.20 for weekly backups.
    """
    cost = unit_price * quantity
    return cost + cost * surcharge if surcharge else cost


def calculate_daily_cost(monthly: Decimal) -> Decimal:
    """Return a thirtieth of a month's cost."""
    return monthly / DAYS_PER_MONTH


def calculate_hourly_cost(monthly: Decimal) -> Decimal:
    """Return one 720th of a month's cost."""
    return monthly / HOURS_PER_MONTH
