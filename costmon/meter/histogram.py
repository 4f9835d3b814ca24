"""Log-linear histograms of integers, which merge exactly.

Each power of two is divided into 32 equal buckets, so a bucket is at most 1/32 of its values wide
and its middle at most 1/64 (1.6 %) away from them. Merging adds integers, so the order does not
matter. Buckets fit OTLP's exponential histograms of scale 5 roughly
and Prometheus's explicit ones exactly at powers of two.
"""

import math
from collections.abc import Iterable, Mapping

PARTS_BITS = 5
_PARTS = 1 << PARTS_BITS

Buckets = Mapping[int, int]
"""Counts by bucket number; missing buckets are empty."""


def bucket_of(value: int) -> int:
    """Return the number of the bucket that contains `value`; negative values count as 0."""
    if value < _PARTS:
        return max(value, 0)
    shift = value.bit_length() - PARTS_BITS - 1
    return (shift << PARTS_BITS) + (value >> shift)


def bounds(bucket: int) -> tuple[int, int]:
    """Return the smallest value of a bucket, and the smallest value above it."""
    if bucket < _PARTS:
        return bucket, bucket + 1
    shift = (bucket >> PARTS_BITS) - 1
    least = (bucket - (shift << PARTS_BITS)) << shift
    return least, least + (1 << shift)


def middle(bucket: int) -> int:
    """Return the value that represents a bucket."""
    least, above = bounds(bucket)
    return (least + above - 1) // 2


def merged(all_buckets: Iterable[Buckets]) -> dict[int, int]:
    """Return the sum of several histograms."""
    counts: dict[int, int] = {}
    for buckets in all_buckets:
        for bucket, count in buckets.items():
            counts[bucket] = counts.get(bucket, 0) + count
    return counts


def quantile(buckets: Buckets, share: float) -> int | None:
    """Return the value that `share` of all values (0 to 1) does not exceed; `None` without values.

    The nearest rank: the 0.5 of two values is the lower one, the 0.99 of 100 the 99th.
    """
    total = sum(buckets.values())
    if not total:
        return None
    # 0.55 * 100 is slightly above 55 in binary floating point, but the 55th is meant.
    rank = max(1, math.ceil(round(share * total, 9)))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return middle(bucket)
    return middle(max(buckets))
