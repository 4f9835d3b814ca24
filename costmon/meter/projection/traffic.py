"""Price a month's traffic to the internet."""

from collections.abc import Sequence
from decimal import Decimal

from costmon.pricing.aws.tiers import Tier, cost_between

_GB = 2**30


def egress_usd(tiers: Sequence[Tier], month_bytes: int) -> Decimal:
    """Return dollars for a month's traffic of all routes, after one free allowance.

    Only bodies are counted, not headers or TLS overhead; 0 if no price is listed.
    """
    return cost_between(tiers, 0, month_bytes, per_unit=_GB)


def added_usd(tiers: Sequence[Tier], month_bytes: int, more: int) -> Decimal:
    """Return dollars for `more` bytes in addition to a month's traffic."""
    return cost_between(tiers, month_bytes, month_bytes + more, per_unit=_GB)
