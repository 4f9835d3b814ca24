"""The files that pages are made of: in the package, so they are in the wheel and need no net."""

import functools
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "static"

_TYPES: Mapping[str, str] = {
    "look.css": "text/css; charset=utf-8",
    "meter.css": "text/css; charset=utf-8",
    "meter.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """A file as it is sent.

    Attributes:
        content: All of it.
        content_type: Its media type.
        etag: Names the content.
    """

    content: bytes
    content_type: str
    etag: str


def etag_of(content: bytes) -> str:
    """Return the name of a content, as `ETag` has it."""
    return f'"{zlib.crc32(content):08x}-{len(content):x}"'


@functools.cache
def asset(name: str) -> Asset | None:
    """Return a file that pages may load; `None` when there is none of that name."""
    content_type = _TYPES.get(name)
    if content_type is None:
        return None
    content = (FOLDER / name).read_bytes()
    return Asset(content, content_type, etag_of(content))


@functools.cache
def main_html() -> str:
    """Return what stands inside `<main>`, here and in the service."""
    return (FOLDER / "main.html").read_text("utf-8")


def page(token: str, version: str) -> bytes:
    """Return the page that stands by itself.

    Args:
        token: What its script sends with every order; letters, digits, `-` and `_`.
        version: Of costmon.
    """
    shell = (FOLDER / "page.html").read_text("utf-8")
    filled = shell.replace("@TOKEN@", token).replace("@VERSION@", version)
    return filled.replace("@MAIN@", main_html()).encode()
