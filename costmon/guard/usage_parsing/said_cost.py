"""The cost of a call, where the vendor itself says it in the answer."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from costmon.domain.amount import amount_of
from costmon.errors import AmountError

_ZERO = Decimal(0)
_TICKS = Decimal(10_000_000_000)
_LONGEST_NUMBER = 40


def said_cost(seller: str | None, usage: Mapping[str, Any]) -> Decimal | None:
    """Return the cost that the vendor itself says: OpenRouter, Perplexity, xAI."""
    if seller == "openrouter":
        cost = _amount(usage.get("cost"))
        details = usage.get("cost_details")
        upstream = None
        if isinstance(details, dict):
            upstream = _amount(details.get("upstream_inference_cost"))
        own_key = usage.get("is_byok")
        if upstream and (own_key is True or (own_key is None and upstream > (cost or _ZERO))):
            return (cost or _ZERO) + upstream
        return cost
    if seller == "perplexity":
        cost_of = usage.get("cost")
        return _amount(cost_of.get("total_cost")) if isinstance(cost_of, dict) else None
    if seller == "x-ai":
        ticks = _amount(usage.get("cost_in_usd_ticks"))
        return None if ticks is None else ticks / _TICKS
    return None


def _amount(said: object) -> Decimal | None:
    if not isinstance(said, str | int | float | Decimal) or len(str(said)) > _LONGEST_NUMBER:
        return None
    try:
        return amount_of(said)
    except AmountError:
        return None
