"""Print where `costmon/pricing/data/llm.csv` differs from the genai-prices that is installed.

A line for each price that both have and that is not the same, and for each model or unit that only
one has; to be read by who updates the list. Nothing is changed.
"""

import datetime as dt
from collections.abc import Iterator

from genai_prices.data_snapshot import get_snapshot

from costmon.clock import SystemClock
from costmon.domain.model_name import spellings
from costmon.guard.usage_parsing.price_book import listed_by_genai_prices
from costmon.pricing.llm import PER, UNITS, ModelPrice, Rates
from costmon.pricing.llm_list import price_list

_VENDORS = (
    "openai",
    "anthropic",
    "google",
    "x-ai",
    "mistral",
    "cohere",
    "deepseek",
    "groq",
    "perplexity",
    "aws",
    "voyageai",
)


def differences(now: dt.datetime) -> Iterator[str]:
    """Yield a line for each difference."""
    ours = price_list()
    known = {(vendor, name) for vendor, name, _ in ours.models()}
    for provider in get_snapshot().providers:
        if provider.id not in _VENDORS:
            continue
        for info in provider.models:
            name = info.id.removeprefix("regional.")
            everywhere = name.startswith("global.") or (provider.id, "claude") == (
                "google",
                name[:6],
            )
            region = "global" if everywhere else ""
            theirs = listed_by_genai_prices(provider, info, now)
            mine = ours.price(name, provider.id, region)
            if theirs is None:
                continue
            where = f"{provider.id} {info.id}"
            if mine is None or not ours.has(name, provider.id):
                yield f"{where}: not in llm.csv"
                continue
            known -= {(provider.id, one) for one in (*spellings(name), mine.model)}
            yield from _differences(where, mine, theirs)
    for vendor, name in sorted(known):
        if vendor in _VENDORS:
            yield f"{vendor} {name}: only in llm.csv"


def _differences(where: str, mine: ModelPrice, theirs: ModelPrice) -> Iterator[str]:
    yield from _of_rates(where, mine.rates, theirs.rates)
    if mine.long_rates is not None and theirs.long_rates is not None:
        yield from _of_rates(f"{where}, long prompts", mine.long_rates, theirs.long_rates)
    elif (mine.long_rates is None) != (theirs.long_rates is None):
        yield f"{where}: only one has a price of long prompts"
    for tier in sorted(set(mine.tiers) | set(theirs.tiers)):
        if tier in mine.tiers and tier in theirs.tiers:
            own, other = mine.tiers[tier].rates, theirs.tiers[tier].rates
            yield from _of_rates(f"{where}, {tier}", own, other)
        elif tier in theirs.tiers:
            yield f"{where}: the tier {tier} is not in llm.csv"


def _of_rates(where: str, mine: Rates, theirs: Rates) -> Iterator[str]:
    for unit, own, other, per in zip(UNITS, mine, theirs, PER, strict=True):
        if other is not None and own is None:
            yield f"{where}: {unit} costs {other:f} for {per:,}, is not in llm.csv"
        elif own is not None and other is not None and own != other:
            yield f"{where}: {unit} costs {other:f} for {per:,}, {own:f} in llm.csv"


if __name__ == "__main__":
    lines = list(differences(SystemClock().now()))
    print(*lines, sep="\n")  # noqa: T201 - this is its result
    print(f"{len(lines)} differences")  # noqa: T201 - this is its result
