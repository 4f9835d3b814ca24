"""How fast vendors' counters rise between two readings, in units and at list price.

Vendors are read every few minutes to hours, and their counters only say what was used in all. So a
rise is told as a rate, in units per second, that holds until the next reading: readings that come
late, early or not at all change what is known, and make no spike.
"""

import datetime as dt
from collections.abc import Iterator, Mapping
from decimal import Decimal

from costmon.domain.finding import Series
from costmon.domain.usage import Quantity, UsageReading
from costmon.pricing.llm import LlmUsage
from costmon.pricing.llm_list import price_of

_LONGEST = dt.timedelta(days=2)
"""A rise over a longer time says little about the present."""
_KINDS = {
    "input_tokens": "input",
    "uncached_input_tokens": "input",
    "embedding_tokens": "input",
    "cached_input_tokens": "cached",
    "cache_write_tokens": "cache_write",
    "output_tokens": "output",
}
"""Fields of `LlmUsage` by the quotas of vendors of models; a model follows after a colon."""
_Key = tuple[str, str | None]


def usage_rates(before: UsageReading, after: UsageReading) -> dict[Series, Decimal]:
    """Return units per second of each counter, and US dollars of those that have a list price.

    A counter that falls within its period was corrected, and rises by nothing. One that begins
    again has risen by what it shows. What could not be read before is not known to rise.

    Args:
        before: The reading before.
        after: The newest reading of the same account.
    """
    elapsed = after.observed_at - before.observed_at
    if not dt.timedelta() < elapsed <= _LONGEST:
        return {}
    risen = dict(_risen(before, after))
    seconds = Decimal(elapsed.total_seconds())
    account = f"account:{after.account}"
    rates = {
        Series(account if project is None else f"project:{project}", quota): rise / seconds
        for (quota, project), rise in risen.items()
    }
    cost = _list_price(after.provider, risen)
    if cost is not None:
        rates[Series(account, "USD")] = cost / seconds
    return rates


def _risen(before: UsageReading, after: UsageReading) -> Iterator[tuple[_Key, Decimal]]:
    known = {(it.quota, it.project): it for it in before.quantities}
    unread = {gap.kind for gap in before.gaps}
    for quantity in after.quantities:
        key = (quantity.quota, quantity.project)
        if quantity.resets_at is None or quantity.quota.partition(":")[0] in unread:
            continue  # a level is not used up
        yield key, _rise(known.get(key), quantity)


def _rise(before: Quantity | None, after: Quantity) -> Decimal:
    if before is None or before.start != after.start:
        return after.used
    return max(Decimal(), after.used - before.used)


def _list_price(provider: str, risen: Mapping[_Key, Decimal]) -> Decimal | None:
    """Return what the tokens cost that have a price; `None`: nothing here has one."""
    tokens: dict[str, dict[str, int]] = {}
    for (quota, project), rise in risen.items():
        kind, _, model = quota.partition(":")
        if model and project is None and kind in _KINDS:
            counts = tokens.setdefault(model, {})
            counts[_KINDS[kind]] = counts.get(_KINDS[kind], 0) + int(rise)
            if kind == "input_tokens":  # those from the cache are among them
                cached = int(risen.get((f"cached_input_tokens:{model}", None), Decimal()))
                counts["input"] -= min(cached, int(rise))
    costs = []
    for model, counts in tokens.items():
        price = price_of(model, provider)
        if price is not None:
            used = LlmUsage(
                input=counts.get("input", 0),
                cached=counts.get("cached", 0),
                cache_write=counts.get("cache_write", 0),
                output=counts.get("output", 0),
            )
            # How long each prompt was is not known: the price of short ones holds for all.
            costs.append(price._replace(long_rates=None).cost(used).amount)
    return sum(costs, Decimal()) if costs else None
