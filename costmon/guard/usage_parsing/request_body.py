"""Read the body of a request as JSON, in a time that does not grow with pictures and long texts.

`json` holds the interpreter while it parses: 4 MB take 20 ms or more, in which no other thread and
no event loop runs. So every long run of bytes without a quote, such as data in base64 or the text
of a book, is replaced by a mark of its length first. What is left is small.
"""

import json
import re
from typing import Any, NamedTuple

from costmon.guard.usage_parsing.decoding import UnreadableError, decoder_of

LONG = 2048
"""Bytes without a quote, from which they are replaced."""

_KEPT = 64
_LARGEST = 512 * 1024
_NUMBERS = b"0123456789.,:-+eE \t\r\n[]{}"
_MOST_BYTES = 64 * 1024 * 1024
_MARK = re.compile(r"\x00(\d{1,12})\x00")
_NAMED_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*"([^"\\]{1,200})"')
_LIMIT = re.compile(rb'(?<!\\)"(max_\w*tokens\w*|maxOutputTokens|maxTokens)"\s*:\s*(\d{1,9})\b')
_ENDS = 8192
_MULTIPART_FIELD = re.compile(
    rb'name="(model|n|size|quality|seconds|prompt)"\r?\n\r?\n([^\r\n]{1,4000})'
)


class Body(NamedTuple):
    """The content of a request.

    Attributes:
        size: Its bytes, decoded; `None`: not known.
        fields: The JSON object; empty if the body is not one or was not read.
        known: Whether `fields` are what the request says.
        problem: Why it could not be read; `None`: it could.
    """

    size: int | None
    fields: dict[str, Any]
    known: bool = False
    problem: str | None = None


def body_of(body: bytes | None, size: int | None, encoding: str, content_type: str) -> Body:
    """Return the content of a request; never raises."""
    if body is None:
        return Body(size, {})
    if encoding.strip().lower() not in {"", "identity"}:
        try:
            body = _decoded(body, encoding)
        except UnreadableError as error:
            return Body(None, {}, problem=f"its body ({encoding[:20]}) cannot be read: {error}")
    if content_type.lower().startswith("multipart/"):
        found = {
            name.decode(): value.decode("utf-8", "replace")
            for name, value in _MULTIPART_FIELD.findall(body)
        }
        return Body(len(body), found, known=bool(found))
    short = shortened(body)
    if len(short) > _LARGEST:
        return Body(len(body), _glimpsed(body), known=False)
    try:
        fields = json.loads(short)
    except (ValueError, RecursionError):
        return Body(len(body), {})
    known = isinstance(fields, dict)
    return Body(len(body), fields if known else {}, known=known)


def text_size(text: str) -> int:
    """Return the bytes of a text of the body in UTF-8, with what was left out of it."""
    size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    if "\x00" in text:
        size += sum(int(mark) - len(mark) - 2 for mark in _MARK.findall(text))
    return size


def shortened(body: bytes) -> bytes:
    r"""Return JSON with long texts shortened: `"aaa..."` becomes `"aa\u0000990\u0000aa"`."""
    kept: list[bytes] = []
    done, at = 0, LONG
    while at < len(body):
        before, after = body.rfind(b'"', done, at), body.find(b'"', at)
        if before < 0 or after < 0:
            break
        at = max(at + LONG, after + LONG)
        # Outside of strings there are only numbers: tokens to be embedded.
        if after - before <= LONG or not body[before + 1 : before + 256].strip(_NUMBERS):
            continue
        start, end = _outside(body, before + _KEPT), _outside(body, after - _KEPT)
        kept += (body[done:start], b"\\u0000%d\\u0000" % (end - start))
        done = end
    if not kept:
        return body
    return b"".join((*kept, body[done:]))


def _glimpsed(body: bytes) -> dict[str, Any]:
    """Return model and limit of a body that is too large to be parsed at once.

    Inside of a text each quote is escaped, so these are no text; a program's libraries write both
    at the beginning or at the end.
    """
    ends = body[:_ENDS] + b" " + body[-_ENDS:]
    found: dict[str, Any] = {}
    model = _NAMED_MODEL.search(ends)
    if model is not None:
        found["model"] = model[1].decode("utf-8", "replace")
    limits = _LIMIT.findall(ends)
    if len(limits) == 1:
        found[limits[0][0].decode()] = int(limits[0][1])
    return found


def _outside(body: bytes, at: int) -> int:
    """Return a place at or before `at` that is not inside an escape sequence."""
    escape = body.rfind(b"\\", at - 6, at)
    return at if escape < 0 else escape


def _decoded(body: bytes, encoding: str) -> bytes:
    content = bytearray()
    for name in reversed(encoding.split(",")):
        content = bytearray()
        for piece in decoder_of(name).pieces(body):
            content += piece
            if len(content) > _MOST_BYTES:
                raise UnreadableError("it is larger than 64 MiB")
        body = bytes(content)
    return body
