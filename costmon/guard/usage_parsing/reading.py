"""Find the usage in a response while it is read: JSON, lines, server-sent events, AWS's events.

Memory is bounded: a whole body or one event of up to 64 KiB is kept, without the data of pictures
and sound in it; of anything longer the first 2 and the last 8 KiB, where vendors put model and
usage.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from costmon.guard.usage_parsing.decoding import Decoder, Plain, UnreadableError, decoder_of
from costmon.guard.usage_parsing.event_frames import FrameReader
from costmon.guard.usage_parsing.request_body import LONG, text_size
from costmon.guard.usage_parsing.usage import usage_of
from costmon.pricing.llm import LlmUsage

WHOLE = 65_536
TAIL = 8_192
HEAD = 2_048

_KEYS = (b'"usage"', b'"usageMetadata"', b'"billed_units"', b'"amazon-bedrock-invocationMetrics"')
_TEXTS = frozenset(
    (
        "content",
        "text",
        "delta",
        "partial_json",
        "thinking",
        "arguments",
        "reasoning",
        "reasoning_content",
        "refusal",
        "args",
        "input",
    )
)
_ARGUMENTS = frozenset(("args", "arguments", "input"))
"""What a model asks a tool, which some vendors write as an object."""

_LAST = frozenset(
    (
        "message_delta",
        "message_stop",
        "message-end",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "speech.audio.done",
        "transcript.text.done",
        "image_generation.completed",
        "image_edit.completed",
    )
)
# What a vendor's own tool did, by the type of an item of the output.
_TOOL_ITEMS = {
    "web_search_call": "web_search",
    "file_search_call": "file_search",
    "code_interpreter_call": "code_run",
    "image_generation_call": "pictures",
}
_FREE_ACTIONS = frozenset(("open_page", "find_in_page", "find"))
# The same in a body that is too long to be parsed: an unescaped quote is no text of the model.
_TOOL_IN_TEXT = re.compile(
    rb'"(?:type"\s*:\s*"('
    + "|".join((*_TOOL_ITEMS, *_FREE_ACTIONS)).encode()
    + rb')"|(webSearchQueries)"\s*:\s*(?=\[))'
)
_SAID = re.compile(rb'(?<!\\)"(model|modelVersion|service_tier|status|id)"\s*:\s*"([^"\\]{1,200})"')
_DEEPEST = 8
_TRIES = 8
_MOST_RESULTS = 100_000


class Result(NamedTuple):
    """One answer of a batch.

    Attributes:
        model: That answered.
        usage: What it used.
    """

    model: str | None
    usage: LlmUsage


class AnswerReader:
    """Reads one response.

    Args:
        headers: Of the response, by lower-case name.
        decoded: Whether the content is decoded already.
        wire: The wire format of the request, where the answer does not show it.
        lines: Whether the body is one JSON value a line, of several calls.

    Attributes:
        usage: The counts by the vendor's names; the last of several.
        model: The model that answered.
        tier: The service tier of the response, as the vendor calls it.
        id: The id of the response, or of the batch.
        unfinished: Whether the vendor still works on it.
        results: The answers of a batch.
        text_bytes: Of the model's text, as far as received; there are at most as many tokens.
        readable: Whether everything so far could be parsed.
        problem: Why it could not be read.
        ended: Whether the usage is complete, whatever follows.
    """

    def __init__(
        self,
        headers: Mapping[str, str],
        *,
        decoded: bool = False,
        wire: str | None = None,
        lines: bool = False,
    ) -> None:
        self.usage: dict[str, Any] = {}
        self.model: str | None = None
        self.tier: str | None = headers.get("x-gemini-service-tier")
        self.id: str | None = None
        self.unfinished = False
        self.results: list[Result] = []
        self.text_bytes = 0
        self.readable = True
        self.problem = ""
        self.ended = False
        self._wire = wire
        media = headers.get("content-type", "").lower()
        self._events = media.startswith("text/event-stream")
        self._frames = FrameReader() if "vnd.amazon.eventstream" in media else None
        self._lines = lines
        self._changed = False
        self._counted: LlmUsage | None = None
        self._tools: dict[str, str] = {}
        self._queries: set[str] = set()
        self._kept = bytearray()
        self._head = b""
        self._cut = False
        self._event_bytes = 0
        self._finished = False
        self._decoder: Decoder = Plain()
        if not decoded:
            try:
                self._decoder = decoder_of(headers.get("content-encoding", ""))
            except UnreadableError as error:
                self.readable, self.problem = False, str(error)

    @property
    def tokens(self) -> LlmUsage | None:
        """Return the usage of the call; `None` if the response has not reported it."""
        if self._changed:
            self._counted, self._changed = self._count(), False
        return self._counted

    def _count(self) -> LlmUsage | None:
        found = usage_of(self.usage, self._wire) if self.usage else None
        if found is None or not (self._tools or self._queries):
            return found
        calls = list(self._tools.values())
        return found._replace(
            web_search=max(found.web_search, calls.count("web_search"), len(self._queries)),
            file_search=max(found.file_search, calls.count("file_search")),
            code_run=max(found.code_run, 1 if "code_run" in calls else 0),
            pictures=calls.count("pictures"),
        )

    @property
    def body(self) -> bytes | None:
        """Return the whole content, if it is not a stream of events and at most 64 KiB."""
        plain = not (self._cut or self._head or self._events or self._lines)
        return bytes(self._kept) if plain and self.readable else None

    def feed(self, data: bytes) -> None:
        """Take received bytes, encoded unless the reader was created for decoded content."""
        if not self.readable:
            return
        try:
            for piece in self._decoder.pieces(data):
                if self._frames is not None:
                    for event in self._frames.events(piece):
                        self._absorb(event, streamed=True)
                if self._events or self._lines:
                    self._feed_lines(piece)
                else:
                    self._keep(piece)
        except UnreadableError as error:
            self.readable, self.problem = False, str(error)

    def finish(self) -> None:
        """Parse what can only be parsed at the end, also of a response that was cut off."""
        if self._finished:
            return
        self._finished = True
        if self._events or self._lines:
            self._line(bytes(self._kept))
            if self.tokens is None and not self.text_bytes:
                self.text_bytes = self._event_bytes  # events of a form that is not known
            return
        if not self._kept or (self._frames is not None and self.tokens is not None):
            return
        if not self._cut:
            try:
                found = json.loads(self._kept.decode())
                self.ended = True
            except (ValueError, RecursionError):
                found = None
            for one in found if isinstance(found, list) else [found]:
                if isinstance(one, dict):
                    self._absorb(one, streamed=False)
        if self.tokens is None:
            self._scan_kept()

    def _scan_kept(self) -> None:
        """Look for the usage in what is kept of a body that cannot be parsed."""
        if self._cut:
            self._find_tools(len(self._kept))
        self._scan(self._head + bytes(self._kept[-TAIL:]))
        if not self.text_bytes:
            self.text_bytes = len(self._kept)

    def _keep(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) <= WHOLE:
            return
        if not self._cut:
            self._head = self._head or bytes(self._kept[:HEAD])
            without_data(self._kept)
        if len(self._kept) > WHOLE // 2 or self._cut:
            self._cut = True
            if len(self._kept) > 2 * TAIL:
                self.text_bytes += len(self._kept) - TAIL
                self._find_tools(len(self._kept) - TAIL)
                del self._kept[:-TAIL]

    def _find_tools(self, end: int) -> None:
        """Take the tools that the vendor used from the kept text, of those that begin before."""
        for hit in _TOOL_IN_TEXT.finditer(self._kept):
            if hit.start() >= end:
                break
            if self._kept[hit.start() - 1 : hit.start()] == b"\\":
                continue
            if hit[2]:
                text = self._kept[hit.end() :].decode("utf-8", "replace")
                try:
                    queries, _ = json.JSONDecoder().raw_decode(text)
                except ValueError:
                    continue
                self._queries |= {str(query) for query in queries}
            elif (unit := _TOOL_ITEMS.get(hit[1].decode())) is not None:
                self._tools[f"{len(self._tools)}"] = unit
            elif self._tools:  # an action, which follows the type of its call
                self._tools.popitem()

    def _feed_lines(self, piece: bytes) -> None:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep_line(piece[start:end])
            self._line(bytes(self._kept))
            self._kept.clear()
            self._cut = False
            start = end + 1
        self._keep_line(piece[start:])

    def _keep_line(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > WHOLE:
            without_data(self._kept)
        if len(self._kept) > WHOLE:
            if not self._cut:
                self._head = bytes(self._kept[:HEAD])
            self._cut = True
            self.text_bytes += len(self._kept) - TAIL
            del self._kept[:-TAIL]

    def _line(self, line: bytes) -> None:
        if self._cut:
            self.text_bytes += len(line)
            if self._lines:
                self.usage, self.model = {}, None
            self._scan(self._head + line)
            if self._lines and self.tokens is not None and len(self.results) < _MOST_RESULTS:
                self.results.append(Result(self.model, self.tokens))
            return
        if self._events:
            if not line.startswith(b"data:"):
                return
            line = line[5:]
            if line.strip() == b"[DONE]":
                self.ended = True
                return
            self._event_bytes += len(line)
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return  # part of an event that was cut off
        if isinstance(found, dict):
            if self._lines:
                self._absorb_result(found)
            else:
                self._absorb(found, streamed=True)

    def _absorb_result(self, line: dict[str, Any]) -> None:
        """Take one line of the results of a batch."""
        for outer, inner in (("result", "message"), ("response", "body"), ("", "response")):
            value = line.get(outer) if outer else line
            answer = value.get(inner) if isinstance(value, dict) else None
            if isinstance(answer, dict):
                self._add_result(answer)
                return

    def _add_result(self, answer: dict[str, Any]) -> None:
        usage = answer.get("usage") or answer.get("usageMetadata")
        found = usage_of(usage) if isinstance(usage, dict) else None
        if found is not None and len(self.results) < _MOST_RESULTS:
            model = answer.get("model") or answer.get("modelVersion")
            self.results.append(Result(model if isinstance(model, str) else None, found))

    def _absorb(self, value: dict[str, Any], *, streamed: bool) -> None:
        self._changed = True
        for usage in _usages(value):
            self.usage |= {name: count for name, count in usage.items() if count is not None}
        for part in (value, value.get("message"), value.get("response")):
            if isinstance(part, dict):
                self._absorb_answer(part)
        response = value.get("response")
        if isinstance(response, dict) and "inlinedResponses" in response:
            self._absorb_inlined(response)
        kind = value.get("type")
        kind = kind if isinstance(kind, str) else None
        if kind in _LAST or (value.get("choices") == [] and value.get("usage")):
            self.ended = True
        item = value.get("item")
        if isinstance(item, dict):
            self._absorb_item(item, str(value.get("output_index", "")))
        # Events that repeat what was written before ("...done", "...completed") have another type.
        if not streamed:
            if not self.usage:
                self.text_bytes += _text_bytes(value, 0)
        elif kind is None or "delta" in kind:
            self.text_bytes += _text_bytes(value, 0)

    def _absorb_answer(self, part: dict[str, Any]) -> None:
        """Take what one answer, or an event, says about itself."""
        for name in ("model", "modelVersion"):
            if isinstance(part.get(name), str):
                self.model = part[name]
        tier = part.get("service_tier", part.get("serviceTier"))
        if isinstance(tier, dict):
            tier = tier.get("type")
        if isinstance(tier, str):
            self.tier = tier
        if isinstance(part.get("id"), str):
            self.id = part["id"]
        if self._wire == "batch" and isinstance(part.get("name"), str):  # Gemini
            self.id, self.unfinished = part["name"], not part.get("done")
        status = part.get("status", part.get("processing_status"))
        if isinstance(status, str):
            self.unfinished = status in {"queued", "in_progress"}
        output = part.get("output")
        for at, item in enumerate(output if isinstance(output, list) else ()):
            if isinstance(item, dict):
                self._absorb_item(item, str(at))
        self._absorb_searches(part.get("candidates"))

    def _absorb_searches(self, candidates: object) -> None:
        """Take what Gemini searched for."""
        for one in candidates if isinstance(candidates, list) else ():
            found = one.get("groundingMetadata") if isinstance(one, dict) else None
            queries = found.get("webSearchQueries") if isinstance(found, dict) else None
            if isinstance(queries, list):
                self._queries |= {str(query) for query in queries}

    def _absorb_item(self, item: dict[str, Any], place: str) -> None:
        unit = _TOOL_ITEMS.get(str(item.get("type")))
        if unit is None or item.get("status") == "failed":
            return
        action = item.get("action")
        if isinstance(action, dict) and action.get("type") in _FREE_ACTIONS:
            return
        self._tools[str(item.get("id") or place)] = unit

    def _absorb_inlined(self, response: dict[str, Any]) -> None:
        """Take the results of a batch of Gemini."""
        found = response.get("inlinedResponses")
        found = found.get("inlinedResponses") if isinstance(found, dict) else found
        for one in found if isinstance(found, list) else ():
            answer = one.get("response") if isinstance(one, dict) else None
            if isinstance(answer, dict):
                self._add_result(answer)

    def _scan(self, data: bytes) -> None:
        """Find the last usage object in the ends of a longer text.

        An unescaped `"usage"` cannot be inside a JSON string, because quotes are escaped there.
        """
        said = {key: value.decode("utf-8", "replace") for key, value in _SAID.findall(data)}
        self.model = said.get(b"model") or said.get(b"modelVersion") or self.model
        self.tier = said.get(b"service_tier") or self.tier
        found = sorted(((at, key) for key in _KEYS for at in _places(data, key)), reverse=True)
        decoder = json.JSONDecoder()
        for at, key in found[:_TRIES]:
            brace = data.find(b"{", at + len(key), at + len(key) + 4)
            if brace < 0:
                continue
            try:
                usage, _ = decoder.raw_decode(data[brace:].decode("utf-8", "replace"))
            except ValueError:
                continue
            if key == b'"billed_units"':
                usage = {"billed_units": usage}
            if usage_of(usage) is not None:
                self.usage |= usage
                self._changed = True
                return


def without_data(kept: bytearray) -> None:
    """Shorten the runs without a quote in a text, such as a picture in base64, in place."""
    pieces = kept.split(b'"')
    if any(len(piece) > 2 * LONG for piece in pieces):
        kept[:] = b'"'.join(
            piece if len(piece) <= 2 * LONG or b"{" in piece else piece[:64] + piece[-64:]
            for piece in pieces
        )


def _usages(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the usage objects of one body or event, from wherever vendors put them."""
    for name in _USAGES:
        if name in value and isinstance(value[name], dict):
            yield value[name]
    meta = value.get("meta")
    if isinstance(meta, dict) and "billed_units" in meta:
        yield meta
    if "inputTextTokenCount" in value or "generation_token_count" in value:  # of Bedrock's `invoke`
        yield _titan(value)
    if "duration" in value and "text" in value and "usage" not in value:  # a transcription
        yield {"seconds": value["duration"]}
    for outer in _OUTER:
        inner = value.get(outer)
        if isinstance(inner, dict):
            for name in ("usage", "usageMetadata"):
                if isinstance(inner.get(name), dict):
                    yield inner[name]


_USAGES = ("usage", "usageMetadata", "usage_info", "amazon-bedrock-invocationMetrics")
_OUTER = ("message", "response", "delta", "metadata", "x_groq")


def _titan(value: dict[str, Any]) -> dict[str, Any]:
    """Return the usage of a model of Amazon's or Meta's, which has it among its own fields."""
    if "generation_token_count" in value:
        return {name: value.get(name) for name in ("prompt_token_count", "generation_token_count")}
    results = value.get("results")
    written = sum(
        one["tokenCount"]
        for one in (results if isinstance(results, list) else ())
        if isinstance(one, dict) and isinstance(one.get("tokenCount"), int)
    )
    return {"inputTextTokenCount": value["inputTextTokenCount"], "outputTokens": written}


def _places(data: bytes, key: bytes) -> Iterator[int]:
    at = data.find(key)
    while at >= 0:
        if data[at - 1 : at] != b"\\":
            yield at
        at = data.find(key, at + 1)


def _text_bytes(value: object, depth: int) -> int:
    """Return the bytes of the model's text in an event or a body."""
    if depth > _DEEPEST:
        return 0
    if isinstance(value, dict):
        return sum(
            text_size(part)
            if isinstance(part, str) and name in _TEXTS
            else len(json.dumps(part))
            if isinstance(part, dict) and name in _ARGUMENTS
            else _text_bytes(part, depth + 1)
            for name, part in value.items()
            if not isinstance(part, str) or name in _TEXTS
        )
    if isinstance(value, list):
        return sum(_text_bytes(part, depth + 1) for part in value)
    return 0
