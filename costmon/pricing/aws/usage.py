"""What was used of an AWS region: whole base units, so that nothing is rounded before the sum."""

from decimal import ROUND_CEILING, Decimal
from typing import Literal, NamedTuple

from costmon.errors import AmountError
from costmon.pricing.aws.exact import EXACT, Quantity, quantity_of

Architecture = Literal["x86", "arm"]
Consistency = Literal["eventual", "strong", "transactional"]

GB = 2**30
"""Bytes in what AWS bills as a GB: "1 GB = 1,024**3 bytes", and a TB is 1,024 of them.

The price list's own tiers say so: "first 10 TB" of transfer ends at 10240 GB.
"""
GB_SECOND = 1024 * 1000
"""MB-milliseconds in a GB-second: Lambda bills memory in MB and time in whole milliseconds."""
MILLION = 1_000_000
THOUSAND = 1000

PER_UNIT = {
    "transfer_out": GB,
    "transfer_in": GB,
    "lambda_requests": MILLION,
    "lambda_x86": GB_SECOND,
    "lambda_arm": GB_SECOND,
    "dynamodb_reads": MILLION,
    "dynamodb_writes": MILLION,
    "dynamodb_storage": GB,
    "s3_storage": GB,
    "s3_puts": THOUSAND,
    "s3_gets": THOUSAND,
}
"""Base units in the unit that each meter's price is published for."""

_MEMORY_MB = (128, 10_240)
_READ_BYTES = 4096
_WRITE_BYTES = 1024
_READ_SHARE = {"eventual": Decimal("0.5"), "strong": Decimal(1), "transactional": Decimal(2)}


class Usage(NamedTuple):
    """What was used, by meter; the fields are named as the meters.

    Attributes:
        transfer_out: Bytes sent to the internet.
        transfer_in: Bytes received from it.
        lambda_requests: Invocations.
        lambda_x86: MB-milliseconds of memory on x86.
        lambda_arm: MB-milliseconds on Graviton.
        dynamodb_reads: On-demand read request units.
        dynamodb_writes: On-demand write request units.
        dynamodb_storage: Byte-months in standard tables.
        s3_storage: Byte-months in S3 Standard.
        s3_puts: PUT, COPY, POST and LIST requests.
        s3_gets: GET, SELECT and all other requests.
    """

    transfer_out: Quantity = 0
    transfer_in: Quantity = 0
    lambda_requests: Quantity = 0
    lambda_x86: Quantity = 0
    lambda_arm: Quantity = 0
    dynamodb_reads: Quantity = 0
    dynamodb_writes: Quantity = 0
    dynamodb_storage: Quantity = 0
    s3_storage: Quantity = 0
    s3_puts: Quantity = 0
    s3_gets: Quantity = 0

    def plus(self, other: "Usage") -> "Usage":
        """Return both together."""
        return Usage._make(
            mine + its
            if isinstance(mine, int) and isinstance(its, int)
            else EXACT.add(Decimal(mine), Decimal(its))
            for mine, its in zip(self, other, strict=True)
        )

    def checked(self) -> "Usage":
        """Return it when every field is a quantity.

        Raises:
            AmountError: One is negative, not finite, or a float.
        """
        return Usage._make(map(quantity_of, self._fields, self))


NO_USAGE = Usage()


def invocations(
    count: int, duration_ms: Quantity, *, memory_mb: int, architecture: Architecture = "x86"
) -> Usage:
    """Return what `count` Lambda invocations of the same length use.

    Args:
        count: How many.
        duration_ms: Of one; each is billed by the whole millisecond, rounded up.
        memory_mb: What the function is configured with.
        architecture: `x86` or `arm`.

    Raises:
        AmountError: A figure cannot be.
    """
    least, most = _MEMORY_MB
    if isinstance(memory_mb, bool) or not isinstance(memory_mb, int):
        raise AmountError(f"memory_mb={memory_mb!r}", "whole MB")
    if not least <= memory_mb <= most:
        raise AmountError(f"memory_mb={memory_mb}", f"{least} to {most}, as Lambda has it")
    if architecture not in ("x86", "arm"):
        raise AmountError(f"architecture={architecture!r}"[:60], "'x86' or 'arm'")
    count = int(quantity_of("count", count))
    billed_ms = int(
        Decimal(quantity_of("duration_ms", duration_ms)).to_integral_value(ROUND_CEILING)
    )
    compute = count * billed_ms * memory_mb
    if architecture == "arm":
        return Usage(lambda_requests=count, lambda_arm=compute)
    return Usage(lambda_requests=count, lambda_x86=compute)


def read_units(item_bytes: int, consistency: Consistency = "strong") -> Decimal:
    """Return the read request units of one item: one for each 4 KB begun, half when eventual."""
    if consistency not in _READ_SHARE:
        raise AmountError(f"consistency={consistency!r}"[:60], "eventual, strong or transactional")
    return _begun(item_bytes, _READ_BYTES) * _READ_SHARE[consistency]


def write_units(item_bytes: int, *, transactional: bool = False) -> int:
    """Return the write request units of one item: one for each KB begun, two in a transaction."""
    return _begun(item_bytes, _WRITE_BYTES) * (2 if transactional else 1)


def _begun(item_bytes: int, step: int) -> int:
    return max(1, -(-int(quantity_of("item_bytes", item_bytes)) // step))
