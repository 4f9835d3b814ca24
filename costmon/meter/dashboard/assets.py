"""The static files of the page, which are part of the package."""

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
    """A static file.

    Attributes:
        content: The whole content.
        content_type: Its media type.
        etag: Its ETag.
    """

    content: bytes
    content_type: str
    etag: str


def etag_of(content: bytes) -> str:
    """Return the ETag of a content."""
    return f'"{zlib.crc32(content):08x}-{len(content):x}"'


@functools.cache
def asset(name: str) -> Asset | None:
    """Return a static file; `None` if there is none of that name."""
    content_type = _TYPES.get(name)
    if content_type is None:
        return None
    content = (FOLDER / name).read_bytes()
    return Asset(content, content_type, etag_of(content))


@functools.cache
def main_html() -> str:
    """Return the content of `<main>`, for the dashboard and the costmon service."""
    return (FOLDER / "main.html").read_text("utf-8")


def page(token: str, version: str) -> bytes:
    """Return the dashboard's page.

    Args:
        token: Token that its script sends with commands; letters, digits, `-` and `_`.
        version: The version of costmon.
    """
    shell = (FOLDER / "page.html").read_text("utf-8")
    filled = shell.replace("@TOKEN@", token).replace("@VERSION@", version)
    return filled.replace("@MAIN@", main_html()).encode()
