"""Parse how many tokens a call used, from each vendor's fields.

OpenAI (chat, responses, embeddings) and vendors with the same API (Mistral, DeepSeek, xAI,
OpenRouter, Groq), Anthropic, Gemini, Cohere, Bedrock. OpenAI and Gemini count cached tokens as part
of the input, Anthropic and Bedrock separately.
"""

from collections.abc import Mapping
from typing import Any

from costmon.pricing.llm import Tokens

_MOST = 10**10
"""Most tokens; a larger count is not plausible."""

Usage = Mapping[str, Any]


def tokens_of(usage: Usage) -> Tokens | None:
    """Return the tokens of a usage object; `None` if it is unknown or not plausible."""
    for known, read in _READERS:
        if any(name in usage for name in known):
            try:
                return read(usage)
            except _NoCountError:
                return None
    return None


class _NoCountError(Exception):
    """A count is negative, too large or not a whole number."""


def _count(usage: object, *names: str) -> int:
    """Return the first count that is present, or 0."""
    if not isinstance(usage, Mapping):
        return 0
    for name in names:
        value = usage.get(name)
        if value is None:
            continue
        if isinstance(value, float) and value.is_integer():  # Cohere writes 12.0
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
            raise _NoCountError
        return value
    return 0


def _openai(usage: Usage) -> Tokens:
    read = _count(usage, "prompt_tokens", "input_tokens")
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    cached = _count(details, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens")
    written = _count(details, "cache_write_tokens", "cache_creation_tokens")
    cached, written = min(cached, read), min(written, max(0, read - cached))
    return Tokens(
        fresh=read - cached - written,
        cached=cached,
        written=written,
        output=_count(usage, "completion_tokens", "output_tokens"),
    )


def _anthropic(usage: Usage) -> Tokens:
    written = _count(usage, "cache_creation_input_tokens")
    parts = usage.get("cache_creation")
    hour = min(written, _count(parts, "ephemeral_1h_input_tokens"))
    return Tokens(
        fresh=_count(usage, "input_tokens"),
        cached=_count(usage, "cache_read_input_tokens"),
        written=written - hour,
        written_1h=hour,
        output=_count(usage, "output_tokens"),
        searches=_count(usage.get("server_tool_use"), "web_search_requests"),
    )


def _responses_or_anthropic(usage: Usage) -> Tokens:
    spoken = "input_tokens_details" in usage or "total_tokens" in usage
    return _openai(usage) if spoken else _anthropic(usage)


def _gemini(usage: Usage) -> Tokens:
    read = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
    cached = min(read, _count(usage, "cachedContentTokenCount"))
    output = _count(usage, "candidatesTokenCount") + _count(usage, "thoughtsTokenCount")
    return Tokens(fresh=read - cached, cached=cached, output=output)


def _cohere(usage: Usage) -> Tokens:
    billed = usage.get("billed_units")
    return Tokens(fresh=_count(billed, "input_tokens"), output=_count(billed, "output_tokens"))


def _bedrock(usage: Usage) -> Tokens:
    return Tokens(
        fresh=_count(usage, "inputTokens", "inputTokenCount"),
        cached=_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        written=_count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"),
        output=_count(usage, "outputTokens", "outputTokenCount"),
    )


_READERS = (
    (("promptTokenCount", "candidatesTokenCount"), _gemini),
    (("inputTokens", "inputTokenCount"), _bedrock),
    (("billed_units",), _cohere),
    (("prompt_tokens",), _openai),
    (("input_tokens", "output_tokens"), _responses_or_anthropic),
)
