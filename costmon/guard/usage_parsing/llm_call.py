"""Detect calls to language models: which model, and how much it can use.

Recognised by the end of their path, on any host, since many vendors have OpenAI's API: OpenAI,
Azure, Mistral, xAI, DeepSeek, OpenRouter, LiteLLM, vLLM (`/chat/completions`, `/completions`,
`/responses`, `/embeddings`), Anthropic (`/v1/messages`, also on Vertex), Gemini
(`...:generateContent`), Cohere (`/v2/chat`, `/v2/embed`), Bedrock (`/model/.../converse` or
`invoke`).
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

_NAMED = (
    re.compile(r"/models/(?P<model>[^/:]+):(?P<verb>\w*[gG]enerateContent|\w*[eE]mbedContents?)$"),
    re.compile(r"/models/(?P<model>[^/:]+):(?P<verb>rawPredict|streamRawPredict)$"),
    re.compile(r"/model/(?P<model>[^/]+)/(?P<verb>converse|converse-stream|invoke[a-z-]*)$"),
    re.compile(r"/deployments/(?P<model>[^/]+)/(?P<verb>[a-z/]+)$"),
)
_IN_BODY = re.compile(
    r"/(?:chat/completions|completions|responses|embeddings)$|/v1/messages$|/v[12]/(?:chat|embed)$"
)
_EMBEDS = re.compile(r"embed", re.IGNORECASE)

# Fields that refer to more than their own bytes: pictures and files, stored conversations, and
# the vendor's own tools.
_REFERENCES = re.compile(
    rb'"(?:image_url|image|input_image|input_audio|input_file|file_id|file_ids|file_url|file_data'
    rb"|fileUri|file_uri|fileData|inlineData|inline_data|cachedContent|previous_response_id"
    rb"|conversation|prompt_id|variables|container|document|source|s3Location|video|google_search"
    rb"|googleSearch|url_context|urlContext|mcp_servers|server_url|vector_store_ids)\"\s*:"
    rb'|"type"\s*:\s*"(?:web_search|web_fetch|file_search|code_interpreter|code_execution|computer'
    rb"|mcp|image_generation)"
)
_THINKS = re.compile(
    r"(?:^|[/.])(?:o\d|gpt-[5-9]|gemini-(?:2\.5|[3-9])|grok-[4-9])|reason|think|-r1"
)
_OVERHEAD = 1_100
"""Tokens that a vendor adds to a prompt: roles and turns, and 346-820 for tool use."""

_LIMITS = (
    "max_completion_tokens",
    "max_tokens",
    "max_output_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
)
_NESTED_LIMITS = (
    ("generationConfig", "maxOutputTokens"),
    ("generation_config", "max_output_tokens"),
    ("inferenceConfig", "maxTokens"),
    ("textGenerationConfig", "maxTokenCount"),
)
_CHOICES = ("n", "best_of", "num_generations")
_MOST = 10**9


class LlmCall(NamedTuple):
    """What a request to a language model says about its possible cost.

    Attributes:
        model: As named in the request; `None` if it names none.
        prompt_bytes: Of the request's body; `None` if not known before it is sent. A token is at
            least one byte, so there are at most as many tokens.
        refers: Whether the prompt refers to content that is not in the body.
        most_output: Limit of output tokens for each choice; `None` if it sets none.
        choices: How many answers it asks for.
        embeds: Whether it has no output tokens.
        caches: Whether it asks to cache parts of the prompt.
        caches_1h: Whether it asks to cache them for an hour.
        thinks: Whether there may be output tokens that a stream does not show.
        factor: The most that its service tier costs, as a multiple of the list price.
    """

    model: str | None
    prompt_bytes: int | None
    refers: bool = False
    most_output: int | None = None
    choices: int = 1
    embeds: bool = False
    caches: bool = False
    caches_1h: bool = False
    thinks: bool = False
    factor: int = 1

    def prompt_bound(self, context: int) -> int:
        """Return the most input tokens that the call can use."""
        if self.prompt_bytes is None:
            return context
        written = self.prompt_bytes + _OVERHEAD
        if self.embeds:
            return written  # a batch may be larger than the model's context
        return context if self.refers else min(context, written)

    def output_bound(self, most: int) -> int:
        """Return the most output tokens that the call can use."""
        if self.embeds:
            return 0
        asked = self.most_output if self.most_output is not None else most
        return asked * self.choices


def llm_call_of(method: str, path: str, body: bytes | None, size: int | None) -> LlmCall | None:
    """Return a call to a language model; `None` if the request is not one.

    Args:
        method: The HTTP method.
        path: Of the URL, without query.
        body: The JSON body, if known.
        size: Bytes of the body, if known.
    """
    if method.upper() != "POST":
        return None
    named = next(filter(None, (pattern.search(path) for pattern in _NAMED)), None)
    if named is None and _IN_BODY.search(path) is None:
        return None
    model = unquote(named["model"]) if named is not None else None
    embeds = _EMBEDS.search(path if named is None else named["verb"]) is not None
    if body is None:
        return LlmCall(model, size, embeds=embeds, thinks=True)
    try:
        asked = json.loads(body)
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        asked = {}
    said = asked.get("model")
    if isinstance(said, str) and said:
        model = said
    if model is None:
        return None
    hour = b'"1h"' in body
    return LlmCall(
        model=model,
        prompt_bytes=len(body),
        refers=_REFERENCES.search(body) is not None,
        most_output=_most_output(asked),
        choices=_choices(asked),
        embeds=embeds,
        caches=b'"cache_control"' in body or b'"cachePoint"' in body or "gpt-" in model,
        caches_1h=hour,
        thinks=_thinks(model, asked),
        factor=_factor(asked),
    )


def _most_output(asked: Mapping[str, Any]) -> int | None:
    found = [asked.get(name) for name in _LIMITS]
    for outer, inner in _NESTED_LIMITS:
        part = asked.get(outer)
        found.append(part.get(inner) if isinstance(part, dict) else None)
    counts = [
        count
        for count in found
        if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= _MOST
    ]
    return max(counts, default=None)


def _choices(asked: Mapping[str, Any]) -> int:
    config = asked.get("generationConfig")
    found = [asked.get(name) for name in _CHOICES]
    found.append(config.get("candidateCount") if isinstance(config, dict) else None)
    counts = [
        count
        for count in found
        if isinstance(count, int) and not isinstance(count, bool) and 1 <= count <= _MOST
    ]
    return max(counts, default=1)


def _thinks(model: str, asked: Mapping[str, Any]) -> bool:
    if any(asked.get(name) for name in ("reasoning", "reasoning_effort", "thinking")):
        return True
    return _THINKS.search(model.lower()) is not None


def _factor(asked: Mapping[str, Any]) -> int:
    """Return an upper bound of vendors' price factors for faster tiers: twice, or six times."""
    if asked.get("speed") == "fast":
        return 6
    return 2 if asked.get("service_tier") in {"priority", "fast"} else 1
