"""Parse what a call used, from each vendor's fields.

OpenAI and Gemini count cached tokens as part of the input, Anthropic and Bedrock apart from it.
OpenAI counts reasoning as part of the output, xAI apart from it, which its total shows.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from costmon.pricing.llm import LlmUsage

_MOST = 10**10
"""Most tokens; a larger count is not plausible."""

_DIGITS = 12

_READ_ONLY = frozenset(("embeddings", "rerank"))
"""Formats in which a model writes nothing: all of their tokens are read."""

Usage = Mapping[str, Any]


def usage_of(usage: Usage, wire: str | None = None) -> LlmUsage | None:
    """Return what a usage object says; `None` if it is unknown or not plausible.

    Args:
        usage: With the vendor's own fields.
        wire: The wire format, where the same fields mean something else: `images`.
    """
    for known, read in _READERS:
        if not known.isdisjoint(usage):
            try:
                found = read(usage)
            except NoCountError:
                return None
            if wire == "images" and found is not None and not found.image_output:
                found = found._replace(image_output=found.output, output=0)
            if wire in _READ_ONLY and found is not None:
                found = found._replace(input=found.input + found.output, output=0)
            return found
    return None


class NoCountError(Exception):
    """A count is negative, too large or not a whole number."""


def _count(usage: object, *names: str) -> int:
    """Return the first count that is present, or 0."""
    if not usage or not isinstance(usage, dict):
        return 0
    for name in names:
        value = usage.get(name)
        if value is None:
            continue
        if type(value) is float and value.is_integer():  # Cohere writes 12.0
            value = int(value)
        elif type(value) is str and value.isascii() and value.isdigit() and len(value) < _DIGITS:
            value = int(value)  # JSON made from protocol buffers writes large integers so
        if type(value) is not int or not 0 <= value <= _MOST:
            raise NoCountError
        return value
    return 0


def seconds_of(usage: Usage, *names: str) -> Decimal:
    """Return the first duration that is present, or 0.

    Raises:
        NoCountError: It is negative, too large or not a number.
    """
    for name in names:
        value = usage.get(name)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                seconds = Decimal(str(value))
            except InvalidOperation:
                raise NoCountError from None
            if not seconds.is_finite() or not 0 <= seconds <= _MOST:
                raise NoCountError
            return seconds
    return Decimal(0)


def _openai(usage: Usage) -> LlmUsage:
    read = _count(usage, "prompt_tokens", "input_tokens", "prompt_token_count")
    cached = _count(usage, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens")
    written = audio = image = audio_cached = image_cached = 0
    details = _first(usage, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    if details:
        cached = min(read, _count(details, "cached_tokens") or cached)
        written = _count(details, "cache_write_tokens", "cache_creation_tokens")
        if "audio_tokens" in details or "image_tokens" in details:
            of_cached = _first(details, "cached_tokens_details")
            audio_cached = min(cached, _count(of_cached, "audio_tokens"))
            image_cached = min(cached - audio_cached, _count(of_cached, "image_tokens"))
            audio = max(0, _count(details, "audio_tokens") - audio_cached)
            image = max(0, _count(details, "image_tokens") - image_cached)
    cached = min(cached, read)
    written = min(written, read - cached)
    audio = min(audio, read - cached - written)
    image = min(image, read - cached - written - audio)

    output = _count(usage, "completion_tokens", "output_tokens", "generation_token_count")
    total = _count(usage, "total_tokens")
    reasoning = audio_output = image_output = 0
    details = _first(
        usage, "completion_tokens_details", "output_tokens_details", "output_token_details"
    )
    if details or "reasoning_tokens" in usage:
        reasoning = _count(details, "reasoning_tokens") or _count(usage, "reasoning_tokens")
        if total != read + output + reasoning and reasoning <= output:
            output -= reasoning  # it is a part of the output
        audio_output = min(output, _count(details, "audio_tokens"))
        image_output = min(output - audio_output, _count(details, "image_tokens"))
    elif total > read + output and "prompt_audio_seconds" not in usage:
        reasoning = total - read - output  # Gemini does not say it in OpenAI's format
    found = LlmUsage(
        input=read - cached - written - audio - image,
        cached=cached - audio_cached - image_cached,
        cache_write=written,
        output=output - audio_output - image_output,
        reasoning=reasoning,
        audio=audio,
        audio_cached=audio_cached,
        audio_output=audio_output,
        image=image,
        image_cached=image_cached,
        image_output=image_output,
    )
    return found if _OTHERS.isdisjoint(usage) else _with_others(found, usage)


_OTHERS = frozenset(
    ("server_side_tool_usage_details", "num_search_queries", "prompt_audio_seconds")
)


def _with_others(found: LlmUsage, usage: Usage) -> LlmUsage:
    """Add what xAI, Perplexity and Mistral count beside tokens."""
    tools = _first(usage, "server_side_tool_usage_details")
    searches = _count(usage, "num_search_queries")
    return found._replace(
        input=found.input + (_count(usage, "citation_tokens") if searches else 0),
        seconds=seconds_of(usage, "prompt_audio_seconds"),
        web_search=_count(tools, "web_search_calls") + _count(tools, "x_search_calls") + searches,
        file_search=_count(tools, "file_search_calls", "document_search_calls"),
        code_run=_count(tools, "code_interpreter_calls"),
    )


def _anthropic(usage: Usage) -> LlmUsage:
    parts = usage.get("cache_creation")
    hour = _count(parts, "ephemeral_1h_input_tokens")
    written = max(
        _count(usage, "cache_creation_input_tokens"),
        hour + _count(parts, "ephemeral_5m_input_tokens"),
    )
    tools = usage.get("server_tool_use")
    found = LlmUsage(
        input=_count(usage, "input_tokens"),
        cached=_count(usage, "cache_read_input_tokens"),
        cache_write=written - hour,
        cache_write_1h=hour,
        output=_count(usage, "output_tokens"),
        web_search=_count(tools, "web_search_requests"),
    )
    rounds = usage.get("iterations")
    for one in rounds if isinstance(rounds, list) else ():
        # What made room in the conversation is not in the counts of the whole.
        if isinstance(one, dict) and one.get("type") == "compaction":
            more = _anthropic(one)
            found = found._replace(
                **{unit: getattr(found, unit) + getattr(more, unit) for unit in _ADDED}
            )
    return found


_ADDED = ("input", "cached", "cache_write", "cache_write_1h", "output")


def _responses_or_anthropic(usage: Usage) -> LlmUsage:
    marks = ("input_tokens_details", "input_token_details", "total_tokens", "output_tokens_details")
    return _openai(usage) if any(mark in usage for mark in marks) else _anthropic(usage)


def _gemini(usage: Usage) -> LlmUsage:
    read = _count(usage, "promptTokenCount") + _count(usage, "toolUsePromptTokenCount")
    cached = min(read, _count(usage, "cachedContentTokenCount"))
    of_read = _modalities(usage, "promptTokensDetails", "toolUsePromptTokensDetails")
    of_cached = _modalities(usage, "cacheTokensDetails")
    of_output = _modalities(usage, "candidatesTokensDetails", "responseTokensDetails")
    audio_cached = min(cached, of_cached["AUDIO"])
    image_cached = min(cached - audio_cached, of_cached["IMAGE"])
    rest = read - cached
    audio = min(rest, max(0, of_read["AUDIO"] - audio_cached))
    image = min(rest - audio, max(0, of_read["IMAGE"] - image_cached))
    video = min(rest - audio - image, max(0, of_read["VIDEO"] - of_cached["VIDEO"]))
    output = _count(usage, "candidatesTokenCount", "responseTokenCount")
    made = {kind: min(output, of_output[kind.upper()]) for kind in ("audio", "image", "video")}
    return LlmUsage(
        input=rest - audio - image - video,
        cached=cached - audio_cached - image_cached,
        output=max(0, output - sum(made.values())),
        reasoning=_count(usage, "thoughtsTokenCount"),
        audio=audio,
        audio_cached=audio_cached,
        audio_output=made["audio"],
        image=image,
        image_cached=image_cached,
        image_output=made["image"],
        video=video,
        video_output=made["video"],
    )


def _modalities(usage: Usage, *names: str) -> dict[str, int]:
    """Return Gemini's counts by modality."""
    found = {"TEXT": 0, "AUDIO": 0, "IMAGE": 0, "VIDEO": 0, "DOCUMENT": 0}
    for name in names:
        parts = usage.get(name)
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("modality") in found:
                found[part["modality"]] += _count(part, "tokenCount")
    return found


def _cohere(usage: Usage) -> LlmUsage | None:
    billed = usage.get("billed_units")
    known = {"input_tokens", "output_tokens", "search_units"}
    if not isinstance(billed, dict) or known.isdisjoint(billed):
        return None  # pictures, which have no price in the list
    return LlmUsage(
        input=_count(billed, "input_tokens"),
        output=_count(billed, "output_tokens"),
        request=_count(billed, "search_units"),
    )


def _bedrock(usage: Usage) -> LlmUsage:
    written = _count(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    details = usage.get("cacheDetails")
    parts = [
        (part.get("ttl"), _count(part, "inputTokens"))
        for part in (details if isinstance(details, list) else ())
        if isinstance(part, dict)
    ]
    hour = sum(count for lasts, count in parts if lasts == "1h")
    written = max(written, sum(count for _, count in parts))
    return LlmUsage(
        input=_count(usage, "inputTokens", "inputTokenCount", "inputTextTokenCount"),
        cached=_count(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"),
        cache_write=written - hour,
        cache_write_1h=hour,
        output=_count(usage, "outputTokens", "outputTokenCount"),
    )


def _total(usage: Usage) -> LlmUsage:
    return LlmUsage(output=_count(usage, "total_tokens"))


def _duration(usage: Usage) -> LlmUsage:
    return LlmUsage(seconds=seconds_of(usage, "seconds"))


def _pages(usage: Usage) -> LlmUsage:
    return LlmUsage(pages=_count(usage, "pages_processed"))


def _first(usage: object, *names: str) -> Usage:
    """Return the first of these objects that is present."""
    if isinstance(usage, dict):
        for name in names:
            value = usage.get(name)
            if isinstance(value, dict):
                return value
    return {}


_READERS = (
    (frozenset(("promptTokenCount", "candidatesTokenCount")), _gemini),
    (frozenset(("inputTokens", "inputTokenCount", "inputTextTokenCount")), _bedrock),
    (frozenset(("billed_units",)), _cohere),
    (frozenset(("prompt_tokens", "prompt_token_count")), _openai),
    (frozenset(("input_tokens", "output_tokens")), _responses_or_anthropic),
    (frozenset(("seconds",)), _duration),
    (frozenset(("pages_processed",)), _pages),
    (frozenset(("total_tokens",)), _total),
)
