"""Prices that fall with use: what lies in a tier costs that tier's price, and no more."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from costmon.pricing.aws.exact import EXACT, Quantity

_NOTHING = Decimal(0)


class Tier(NamedTuple):
    """A price from some amount of use on.

    Attributes:
        above: In published units (GB, million requests, GB-seconds), where the tier begins.
        price: US dollars for one published unit.
    """

    above: Decimal
    price: Decimal


def cost_between(
    tiers: Sequence[Tier], start: Quantity, end: Quantity, *, per_unit: int
) -> Decimal:
    """Return what use from `start` to `end` of a month costs, exactly.

    Args:
        tiers: Ascending; the first begins at 0.
        start: What had been used before, in base units (bytes, requests, ...).
        end: What has been used after, at least `start`.
        per_unit: Base units in a published unit, such as 2**30 bytes in a GB.
    """
    cost = _NOTHING
    for at, tier in enumerate(tiers):
        first = max(EXACT.multiply(tier.above, Decimal(per_unit)), Decimal(start))
        last = Decimal(end)
        if at + 1 < len(tiers):
            last = min(last, EXACT.multiply(tiers[at + 1].above, Decimal(per_unit)))
        if last > first:
            cost = EXACT.fma(tier.price, EXACT.subtract(last, first), cost)
    return EXACT.divide(cost, Decimal(per_unit))
