"""Find the usage in a response while it is read: JSON, server-sent events, AWS's event streams.

Memory is bounded: a whole body or one event of up to 64 KiB is kept; of anything longer, the last 8
KiB, where vendors put the usage.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from costmon.guard.usage_parsing.decoding import Decoder, Plain, UnreadableError, decoder_of
from costmon.guard.usage_parsing.tokens import tokens_of
from costmon.pricing.llm import Tokens

WHOLE = 65_536
TAIL = 8_192

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
_LAST = frozenset(
    (
        "message_delta",
        "message_stop",
        "message-end",
        "response.completed",
        "response.incomplete",
        "response.failed",
    )
)
_DEEPEST = 8
_TRIES = 8


class AnswerReader:
    """Reads one response.

    Attributes:
        usage: The counts by the vendor's names; the last of several.
        model: The model that answered.
        tier: The service tier of the response.
        text_bytes: Of the model's text, as far as received; there are at most as many tokens.
        readable: Whether everything so far could be parsed.
        ended: Whether the usage is complete, whatever follows.
    """

    def __init__(self, headers: Mapping[str, str], *, decoded: bool = False) -> None:
        self.usage: dict[str, Any] = {}
        self.model: str | None = None
        self.tier: str | None = None
        self.text_bytes = 0
        self.readable = True
        self.ended = False
        self._events = headers.get("content-type", "").lower().startswith("text/event-stream")
        self._kept = bytearray()
        self._cut = False
        self._finished = False
        self._decoder: Decoder = Plain()
        if not decoded:
            try:
                self._decoder = decoder_of(headers.get("content-encoding", ""))
            except UnreadableError:
                self.readable = False

    @property
    def tokens(self) -> Tokens | None:
        """Return the usage of the call; `None` if the response has not reported it."""
        return tokens_of(self.usage)

    @property
    def body(self) -> bytes | None:
        """Return the whole content, if it is not a stream of events and at most 64 KiB."""
        return None if self._cut or self._events or not self.readable else bytes(self._kept)

    def feed(self, data: bytes) -> None:
        """Take received bytes, encoded unless the reader was created for decoded content."""
        if not self.readable:
            return
        try:
            for piece in self._decoder.pieces(data):
                if self._events:
                    self._feed_events(piece)
                else:
                    self._keep(piece)
        except UnreadableError:
            self.readable = False

    def finish(self) -> None:
        """Parse what can only be parsed at the end, also of a response that was cut off."""
        if self._finished:
            return
        self._finished = True
        if self._events:
            self._event(bytes(self._kept))
            return
        if not self._kept:
            return
        if not self._cut:
            try:
                found = json.loads(self._kept)
                self.ended = True
            except ValueError:
                found = None
            for one in found if isinstance(found, list) else [found]:
                if isinstance(one, dict):
                    self._absorb(one)
        if self.tokens is None:
            self._scan(bytes(self._kept[-TAIL:]))
        if not self.text_bytes:
            self.text_bytes = len(self._kept)

    def _keep(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > WHOLE or (self._cut and len(self._kept) > 2 * TAIL):
            self._cut = True
            self.text_bytes += len(self._kept) - TAIL
            del self._kept[:-TAIL]

    def _feed_events(self, piece: bytes) -> None:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            self._keep_line(piece[start:end])
            self._event(bytes(self._kept))
            self._kept.clear()
            self._cut = False
            start = end + 1
        self._keep_line(piece[start:])

    def _keep_line(self, piece: bytes) -> None:
        self._kept += piece
        if len(self._kept) > WHOLE:
            self._cut = True
            del self._kept[:-TAIL]

    def _event(self, line: bytes) -> None:
        if self._cut:
            self._scan(line)
            self.text_bytes += len(line)
            return
        if not line.startswith(b"data:"):
            return
        if line[5:].strip() == b"[DONE]":
            self.ended = True
            return
        try:
            found = json.loads(line[5:])
        except ValueError:
            return  # part of an event that was cut off
        if isinstance(found, dict):
            self._absorb(found)

    def _absorb(self, value: dict[str, Any]) -> None:
        for usage in _usages(value):
            self.usage |= {name: count for name, count in usage.items() if count is not None}
        for part in (value, value.get("message"), value.get("response")):
            if isinstance(part, dict):
                for name in ("model", "modelVersion"):
                    if isinstance(part.get(name), str):
                        self.model = part[name]
                if isinstance(part.get("service_tier"), str):
                    self.tier = part["service_tier"]
        # Events that repeat what was written before ("...done", "...completed") have another type.
        kind = value.get("type")
        if kind in _LAST or (value.get("choices") == [] and value.get("usage")):
            self.ended = True
        if not isinstance(kind, str) or "delta" in kind or not self._events:
            self.text_bytes += _text_bytes(value, 0)

    def _scan(self, data: bytes) -> None:
        """Find the last usage object in the tail of a longer text.

        An unescaped `"usage"` cannot be inside a JSON string, because quotes are escaped there.
        """
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
            if tokens_of(usage) is not None:
                self.usage |= usage
                return


def _usages(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the usage objects of one body or event, from wherever vendors put them."""
    for name in ("usage", "usageMetadata", "meta", "amazon-bedrock-invocationMetrics"):
        if isinstance(value.get(name), dict):
            yield value[name]
    for outer in ("message", "response", "delta", "metadata", "x_groq"):
        inner = value.get(outer)
        if isinstance(inner, dict) and isinstance(inner.get("usage"), dict):
            yield inner["usage"]


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
            len(part.encode("utf-8", "surrogatepass"))
            if isinstance(part, str) and name in _TEXTS
            else _text_bytes(part, depth + 1)
            for name, part in value.items()
            if not isinstance(part, str) or name in _TEXTS
        )
    if isinstance(value, list):
        return sum(_text_bytes(part, depth + 1) for part in value)
    return 0
