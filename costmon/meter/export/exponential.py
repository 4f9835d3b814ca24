"""Convert histograms to OTLP's exponential histograms.

Each count goes to the bucket that contains the middle of its old bucket, so it may be one bucket
off; counts and sums stay exact.
"""

import math
from typing import NamedTuple

from costmon.meter.histogram import Buckets, middle

_FINEST_SCALE = 5
# The limit of the OpenTelemetry SDKs.
_MOST_BUCKETS = 160
_NS = 10**9


class Exponential(NamedTuple):
    """A histogram of seconds.

    Attributes:
        scale: Each bucket is 2 ** (2 ** -scale) times as wide as the previous one.
        zeros: Count of zero values.
        offset: Number of the first bucket, whose lower bound is that factor to this power.
        counts: Counts of consecutive buckets from there on.
    """

    scale: int
    zeros: int
    offset: int
    counts: tuple[int, ...]


def exponential_of(buckets: Buckets) -> Exponential:
    """Return the finest histogram of at most 160 buckets that has the counts of `buckets` (ns)."""
    zeros, by_index = 0, dict[int, int]()
    for bucket, count in buckets.items():
        value_ns = middle(bucket)
        if value_ns:
            index = math.ceil(math.log2(value_ns / _NS) * 2**_FINEST_SCALE) - 1
            by_index[index] = by_index.get(index, 0) + count
        else:
            zeros += count
    if not by_index:
        return Exponential(_FINEST_SCALE, zeros, 0, ())
    shift = 0
    while (max(by_index) >> shift) - (min(by_index) >> shift) >= _MOST_BUCKETS:
        shift += 1
    first, last = min(by_index) >> shift, max(by_index) >> shift
    counts = [0] * (last - first + 1)
    for index, count in by_index.items():
        counts[(index >> shift) - first] += count
    return Exponential(_FINEST_SCALE - shift, zeros, first, tuple(counts))
