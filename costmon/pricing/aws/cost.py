"""What use costs, by service; exact, so that sums of many small costs are right."""

from decimal import Decimal
from typing import NamedTuple

from costmon.pricing.aws.exact import EXACT, total

_NOTHING = Decimal(0)


class Cost(NamedTuple):
    """US dollars, never rounded; the ledger rounds to nano-units, once.

    Attributes:
        transfer: Bytes over the network.
        lambda_: Requests and GB-seconds of Lambda.
        dynamodb: Requests and storage of DynamoDB.
        s3: Requests and storage of S3.
    """

    transfer: Decimal = _NOTHING
    lambda_: Decimal = _NOTHING
    dynamodb: Decimal = _NOTHING
    s3: Decimal = _NOTHING

    @property
    def total(self) -> Decimal:
        """Return the sum of the parts."""
        return total(self)

    def plus(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(*(EXACT.add(mine, its) for mine, its in zip(self, other, strict=True)))
