"""One account's use in one month: what is free is free once, and tiers are crossed once."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from costmon.pricing.aws.exact import EXACT, Quantity, total
from costmon.pricing.aws.prices import AWS, Prices
from costmon.pricing.aws.tiers import cost_between
from costmon.pricing.aws.usage import GB, GB_SECOND, PER_UNIT, Usage


class Cost(NamedTuple):
    """US dollars, never rounded; the ledger rounds to nano-units, once.

    Attributes:
        transfer: Bytes over the network.
        lambda_: Requests and GB-seconds of Lambda.
        dynamodb: Requests and storage of DynamoDB.
        s3: Requests and storage of S3.
    """

    transfer: Decimal = Decimal(0)
    lambda_: Decimal = Decimal(0)
    dynamodb: Decimal = Decimal(0)
    s3: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Return the sum of the parts."""
        return total(self)

    def plus(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(*(EXACT.add(mine, its) for mine, its in zip(self, other, strict=True)))


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
    transfer_out=100 * GB, lambda_requests=1_000_000, lambda_compute=400_000 * GB_SECOND
)
"""What every account has, however old; the free transfer since December 2021."""
FIRST_YEAR = ALWAYS_FREE._replace(s3_storage=5 * GB, s3_puts=2000, s3_gets=20_000)
"""With S3's, for the first 12 months of an account that was made before 15 July 2025.

Later accounts get credits instead.
"""

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

    The cost of a month depends on what was used in it and not on the order. Free use that several
    prices share (regions; Lambda's architectures) goes to the lowest price first: AWS shares it out
    its own way, and its bill is then lower by at most $6 of transfer and $1.40 of Lambda.

    Attributes:
        month: The billing month, UTC, as `2026-11`.
        allowances: What is free in it.
        used: What has been used by (region, meter), free or not, in base units.
    """

    month: str
    allowances: Allowances = ALWAYS_FREE
    used: Mapping[tuple[str, str], Quantity] = MappingProxyType({})

    @property
    def free(self) -> Allowances:
        """Return what has been used of the allowances."""
        taken = NONE_FREE._asdict()
        for (_, meter), used in self.used.items():
            pool = _POOL.get(meter)
            if pool is not None:
                taken[pool] = min(_more(taken[pool], used), getattr(self.allowances, pool))
        return Allowances(**taken)

    def after(
        self, additional: Usage, region: str, prices: Prices = AWS
    ) -> tuple["AccountMonth", Cost]:
        """Return the month with more use, and what that use costs on top of what was before.

        Raises:
            PriceUnknownError: Something was used that has no price in that region.
            AmountError: A quantity is not valid.
        """
        used = dict(self.used)
        touched = []
        for meter, more in additional.checked()._asdict().items():
            if more:
                prices.row(region, meter)
                used[region, meter] = _more(used.get((region, meter), 0), more)
                touched.append(meter)
        month = self._replace(used=MappingProxyType(used))
        costs = [Decimal(0)] * len(_PART)
        for pool in dict.fromkeys(_POOL.get(meter, meter) for meter in touched):
            before = self._billed(pool, region, prices)
            after = month._billed(pool, region, prices)  # noqa: SLF001 - it is of this class
            part = _PART[pool.partition("_")[0]]
            for key, end in after.items():
                row, per_unit = prices.row(*key), PER_UNIT[key[1]]
                cost = cost_between(row.tiers, before.get(key, 0), end, per_unit=per_unit)
                costs[part] = EXACT.add(costs[part], cost)
        return month, Cost(*costs)

    def billed(self, prices: Prices = AWS) -> Mapping[tuple[str, str], Quantity]:
        """Return what has been used beyond the allowances, by (region, meter)."""
        found: dict[tuple[str, str], Quantity] = {}
        for region, meter in self.used:
            found |= self._billed(_POOL.get(meter, meter), region, prices)
        return {key: amount for key, amount in found.items() if amount}

    def _billed(self, pool: str, region: str, prices: Prices) -> dict[tuple[str, str], Quantity]:
        """Return what is billed of an allowance's meters, or of a meter without one in a region."""
        if pool in PER_UNIT and pool not in _POOL:
            return {(region, pool): self.used.get((region, pool), 0)}
        keys = [key for key in self.used if _POOL.get(key[1]) == pool]
        if len(keys) > 1:
            keys.sort(key=lambda key: (prices.row(*key).tiers[0].price, key))
        left: Quantity = getattr(self.allowances, pool)
        billed = {}
        for key in keys:
            billed[key] = _less(self.used[key], left)
            left = _less(left, self.used[key])
        return billed


def cost_of(
    usage_so_far: AccountMonth, additional: Usage, region: str, prices: Prices = AWS
) -> Cost:
    """Return what more use costs after what was used before in the month.

    Raises:
        PriceUnknownError: Something was used that has no price in that region.
        AmountError: A quantity is not valid.
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
