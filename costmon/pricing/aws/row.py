"""One published price, with where and when it was read and how sure we are of it."""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.pricing.aws.tiers import Tier

Confidence = Literal["listed", "recalled", "derived", "manual"]
"""How a price came to be known, from best to worst but for the user's own:

`listed`: compared with figures of AWS's price list that others published with its date.
`recalled`: of the public price page, but not compared again on `as_of`.
`derived`: calculated from an older list price and an announced reduction; expect a rounding.
`manual`: given by the user.
"""


class PriceRow(NamedTuple):
    """What one meter costs in one region.

    Attributes:
        region: AWS's code, such as `eu-west-1`.
        meter: A field of `Usage`.
        tiers: Ascending, the first from 0; in published units and US dollars.
        as_of: The price list that it is meant to be of; `listed` ones were compared with it.
        source: Where it is published.
        confidence: How sure we are.
    """

    region: str
    meter: str
    tiers: tuple[Tier, ...]
    as_of: dt.date
    source: str
    confidence: Confidence


def tiers(*steps: tuple[int, str]) -> tuple[Tier, ...]:
    """Return tiers of (above, price) pairs as they stand in a price list."""
    return tuple(Tier(Decimal(above), Decimal(price)) for above, price in steps)
