"""The most that a prompt can hold: text by its bytes, pictures, sound and files by typed blocks.

A token of text is at least one byte. A picture costs what its size in pixels costs, up to a maximum
of its model, so its bytes do not count. What a prompt only refers to (a file, an earlier
conversation, the results of the vendor's own tools) can be as large as the model's context.

Only the places where vendors put typed blocks are looked at. The words of a tool's schema, or of
what a tool answered, mean nothing.
"""

import marshal
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from costmon.guard.usage_parsing.request_body import text_size

_ROOTS = (
    "tools",
    "toolConfig",
    "system",
    "systemInstruction",
    "system_instruction",
    "instructions",
    "messages",
    "input",
    "contents",
    "content",
    "prompt",
    "inputs",
    "texts",
    "documents",
    "inputText",
    "message",
    "chat_history",
    "request",
    "requests",
)
"""Where a prompt is, in the order in which vendors put it together and keep it in their caches."""

# What a tool or a model said: data of the program, in which a word such as `image` means nothing.
_DATA = frozenset(("arguments", "args", "parameters", "input_schema", "json", "functionCall"))
_SCHEMAS = frozenset(("tools", "toolConfig"))

# Blocks by their type, or by the key that holds them (Gemini, Bedrock).
_PICTURES = frozenset(("image", "image_url", "input_image"))
_SOUNDS = frozenset(("input_audio", "audio", "audio_url"))
_VIDEOS = frozenset(("video", "video_url", "input_video"))
_FILES = frozenset(("document", "file", "input_file", "document_url"))
_REMOTE = frozenset(
    ("file_id", "file_url", "s3Location", "fileData", "file_data_id", "item_reference")
)
_INLINE = frozenset(("inlineData", "inline_data"))
_BY_MEDIA = {"image": "image", "audio": "audio", "video": "video", "text": "document"}
_REFERENCES = frozenset(("fileData", "file_data", "item_reference", "container_upload"))

# Fields of a request that stand for what is stored at the vendor.
_STORED = (
    "previous_response_id",
    "conversation",
    "cachedContent",
    "cached_content",
    "prompt_id",
    "mcp_servers",
    "promptVariables",
    "data_sources",
)
# Tools that run at the vendor, whose results the model reads.
_TOOLS = re.compile(
    r"(?P<web_search>web_search|google_?search|x_search|web_fetch|url_?context|enterpriseWebSearch|google_?maps)"
    r"|(?P<file_search>file_?search|collections_search|document_library|retrieval)"
    r"|(?P<code_run>code_interpreter|code_?execution)"
    r"|(?P<pictures>image_generation)"
    r"|(?P<other>mcp|tool_search|computer_use_preview|shell)",
    re.IGNORECASE,
)
_CLIENT_TOOLS = re.compile(
    r"function|custom|bash|text_editor|computer_2|memory|local_shell|apply_patch"
)

_DEEPEST = 24

LEAST_BYTES = 16_384
"""Of a conversation that is recognised; the bytes of shorter ones cost little."""


class Prompt(NamedTuple):
    """The parts of a prompt, as far as they are known.

    Attributes:
        text_bytes: All bytes of the request that are not data of pictures, sound or files.
        pictures: How many pictures.
        sound_bytes: Data of sound, in base64.
        video_bytes: Data of video.
        file_bytes: Data of documents.
        refers: Whether it refers to something that is not in the request.
        tools: The vendor's own tools that it allows, by unit of price; `other`: by no unit.
        caches: Whether it asks the vendor to keep parts in its cache.
        caches_1h: Whether it asks for an hour.
        chain: A digest of a long prompt up to each part, and what it has up to there.
    """

    text_bytes: int
    pictures: int = 0
    sound_bytes: int = 0
    video_bytes: int = 0
    file_bytes: int = 0
    refers: bool = False
    tools: Mapping[str, int] = {}
    caches: bool = False
    caches_1h: bool = False
    chain: tuple[tuple[bytes, "Extent"], ...] = ()


class Extent(NamedTuple):
    """How large a prompt is up to one of its parts."""

    text_bytes: int = 0
    pictures: int = 0
    sound_bytes: int = 0
    video_bytes: int = 0
    file_bytes: int = 0


def prompt_of(fields: Mapping[str, Any], size: int | None) -> Prompt:
    """Return the parts of a request's prompt.

    Args:
        fields: The JSON object, with long texts shortened.
        size: Bytes of the body; `None`: it is a part of one.
    """
    walk = _Walk()
    chain: list[tuple[bytes, Extent]] = []
    long = size is not None and size >= LEAST_BYTES
    for root in _ROOTS:
        value = fields.get(root)
        if value is None:
            continue
        for part in value if isinstance(value, list) else (value,):
            plain = walk.part(part, schema=root in _SCHEMAS)
            if long:
                before = chain[-1][0] if chain else b""
                chain.append((_digest(before, root, plain), walk.extent()))
    data = walk.picture_bytes + walk.sound_bytes + walk.video_bytes + walk.file_bytes
    tools = _tools(fields)
    stored = any(fields.get(name) for name in _STORED)
    prompt = fields.get("prompt")  # a stored one of OpenAI's Responses
    return Prompt(
        text_bytes=walk.text_bytes if size is None else max(0, size - data),
        pictures=walk.pictures,
        sound_bytes=walk.sound_bytes,
        video_bytes=walk.video_bytes,
        file_bytes=walk.file_bytes,
        refers=walk.refers or stored or bool(tools) or isinstance(prompt, dict),
        tools=tools,
        caches=walk.caches or "cache_control" in fields,
        caches_1h=walk.caches_1h,
        chain=tuple(chain),
    )


def _digest(before: bytes, root: str, part: Any) -> bytes:  # noqa: ANN401 - any JSON value
    """Return the digest of a prompt up to one of its parts."""
    import hashlib

    content = root.encode() + marshal.dumps(part, 0)
    return hashlib.blake2b(content, digest_size=16, key=before).digest()


class _Walk:
    """Looks through the parts of a prompt, one after the other."""

    def __init__(self) -> None:
        self.text_bytes = self.pictures = self.picture_bytes = 0
        self.sound_bytes = self.video_bytes = self.file_bytes = 0
        self.refers = self.caches = self.caches_1h = False

    def extent(self) -> Extent:
        return Extent(
            self.text_bytes, self.pictures, self.sound_bytes, self.video_bytes, self.file_bytes
        )

    def part(self, part: object, *, schema: bool) -> Any:  # noqa: ANN401 - any JSON value
        """Count one part; return what identifies it to the vendor's cache."""
        return self._seen(part, 0, data=schema)

    def _seen(self, value: object, depth: int, *, data: bool) -> object:
        """Count a value; `data`: nothing in it is a typed block."""
        if isinstance(value, str):
            self.text_bytes += text_size(value) + 4
            return value
        if isinstance(value, list):
            self.text_bytes += 2
            return (
                [self._seen(one, depth + 1, data=data) for one in value] if depth < _DEEPEST else []
            )
        if not isinstance(value, dict):
            self.text_bytes += 24
            return value if isinstance(value, int | float | bool) or value is None else str(value)
        if depth >= _DEEPEST:
            self.refers = True
            return {}
        if not data and self._typed(value):
            return _identity(value)
        found = {}
        for key, inner in value.items():
            if key in {"cache_control", "cachePoint"}:
                self.caches = True
                self.caches_1h |= isinstance(inner, dict) and "1h" in inner.values()
                continue
            if key == "input" and "name" in value:  # what a model asks a tool
                found[key] = self._seen(inner, depth + 1, data=True)
                continue
            self.text_bytes += len(key) + 4
            found[key] = self._seen(inner, depth + 1, data=data or key in _DATA)
        return found

    def _typed(self, block: dict[str, Any]) -> bool:
        """Count a block of pictures, sound, video or files; return whether it is one."""
        kind = _kind(block)
        if kind in _REFERENCES:
            self.refers = True
            return True
        if kind not in _MEDIA:
            return False
        control = block.get("cache_control")
        if control is not None:
            self.caches = True
            self.caches_1h |= isinstance(control, dict) and control.get("ttl") == "1h"
        size, remote = _content(block, 0)
        if kind in _PICTURES:
            self.pictures += 1
            self.picture_bytes += size
        elif remote:
            self.refers = True
        elif kind in _SOUNDS:
            self.sound_bytes += size
        elif kind in _VIDEOS:
            self.video_bytes += size
        elif _is_text(block):
            self.text_bytes += size
        else:
            self.file_bytes += size
        return True


def _kind(block: Mapping[str, Any]) -> str:
    """Return what a block holds, by its type or by the key that holds it."""
    kind = block.get("type")
    if isinstance(kind, str):
        return kind
    for key in block:
        if key in _INLINE:
            inner = block[key]
            media = ""
            if isinstance(inner, dict):
                media = str(inner.get("mimeType") or inner.get("mime_type") or "")
            return _BY_MEDIA.get(media.partition("/")[0], "document")
        if key in _KEYED:
            return key
    return ""


_MEDIA = _PICTURES | _SOUNDS | _VIDEOS | _FILES
_KEYED = _REFERENCES | frozenset(("image", "document", "video", "audio"))


_NO_DATA = frozenset(
    ("type", "media_type", "mimeType", "mime_type", "detail", "format", "cache_control")
)
_LONGEST_URL = 4096


def _content(value: object, depth: int) -> tuple[int, bool]:
    """Return the bytes of data in a block, and whether there is more elsewhere."""
    if depth > _DEEPEST:
        return 0, True
    if isinstance(value, str):
        away = value.startswith(("http://", "https://", "gs://", "s3://"))
        return (0, True) if away and len(value) < _LONGEST_URL else (text_size(value), False)
    size, remote = 0, False
    for key, inner in _items(value):
        if key in _REMOTE and inner:
            remote = True
        elif key not in _NO_DATA:
            more, away = _content(inner, depth + 1)
            size, remote = size + more, remote or away
    return size, remote


def _items(value: object) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [("", one) for one in value] if isinstance(value, list) else []


def _is_text(block: Mapping[str, Any]) -> bool:
    """Return whether a document is plain text."""
    source = block.get("source")
    if isinstance(source, dict):
        return source.get("type") in {"text", "content"} or "text" in source
    inner = next((block[key] for key in block if key in _INLINE), None)
    return isinstance(inner, dict) and str(inner.get("mimeType", "")).startswith("text/")


def _identity(block: dict[str, Any]) -> object:
    """Return a block without what changes from turn to turn."""
    return repr({key: value for key, value in block.items() if key != "cache_control"})


def _tools(fields: Mapping[str, Any]) -> dict[str, int]:
    """Return the vendor's tools that a request allows, and how often at most, as far as it says."""
    found: dict[str, int] = {}
    for name, most in _vendor_tools(fields):
        kind = _TOOLS.match(name)
        unit = "other" if kind is None or kind.lastgroup is None else kind.lastgroup
        found[unit] = max(found.get(unit, 0), most)
    return found


_MOST_CALLS = 1000
_USUAL_CALLS = 10
"""Calls of a tool that are held, where a request sets no limit."""


def _vendor_tools(fields: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    usual = _calls(fields.get("max_tool_calls"), _USUAL_CALLS)
    if fields.get("web_search_options") is not None or fields.get("search_parameters"):
        yield "web_search", usual
    if fields.get("connectors") or fields.get("plugins"):
        yield "web_search", usual
    tools = fields.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, dict):
            continue
        kind = tool.get("type")
        if isinstance(kind, str):
            if not _CLIENT_TOOLS.match(kind):
                yield kind, _calls(tool.get("max_uses"), usual)
            continue
        for name in tool:  # Gemini
            if _TOOLS.fullmatch(name) or (_TOOLS.match(name) and name != "functionDeclarations"):
                yield name, usual


def _calls(said: object, usual: int) -> int:
    """Return how often a tool may be called, by what a request says."""
    return said if isinstance(said, int) and 0 < said < _MOST_CALLS else usual
