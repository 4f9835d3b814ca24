"""What one service costs: transfer, Lambda, DynamoDB, S3.

Each answers for use on top of a month's; without a month nothing is free and the first tier holds,
which is right for a single call of a busy account and never too little for any other. (To count a
month, pass it: if free use applied to each call, a budget would never be spent.)
"""

import functools
from decimal import Decimal

from costmon.pricing.aws.account import NONE_FREE, AccountMonth, cost_of
from costmon.pricing.aws.exact import EXACT, Quantity, quantity_of
from costmon.pricing.aws.prices import AWS, Prices, between_regions
from costmon.pricing.aws.usage import GB, Architecture, Usage, invocations

_FREE_STORAGE_GB = 25


@functools.cache
def no_month() -> AccountMonth:
    """Return the month that holds by default: nothing is free and nothing else was used.

    Not even the 25 GB a region are free that DynamoDB's price list begins with.
    """
    meter = "dynamodb_storage"
    used = {(region, meter): _FREE_STORAGE_GB * GB for region in AWS.regions(meter)}
    return AccountMonth("", NONE_FREE, used)


def transfer_cost(
    bytes_out: Quantity,
    *,
    region: str,
    bytes_in: Quantity = 0,
    so_far: AccountMonth | None = None,
    prices: Prices = AWS,
) -> Decimal:
    """Return what data to (and from, which is free) the internet costs, in US dollars.

    Raises:
        PriceUnknownError, AmountError: See `AccountMonth.after`.
    """
    usage = Usage(transfer_out=bytes_out, transfer_in=bytes_in)
    return cost_of(so_far or no_month(), usage, region, prices).total


def cross_region_cost(bytes_sent: Quantity, *, source: str, target: str) -> Decimal:
    """Return what data from one region to another costs; the source pays, nothing is free.

    Raises:
        PriceUnknownError: One of the two is not listed.
        AmountError: The quantity is not valid.
    """
    sent = Decimal(quantity_of("bytes_sent", bytes_sent))
    return EXACT.divide(EXACT.multiply(sent, between_regions(source, target)), Decimal(GB))


def lambda_cost(
    requests: int,
    duration_ms: Quantity,
    *,
    memory_mb: int,
    region: str,
    architecture: Architecture = "x86",
    so_far: AccountMonth | None = None,
    prices: Prices = AWS,
) -> Decimal:
    """Return what `requests` invocations of `duration_ms` each cost.

    Raises:
        PriceUnknownError, AmountError: See `AccountMonth.after` and `invocations`.
    """
    usage = invocations(requests, duration_ms, memory_mb=memory_mb, architecture=architecture)
    return cost_of(so_far or no_month(), usage, region, prices).total


def dynamodb_cost(
    reads: Quantity,
    writes: Quantity,
    *,
    region: str,
    storage_gb_months: Quantity = 0,
    so_far: AccountMonth | None = None,
    prices: Prices = AWS,
) -> Decimal:
    """Return what on-demand request units and storage cost; a month has 25 GB free a region.

    Raises:
        PriceUnknownError, AmountError: See `AccountMonth.after`.
    """
    stored = _byte_months(storage_gb_months)
    usage = Usage(dynamodb_reads=reads, dynamodb_writes=writes, dynamodb_storage=stored)
    return cost_of(so_far or no_month(), usage, region, prices).total


def s3_cost(
    storage_gb_months: Quantity,
    *,
    region: str,
    puts: Quantity = 0,
    gets: Quantity = 0,
    so_far: AccountMonth | None = None,
    prices: Prices = AWS,
) -> Decimal:
    """Return what S3 Standard storage and requests cost.

    Raises:
        PriceUnknownError, AmountError: See `AccountMonth.after`.
    """
    usage = Usage(s3_storage=_byte_months(storage_gb_months), s3_puts=puts, s3_gets=gets)
    return cost_of(so_far or no_month(), usage, region, prices).total


def _byte_months(gb_months: object) -> Quantity:
    given = quantity_of("storage_gb_months", gb_months)
    return given * GB if isinstance(given, int) else EXACT.multiply(given, Decimal(GB))
