"""What a GB to the internet costs: by provider and region, in tiers of a month.

Units: US dollars for a GB of 2**30 bytes. A free allowance is a tier with the price 0; it is for
an account, all regions together. Traffic to China and Australia, which Google charges more for,
and Google's cheaper network tier are left out, and so is its free GiB of North American traffic.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from costmon.errors import AmountError
from costmon.pricing.aws.account import ALWAYS_FREE
from costmon.pricing.aws.prices import AWS
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.aws.usage import GB

_MOST = 1_000_000_000


class Egress(NamedTuple):
    """What traffic to the internet costs from one region.

    Attributes:
        tiers: Ascending, from 0 on.
        as_of: The day for which they were published.
        source: Where they were read, in words.
    """

    tiers: tuple[Tier, ...]
    as_of: dt.date
    source: str


class Traffic(NamedTuple):
    """One tier of the price of traffic, as a row of a price file.

    Attributes:
        provider: `AWS`, `GCP` or `AZURE`.
        region: As the provider writes it.
        above_gb: GB of a month from which the price applies.
        usd_per_gb: US dollars for a GB of 2**30 bytes; 0 is free.
        as_of: The day of the price.
        source: Where the price is from, in words.
    """

    provider: str
    region: str
    above_gb: Decimal
    usd_per_gb: Decimal
    as_of: dt.date
    source: str


def egress_of(rows: Iterable[Traffic]) -> Egress:
    """Return one region's tiers as its price of traffic.

    Raises:
        AmountError: A number is not valid, no tier begins at 0, or two begin at the same amount.
    """
    every = tuple(rows)
    for row in every:
        for field in ("above_gb", "usd_per_gb"):
            number: object = getattr(row, field)
            if not isinstance(number, Decimal) or not number.is_finite() or not _fits(number):
                raise AmountError(f"{field}={number!r}"[:80], f"a decimal from 0 to {_MOST}")
    ordered = sorted(every, key=lambda row: row.above_gb)
    borders = [row.above_gb for row in ordered]
    if borders[0] or len(set(borders)) < len(borders):
        raise AmountError(
            f"traffic from {ordered[0].provider} {ordered[0].region}"[:80],
            "tiers that start at different GB, one of them at above_gb=0",
        )
    steps = tuple(Tier(row.above_gb, row.usd_per_gb) for row in ordered)
    sources = dict.fromkeys(row.source for row in ordered)
    return Egress(steps, min(row.as_of for row in ordered), "; ".join(sources))


def _fits(number: Decimal) -> bool:
    return 0 <= number <= _MOST


def egress_of_aws() -> dict[str, Egress]:
    """Return what traffic costs by region of AWS: its transfer prices after the free 100 GB.

    The region's own tiers begin where the free use ends, whichever region used it.
    """
    free = Decimal(ALWAYS_FREE.transfer_out) / GB
    found = {}
    for region in AWS.regions("transfer_out"):
        row = AWS.row(region, "transfer_out")
        beyond = tuple(Tier(tier.above + free, tier.price) for tier in row.tiers)
        source = row.source if row.confidence == "listed" else f"{row.source}, from memory"
        found[region] = Egress((Tier(Decimal(0), Decimal(0)), *beyond), row.as_of, source)
    return found
