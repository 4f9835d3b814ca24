"""How much the requests of a route differ, from their histogram."""

from decimal import Decimal

from costmon.meter.histogram import Buckets, quantile
from costmon.meter.projection.values import Spread

FLAGGED_ABOVE = Decimal("1.5")
"""p95 / p50 above which a route's cost is called uneven."""

FLAGGED_FROM = 30
"""Requests below which nothing is flagged: p95 of fewer is one or two of them."""

_HUNDREDTH = Decimal("0.01")


def spread_of(buckets: Buckets) -> Spread | None:
    """Return the percentiles of a histogram of ns; `None` when nothing is in it."""
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
