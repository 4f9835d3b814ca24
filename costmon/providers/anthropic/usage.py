"""Count tokens, searches and requests over the rows of either generation."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.usage import Quantity
from costmon.providers.anthropic.answers import Tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One row of usage of either generation.

    Attributes:
        model: Whose tokens.
        tokens: How many.
        requests: How many requests used them; `None` in a report.
    """

    model: str | None
    tokens: Tokens
    requests: int | None


def quantities(
    rows: tuple[Use, ...], start: dt.datetime, end: dt.datetime, resets_at: dt.datetime
) -> Iterator[Quantity]:
    """Return every count for all models, and for each model after a colon.

    A count that a row does not have makes the sum an estimate; one that no row has is not there.
    """
    for quota, (unit, count) in COUNTS.items():
        sums: dict[str, int] = {}
        missing = False
        for row in rows:
            counted = count(row)
            missing = missing or counted is None
            if counted is not None:
                for name in (quota, f"{quota}:{row.model}") if row.model else (quota,):
                    sums[name] = sums.get(name, 0) + counted
        if not rows and quota in ALWAYS:
            sums = {quota: 0}
        for name, used in sums.items():
            yield Quantity(
                quota=name,
                unit=unit,
                used=Decimal(used),
                start=start,
                end=end,
                resets_at=resets_at,
                limit=None,
                estimated=missing,
                project=None,
            )


def _written(row: Use) -> int | None:
    cache = row.tokens.cache_creation
    if cache is None:
        return None
    counts = (cache.ephemeral_1h_input_tokens, cache.ephemeral_5m_input_tokens)
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _read(row: Use) -> int | None:
    return row.tokens.cache_read_input_tokens


def _searches(row: Use) -> int | None:
    tools = row.tokens.server_tool_use
    return None if tools is None else tools.web_search_requests


COUNTS: Mapping[str, tuple[str, Callable[[Use], int | None]]] = {
    "uncached_input_tokens": ("Tokens", lambda row: row.tokens.uncached_input_tokens),
    "cache_write_tokens": ("Tokens", _written),
    "cached_input_tokens": ("Tokens", _read),
    "output_tokens": ("Tokens", lambda row: row.tokens.output_tokens),
    "web_searches": ("Requests", _searches),
    "model_requests": ("Requests", lambda row: row.requests),
}
ALWAYS = frozenset({"uncached_input_tokens", "output_tokens"})
