"""Latency of a host: a histogram of 64 buckets that can decay and be added.

Each doubling from 2 ms on has four buckets of equal width, so that a quantile is within 12.5 % of
the exact one between 2.5 ms and 131 s. Faster responses share a bucket (off by at most 1.25 ms);
slower ones count as 123 s, the middle of the last bucket. A t-digest or P² would be more precise,
but two of them cannot be added, which processes that share a store need.
"""

from math import frexp, isfinite

from costmon.errors import InputError

BUCKETS = 64
SMALLEST_S = 0.002
_STEPS = 4
_NOTHING = 1e-4
"""Weight below which a bucket is dropped."""


class LatencyHistogram:
    """Weights of buckets; immutable.

    Attributes:
        weights: By bucket; an empty bucket is absent.
    """

    __slots__ = ("weights",)

    def __init__(self, weights: dict[int, float] | None = None) -> None:
        self.weights = {} if weights is None else weights

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LatencyHistogram) and self.weights == other.weights

    def __hash__(self) -> int:
        return hash(frozenset(self.weights.items()))

    def __repr__(self) -> str:
        return f"LatencyHistogram({self.weights!r})"

    @property
    def weight(self) -> float:
        """Return the decayed number of responses."""
        return sum(self.weights.values())

    def plus(self, other: "LatencyHistogram", *, fade: float = 1.0) -> "LatencyHistogram":
        """Return the sum of both, with this one's weights multiplied by `fade`."""
        weights = {
            bucket: weight * fade
            for bucket, weight in self.weights.items()
            if weight * fade >= _NOTHING
        }
        for bucket, weight in other.weights.items():
            weights[bucket] = weights.get(bucket, 0.0) + weight
        return LatencyHistogram(weights)

    def quantile(self, share: float) -> float | None:
        """Return the quantile `share` (0..1) in seconds; `None` without any responses."""
        if not self.weights:
            return None
        wanted = self.weight * share
        bucket = 0
        for bucket in sorted(self.weights):
            wanted -= self.weights[bucket]
            if wanted <= 0:
                break
        return (lower_s(bucket) + lower_s(bucket + 1)) / 2


NONE = LatencyHistogram()


def one(seconds: float) -> LatencyHistogram:
    """Return the histogram of one response.

    Raises:
        InputError: `seconds` is negative or not finite.
    """
    return LatencyHistogram({bucket_of(seconds): 1.0})


def bucket_of(seconds: float) -> int:
    """Return the bucket of a response.

    Raises:
        InputError: `seconds` is negative or not finite.
    """
    if not isfinite(seconds) or seconds < 0:
        raise InputError(f"{seconds!r} is not a latency: give seconds, at least 0")
    if seconds < SMALLEST_S:
        return 0
    mantissa, doublings = frexp(seconds / SMALLEST_S)
    return min(int((doublings - 1 + 2 * mantissa - 1) * _STEPS), BUCKETS - 1)


def lower_s(bucket: int) -> float:
    """Return the lower bound of a bucket, in seconds; 0 for the first."""
    doublings, step = divmod(bucket, _STEPS)
    return SMALLEST_S * 2.0**doublings * (1 + step / _STEPS) if bucket else 0.0
