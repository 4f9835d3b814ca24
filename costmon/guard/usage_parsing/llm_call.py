"""Recognise calls to language models, and read what they ask for.

By the end of their path on any host, since many vendors have OpenAI's API; by the host, if it
serves models; and by a body with a model and messages. `docs/guard.md` has a table of the formats.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from costmon.guard.usage_parsing.prompt import Prompt, prompt_of
from costmon.guard.usage_parsing.request_body import Body, body_of
from costmon.guard.usage_parsing.sellers import seller_of
from costmon.pricing.llm import STANDARD

_FORMATS = (
    # Paths that name the model
    (r"/models/(?P<model>[^/:]+):(?:count|compute)Tokens$", "free"),
    (r"/models/(?P<model>[^/:]+):(?:\w*[eE]mbedContents?|asyncBatchEmbedContent)$", "embeddings"),
    (r"/models/(?P<model>[^/:]+):batchGenerateContent$", "batch"),
    (r"/models/(?P<model>[^/:]+):\w*[gG]enerateContent$", "gemini"),
    (r"/models/(?P<model>[^/:]+):(?:rawPredict|streamRawPredict)$", "messages"),
    (r"/models/(?P<model>[^/:]+):predict(?:LongRunning)?$", "predict"),
    (r"/model/(?P<model>[^/]+)/count-tokens$", "free"),
    (r"/model/(?P<model>[^/]+)/converse(?:-stream)?$", "converse"),
    (r"/model/(?P<model>[^/]+)/invoke[a-z-]*$", "invoke"),
    # Free
    (r"/(?:count_tokens|input_tokens|moderations|cancel|tokenize|files)$", "free"),
    (r"/threads(?:/[^/]+)?/runs(?:/[^/]+/submit_tool_outputs)?$", "other"),
    (r"/(?:uploads|vector_stores|threads|assistants|conversations)(?:/[^/]+)*$", "free"),
    # Paths that end alike at each vendor
    (r"/chat/completions$", "chat"),
    (r"/responses/compact$|/responses$", "responses"),
    (r"/messages/batches$", "batch"),
    (r"/batches$|/batch/jobs$|/batchPredictionJobs$", "batch"),
    (r"/completions$", "completions"),
    (r"/embeddings$|/v[12]/embed$|/multimodalembeddings$", "embeddings"),
    (r"/images/(?:generations|edits|variations)$", "images"),
    (r"/audio/speech$", "speech"),
    (r"/audio/(?:transcriptions|translations)$", "transcription"),
    (r"/v1/messages$|/anthropic/v1/messages$", "messages"),
    (r"/v[12]/chat$", "cohere"),
    (r"/v[12]/rerank$", "rerank"),
    (r"/v1/videos$", "videos"),
    (r"/v1/ocr$|/fim/completions$|/v1/interactions$", "other"),
)
_PATHS = tuple((re.compile(pattern), wire) for pattern, wire in _FORMATS)
_DEPLOYMENT = re.compile(r"/(?:deployments|engines)/(?P<model>[^/]+)/")
# What is read later, with the usage of a call that was made before.
_LATER = (
    (re.compile(r"/responses/(?P<id>[^/]+)$"), "responses"),
    (re.compile(r"/messages/batches/(?P<id>[^/]+)/results$"), "batch"),
    (re.compile(r"/files/(?P<id>[^/]+)/content$"), "batch"),
    (re.compile(r"/v1(?:beta|alpha)?/(?P<id>batches/[^/]+)$"), "batch"),
)

_LIMITS = (
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tokens_to_sample",
    "max_gen_len",
    "maxOutputTokens",
    "maxTokens",
)
_NESTED_LIMITS = (
    ("generationConfig", "maxOutputTokens"),
    ("generation_config", "max_output_tokens"),
    ("inferenceConfig", "maxTokens"),
    ("inferenceConfig", "max_new_tokens"),
    ("textGenerationConfig", "maxTokenCount"),
    ("parameters", "maxOutputTokens"),
)
LIMIT_OF = {
    "chat": "max_completion_tokens",
    "completions": "max_tokens",
    "responses": "max_output_tokens",
    "messages": "max_tokens",
    "gemini": "generationConfig.maxOutputTokens",
    "converse": "inferenceConfig.maxTokens",
    "invoke": "max_tokens",
    "cohere": "max_tokens",
}
"""The field that limits the output, by wire format; vendors other than OpenAI: `max_tokens`."""

_CHOICES = ("n", "best_of", "num_generations", "num_images", "numberOfImages", "sampleCount")
_MOST = 10**9
_THINKS = re.compile(
    r"(?:^|[/.])(?:o\d|gpt-[5-9]|gemini-(?:2\.5|[3-9])|grok-[4-9])|reason|think|-r1"
)
_TIERS = {
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
    "batch": "batch",
    "scale": STANDARD,
    "default": STANDARD,
    "standard": STANDARD,
    "standard_only": STANDARD,
    "on_demand": STANDARD,
}


class LlmCall(NamedTuple):
    """What a request to a language model asks for.

    Attributes:
        wire: Its format, such as `chat`, `responses`, `messages`, `gemini`; `free`: what costs
            nothing; `unknown`: something else at a host that serves models.
        seller: Who serves it, as the price list names them; `None`: the host is not known.
        model: As named in the request; `None` if it names none.
        body: Its content.
        prompt: What the model reads.
        most_output: Limit of output tokens for each choice; `None` if it sets none.
        choices: How many answers it asks for.
        tier: The service tier that it asks for.
        thinks: Whether there may be output tokens that a stream does not show.
        streams: Whether it asks for a stream.
        tells_usage: Whether a stream will say its usage, as far as that is a matter of the request.
        speaks: Whether the answer may have sound.
        geography: `inference_geo` of Anthropic's API.
        later: Of what this reads the result; `None`: it is a new call.
        parts: The calls of a batch.
    """

    wire: str
    seller: str | None
    model: str | None
    body: Body
    prompt: Prompt
    most_output: int | None = None
    choices: int = 1
    tier: str = STANDARD
    thinks: bool = False
    streams: bool = False
    tells_usage: bool = True
    speaks: bool = False
    geography: object = None
    later: str | None = None
    parts: tuple["LlmCall", ...] = ()

    @property
    def writes(self) -> bool:
        """Return whether its answer has output tokens."""
        return self.wire not in {"embeddings", "rerank", "free", "transcription"}

    @property
    def lines(self) -> bool:
        """Return whether its answer is one JSON value a line: the results of a batch."""
        later = self.later
        return self.wire == "batch" and later is not None and not later.startswith("batches/")

    @property
    def limit_field(self) -> str | None:
        """Return the field that limits its output, if its format has one."""
        if self.wire == "chat" and self.seller not in {None, "openai", "azure"}:
            return "max_tokens"
        return LIMIT_OF.get(self.wire)


def llm_call_of(
    method: str,
    host: str,
    path: str,
    headers: Mapping[str, str],
    body: bytes | None,
    size: int | None,
) -> LlmCall | None:
    """Return a call to a language model; `None`: the request is not recognised as one.

    Args:
        method: The HTTP method, upper case.
        host: In canonical form.
        path: Of the URL, without query.
        headers: By lower-case name.
        body: The body as it is sent, if known.
        size: Its bytes, if known.
    """
    seller = seller_of(host)
    if method == "GET":
        return _later(path, seller)
    if method != "POST":
        return None
    wire, model = _format(path)
    if wire == "free":
        return LlmCall("free", seller, model, Body(size, {}), Prompt(0)) if seller else None
    kind = headers.get("content-type", "")
    content = body_of(body, size, headers.get("content-encoding", ""), kind)
    if wire is None:
        wire = _by_body(content) or (None if seller is None else "unknown")
        if wire is None:
            return None
    found = _read(wire, seller, model, content)
    if found.model is None and seller is None and not found.parts and content.problem is None:
        # Of an unknown host, a path alone says too little: only a body that is not known yet.
        return found if body is None and size != 0 else None
    return found


def _later(path: str, seller: str | None) -> LlmCall | None:
    for pattern, wire in _LATER:
        hit = pattern.search(path)
        if hit is not None and (seller is not None or wire == "responses"):
            tier = "batch" if wire == "batch" else STANDARD
            return LlmCall(wire, seller, None, Body(0, {}), Prompt(0), tier=tier, later=hit["id"])
    return None


def _format(path: str) -> tuple[str | None, str | None]:
    """Return the wire format and the model that a path names."""
    for pattern, wire in _PATHS:
        hit = pattern.search(path)
        if hit is not None:
            named = hit.groupdict().get("model")
            if named is None:
                deployment = _DEPLOYMENT.search(path)
                named = deployment["model"] if deployment is not None else None
            return wire, unquote(named) if named is not None else None
    return None, None


def _by_body(body: Body) -> str | None:
    """Return the format of a body that is plainly a call to a model, whatever its path."""
    fields = body.fields
    messages = fields.get("messages")
    if not isinstance(fields.get("model"), str) or not isinstance(messages, list) or not messages:
        return None
    if not all(isinstance(one, dict) and "role" in one for one in messages):
        return None
    return "messages" if "anthropic_version" in fields else "chat"


def _read(
    wire: str, seller: str | None, model: str | None, body: Body, tier: str | None = None
) -> LlmCall:
    """Return what a body asks for."""
    fields = body.fields
    said = fields.get("model")
    if isinstance(said, str) and said:
        model = said
    asked = _tier(fields)
    parts = tuple(_parts(fields, seller, model)) if wire == "batch" else ()
    return LlmCall(
        wire=wire,
        seller=seller,
        model=model,
        body=body,
        prompt=_prompt(body),
        most_output=_most_output(fields),
        choices=_choices(fields),
        tier="batch" if wire == "batch" else tier or asked,
        thinks=_thinks(model, fields),
        streams=bool(fields.get("stream")),
        tells_usage=_tells_usage(wire, fields),
        speaks=_speaks(fields),
        geography=fields.get("inference_geo"),
        parts=parts,
    )


def _prompt(body: Body) -> Prompt:
    """Return what is read; all that a body may refer to, if its content is not known."""
    if body.known:
        return prompt_of(body.fields, body.size)
    return Prompt(body.size or 0, refers=True)


def _parts(fields: Mapping[str, Any], seller: str | None, model: str | None) -> list[LlmCall]:
    """Return the calls that a batch carries in its body: Anthropic's and Gemini's."""
    found = fields.get("requests")
    batch = fields.get("batch")
    if isinstance(batch, dict):
        config = batch.get("inputConfig") or batch.get("input_config")
        found = config.get("requests") if isinstance(config, dict) else None
        found = found.get("requests") if isinstance(found, dict) else None
    parts = []
    for one in found if isinstance(found, list) else ():
        inner = one.get("params") or one.get("request") if isinstance(one, dict) else None
        if not isinstance(inner, dict):
            return []
        wire = "messages" if "params" in one else "gemini"
        parts.append(_read(wire, seller, model, Body(None, inner, known=True), "batch"))
    return parts


def _tier(fields: Mapping[str, Any]) -> str:
    """Return the tier that a request asks for; what the answer says goes first."""
    if fields.get("speed") == "fast":
        return "fast"
    said = fields.get("service_tier", fields.get("serviceTier"))
    if isinstance(said, dict):  # Bedrock
        said = said.get("type")
    config = fields.get("generationConfig")
    if said is None and isinstance(config, dict):
        said = config.get("serviceTier", config.get("service_tier"))
    if not isinstance(said, str) or said == "auto":
        return STANDARD
    return _TIERS.get(said.lower().removeprefix("service_tier_"), "priority")


def tier_of(said: str) -> str | None:
    """Return the tier that an answer names; `None`: not one that has prices."""
    return _TIERS.get(said.lower().removeprefix("service_tier_"))


def _counts(found: list[object], least: int) -> list[int]:
    return [
        count
        for count in found
        if isinstance(count, int) and not isinstance(count, bool) and least <= count <= _MOST
    ]


def _most_output(fields: Mapping[str, Any]) -> int | None:
    found: list[object] = [fields.get(name) for name in _LIMITS]
    for outer, inner in _NESTED_LIMITS:
        part = fields.get(outer)
        found.append(part.get(inner) if isinstance(part, dict) else None)
    return max(_counts(found, 0), default=None)


def _choices(fields: Mapping[str, Any]) -> int:
    found: list[object] = [fields.get(name) for name in _CHOICES]
    for outer in ("generationConfig", "parameters"):
        part = fields.get(outer)
        if isinstance(part, dict):
            found += [part.get("candidateCount"), part.get("sampleCount")]
    written = fields.get("n")
    if isinstance(written, str) and written.isascii() and written.isdigit():  # of a form
        found.append(int(written[:9]))
    return max(_counts(found, 1), default=1)


def _thinks(model: str | None, fields: Mapping[str, Any]) -> bool:
    if any(fields.get(name) for name in ("reasoning", "reasoning_effort", "thinking")):
        return True
    return model is not None and _THINKS.search(model.lower()) is not None


def _tells_usage(wire: str, fields: Mapping[str, Any]) -> bool:
    if wire not in {"chat", "completions"} or not fields.get("stream"):
        return True
    options = fields.get("stream_options")
    return isinstance(options, dict) and bool(options.get("include_usage"))


def _speaks(fields: Mapping[str, Any]) -> bool:
    config = fields.get("generationConfig")
    found = [fields.get("modalities")]
    if isinstance(config, dict):
        found += [config.get("responseModalities"), config.get("response_modalities")]
    return any("audio" in str(one).lower() for one in found if isinstance(one, list))
