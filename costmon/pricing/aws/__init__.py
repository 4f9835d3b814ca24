"""What AWS charges for transfer, Lambda, DynamoDB and S3, from dated price lists in US dollars.

Pure and exact: no price is rounded, no unknown region or price is guessed, nothing is free twice.
"""

from typing import TYPE_CHECKING

from costmon.pricing.aws.account import (
    ALWAYS_FREE,
    FIRST_YEAR,
    NONE_FREE,
    AccountMonth,
    Allowances,
    Cost,
    cost_of,
)
from costmon.pricing.aws.calculators import (
    cross_region_cost,
    dynamodb_cost,
    lambda_cost,
    no_month,
    s3_cost,
    transfer_cost,
)
from costmon.pricing.aws.prices import AWS, PriceRow, Prices
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

NO_MONTH: AccountMonth
"""The month that holds by default; see `no_month`."""

if not TYPE_CHECKING:  # else type checkers would accept any name

    def __getattr__(name: str) -> AccountMonth:
        # Its regions are those of the price list, which is not read at import.
        if name == "NO_MONTH":
            return no_month()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
