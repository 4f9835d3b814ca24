"""What AWS lists for data transfer: out to the internet, in, and to another region."""

import datetime as dt
from decimal import Decimal

from costmon.pricing.aws.row import Confidence, PriceRow, tiers
from costmon.pricing.aws.usage import GB

SOURCE = "https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer"
AS_OF = dt.date(2026, 9, 16)
"""Version of the offer file AWSDataTransfer that the `listed` figures were published with."""

FREE_BYTES = 100 * GB
"""A month, an account, all services and regions together; since December 2021."""

_TB = 1024


def _out(  # noqa: PLR0913, PLR0917 - a line of the price list
    region: str, first: str, next_40: str, next_100: str, over_150: str, confidence: Confidence
) -> PriceRow:
    # "first 10 TB / month data transfer out beyond the global free tier": the tiers begin where
    # the free 100 GB end. The offer file's ranges are 0-10240-51200-153600 GB.
    steps = ((0, first), (10 * _TB, next_40), (50 * _TB, next_100), (150 * _TB, over_150))
    return PriceRow(region, "transfer_out", tiers(*steps), AS_OF, SOURCE, confidence)


OUT = (
    _out("us-east-1", "0.09", "0.085", "0.07", "0.05", "listed"),
    _out("us-east-2", "0.09", "0.085", "0.07", "0.05", "recalled"),
    _out("us-west-2", "0.09", "0.085", "0.07", "0.05", "recalled"),
    _out("eu-west-1", "0.09", "0.085", "0.07", "0.05", "recalled"),
    _out("eu-central-1", "0.09", "0.085", "0.07", "0.05", "recalled"),
    _out("ap-southeast-1", "0.12", "0.085", "0.082", "0.08", "listed"),
    # Of Tokyo the first two tiers were compared, the last two are recalled.
    _out("ap-northeast-1", "0.114", "0.089", "0.086", "0.084", "recalled"),
    _out("sa-east-1", "0.15", "0.138", "0.126", "0.114", "listed"),
)

IN = tuple(
    PriceRow(row.region, "transfer_in", tiers((0, "0")), AS_OF, SOURCE, "listed") for row in OUT
)

BETWEEN_REGIONS = {
    "us-east-1": Decimal("0.02"),  # listed
    "us-east-2": Decimal("0.02"),
    "us-west-2": Decimal("0.02"),
    "eu-west-1": Decimal("0.02"),
    "eu-central-1": Decimal("0.02"),
    "ap-southeast-1": Decimal("0.09"),
    "ap-northeast-1": Decimal("0.09"),  # listed, to Osaka
    "sa-east-1": Decimal("0.138"),  # listed
}
"""US dollars for a GB that leaves a region for another one; the receiver pays nothing."""

NEIGHBOURS = {
    frozenset(("us-east-1", "us-east-2")): Decimal("0.01"),
}
"""Pairs with a price of their own, in both directions."""
