"""What a month's traffic to the internet costs."""

from collections.abc import Sequence
from decimal import Decimal

from costmon.pricing.aws.tiers import Tier, cost_between

_GB = 2**30


def egress_usd(tiers: Sequence[Tier], month_bytes: int) -> Decimal:
    """Return dollars for what a whole fleet sends in a month; the free allowance is used once.

    Only bodies are counted, not headers and not what TLS adds; 0 when no price is listed.
    """
    return cost_between(tiers, 0, month_bytes, per_unit=_GB)


def added_usd(tiers: Sequence[Tier], month_bytes: int, more: int) -> Decimal:
    """Return dollars for `more` bytes on top of what is sent in a month."""
    return cost_between(tiers, month_bytes, month_bytes + more, per_unit=_GB)
