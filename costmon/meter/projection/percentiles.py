"""Compute percentiles of the requests of a route from their histogram."""

from decimal import Decimal

from costmon.meter.histogram import Buckets, quantile
from costmon.meter.projection.values import Spread

FLAGGED_ABOVE = Decimal("1.5")
"""Above this p95 / p50 a route is flagged as uneven."""

FLAGGED_FROM = 30
"""Below this many requests nothing is flagged: p95 would be one or two requests."""

_HUNDREDTH = Decimal("0.01")


def wall_spread_of(buckets: Buckets) -> Spread | None:
    """Return the percentiles of wall time; they are never flagged.

    Waiting, for a database or for a busy server, does not mean that some requests do more work.
    """
    spread = spread_of(buckets)
    return None if spread is None else spread._replace(flagged=False, waits=spread.flagged)


def spread_of(buckets: Buckets) -> Spread | None:
    """Return the percentiles of a histogram of ns; `None` if it is empty."""
    p50, p95, p99 = (quantile(buckets, share) for share in (0.50, 0.95, 0.99))
    if p50 is None or p95 is None or p99 is None:
        return None
    ratio = Decimal(p95) / Decimal(p50) if p50 else None
    uneven = p95 > 0 if ratio is None else ratio > FLAGGED_ABOVE
    return Spread(
        p50_ns=p50,
        p95_ns=p95,
        p99_ns=p99,
        ratio=None if ratio is None else ratio.quantize(_HUNDREDTH),
        flagged=uneven and sum(buckets.values()) >= FLAGGED_FROM,
    )
