"""Count tokens, searches and requests over the rows of either generation."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from costmon.domain.usage import Quantity
from costmon.providers.anthropic.answers import Tokens
from costmon.providers.figures import Span, Tally


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


def quantities(rows: tuple[Use, ...], span: Span) -> Iterator[Quantity]:
    """Return every count for all models, and for each model after a colon.

    A count that a row does not have makes the sum an estimate; one that no row has is not there.
    """
    for quota, (unit, count) in COUNTS.items():
        tally = Tally()
        for row in rows:
            tally.add(count(row), row.model)
        yield from tally.quantities(quota, unit, span, always=quota in ALWAYS)


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
