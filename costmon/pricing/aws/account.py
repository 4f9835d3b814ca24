"""One account's use in one month: what is free is free once, and tiers are crossed once."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Self

from costmon.pricing.aws import compute, s3, transfer
from costmon.pricing.aws.cost import Cost
from costmon.pricing.aws.exact import EXACT, Quantity
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.tiers import cost_between
from costmon.pricing.aws.usage import PER_UNIT, Usage


class Allowances(NamedTuple):
    """What an account need not pay for in a month, over all regions together.

    Attributes:
        transfer_out: Bytes.
        lambda_requests: Invocations.
        lambda_compute: MB-milliseconds, both architectures together.
        s3_storage: Byte-months.
        s3_puts: Requests.
        s3_gets: Requests.
    """

    transfer_out: Quantity = 0
    lambda_requests: Quantity = 0
    lambda_compute: Quantity = 0
    s3_storage: Quantity = 0
    s3_puts: Quantity = 0
    s3_gets: Quantity = 0


NONE_FREE = Allowances()
ALWAYS_FREE = Allowances(
    transfer_out=transfer.FREE_BYTES,
    lambda_requests=compute.FREE_REQUESTS,
    lambda_compute=compute.FREE_COMPUTE,
)
"""What every account has, however old."""
FIRST_YEAR = ALWAYS_FREE._replace(
    s3_storage=s3.FIRST_YEAR_STORAGE, s3_puts=s3.FIRST_YEAR_PUTS, s3_gets=s3.FIRST_YEAR_GETS
)
"""With S3's, for an account's first 12 months when it was made before 15 July 2025."""

_POOL = {
    "transfer_out": "transfer_out",
    "lambda_requests": "lambda_requests",
    "lambda_x86": "lambda_compute",
    "lambda_arm": "lambda_compute",
    "s3_storage": "s3_storage",
    "s3_puts": "s3_puts",
    "s3_gets": "s3_gets",
}
"""Which allowance a meter draws on."""

_PART = {"transfer": 0, "lambda": 1, "dynamodb": 2, "s3": 3}


class AccountMonth(NamedTuple):
    """What one account has used in one billing month; a value: `after` returns the next one.

    Free use goes to whoever comes first. AWS shares it out its own way between regions, and between
    Lambda's architectures: of an account that uses several the month's sum may differ by their
    difference in price for the free amount, which is at most $6 of transfer and $1.40 of Lambda.

    Attributes:
        month: The billing month, UTC, as `2026-11`.
        allowances: What is free in it.
        free: What has been used of the allowances.
        billed: What has been used beyond them, by (region, meter), in base units.
    """

    month: str
    allowances: Allowances = ALWAYS_FREE
    free: Allowances = NONE_FREE
    billed: Mapping[tuple[str, str], Quantity] = MappingProxyType({})

    def after(self, additional: Usage, region: str, prices: Prices = AWS) -> tuple[Self, Cost]:
        """Return the month with more use, and what that use costs on top of what was before.

        Raises:
            PriceUnknownError: Something was used that has no price in that region.
            AmountError: A quantity is none.
        """
        billed = dict(self.billed)
        free = self.free._asdict()
        costs = [Decimal(0)] * len(_PART)
        for meter, used in additional.checked()._asdict().items():
            if not used:
                continue
            row = prices.row(region, meter)
            pool = _POOL.get(meter)
            if pool is not None:
                spared = min(used, _less(getattr(self.allowances, pool), free[pool]))
                free[pool] = _more(free[pool], spared)
                used = _less(used, spared)  # noqa: PLW2901 - what is left of it is billed
            before = billed.get((region, meter), 0)
            now = _more(before, used)
            billed[region, meter] = now
            part = _PART[meter.partition("_")[0]]
            cost = cost_between(row.tiers, before, now, per_unit=PER_UNIT[meter])
            costs[part] = EXACT.add(costs[part], cost)
        month = self._replace(free=Allowances(**free), billed=MappingProxyType(billed))
        return month, Cost(*costs)


def cost_of(
    usage_so_far: AccountMonth, additional: Usage, region: str, prices: Prices = AWS
) -> Cost:
    """Return what more use costs after what was used before in the month.

    Raises:
        PriceUnknownError: Something was used that has no price in that region.
        AmountError: A quantity is none.
    """
    return usage_so_far.after(additional, region, prices)[1]


def _more(one: Quantity, other: Quantity) -> Quantity:
    if isinstance(one, int) and isinstance(other, int):
        return one + other
    return EXACT.add(Decimal(one), Decimal(other))


def _less(one: Quantity, other: Quantity) -> Quantity:
    """Return the difference, not below 0."""
    if isinstance(one, int) and isinstance(other, int):
        return max(0, one - other)
    return max(Decimal(0), EXACT.subtract(Decimal(one), Decimal(other)))
