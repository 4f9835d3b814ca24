"""What AWS charges for transfer, Lambda, DynamoDB and S3, from dated price lists in US dollars.

Pure and exact: no price is rounded, no unknown region or price is guessed, nothing is free twice.
"""

from costmon.pricing.aws.account import (
    ALWAYS_FREE,
    FIRST_YEAR,
    NONE_FREE,
    AccountMonth,
    Allowances,
    cost_of,
)
from costmon.pricing.aws.calculators import (
    NO_MONTH,
    cross_region_cost,
    dynamodb_cost,
    lambda_cost,
    s3_cost,
    transfer_cost,
)
from costmon.pricing.aws.cost import Cost
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.row import PriceRow
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.aws.usage import (
    GB,
    NO_USAGE,
    Architecture,
    Usage,
    invocations,
    read_units,
    write_units,
)

__all__ = [
    "ALWAYS_FREE",
    "AWS",
    "FIRST_YEAR",
    "GB",
    "NONE_FREE",
    "NO_MONTH",
    "NO_USAGE",
    "AccountMonth",
    "Allowances",
    "Architecture",
    "Cost",
    "PriceRow",
    "Prices",
    "Tier",
    "Usage",
    "cost_of",
    "cross_region_cost",
    "dynamodb_cost",
    "invocations",
    "lambda_cost",
    "read_units",
    "s3_cost",
    "transfer_cost",
    "write_units",
]
