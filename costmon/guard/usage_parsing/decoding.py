"""Decode a content encoding incrementally, in bounded memory, in parallel to the client.

The client gets the bytes as received and decodes them itself; this copy is only inspected. A
decompression bomb of gigabytes is decoded in pieces of 64 KiB, each of which is dropped at once.
"""

import zlib
from collections.abc import Iterator
from typing import Protocol

_PIECE = 65_536
_GZIP = 31
_EITHER = 47
_RAW = -15


class UnreadableError(Exception):
    """The bytes cannot be decoded: the encoding is not supported, or the data is not valid."""


class Decoder(Protocol):
    """Turns received bytes into the content."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the content that these bytes complete.

        Raises:
            UnreadableError: They cannot be decoded.
        """
        ...


class Plain:
    """Content without encoding."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield the bytes."""
        yield data


class _Zlib:
    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._inner = zlib.decompressobj(bits)
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            if self._inner.eof:
                self._inner = zlib.decompressobj(self._bits)  # gzip with several members
            try:
                piece = self._inner.decompress(data, _PIECE)
            except zlib.error as error:
                if self._begun or self._bits != _EITHER:
                    raise UnreadableError(str(error)) from error
                # Some servers send raw deflate without the zlib header.
                self._bits, self._begun = _RAW, True
                self._inner = zlib.decompressobj(_RAW)
                continue
            self._begun = True
            data = self._inner.unconsumed_tail or self._inner.unused_data
            if piece:
                yield piece


class _Foreign:
    """The decompressor of an optional package, which cannot limit its output."""

    def __init__(self, inner: object, *names: str) -> None:
        self._feed = next(
            found for found in (getattr(inner, name, None) for name in names) if found is not None
        )

    def pieces(self, data: bytes) -> Iterator[bytes]:
        # 256 bytes at a time: at the ratio of a bomb, 1,000 : 1, that is 256 KiB.
        for start in range(0, len(data), 256):
            try:
                yield self._feed(data[start : start + 256])
            except Exception as error:  # each package has its own error class
                raise UnreadableError(str(error)) from error


def decoder_of(encoding: str) -> Decoder:
    """Return a decoder for a Content-Encoding header.

    Raises:
        UnreadableError: The encoding is not supported.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        return Plain()
    if name in {"gzip", "x-gzip"}:
        return _Zlib(_GZIP)
    if name == "deflate":
        return _Zlib(_EITHER)
    if name == "br":
        return _Foreign(_brotli(), "process", "decompress")
    if name == "zstd":
        return _Foreign(_zstandard(), "decompress")
    raise UnreadableError(f"no decoder for {name[:20]!r}")


def _brotli() -> object:
    from importlib import import_module

    for package in ("brotli", "brotlicffi"):
        try:
            return import_module(package).Decompressor()
        except ImportError:
            continue
    raise UnreadableError(_MISSING.format("brotli"))


def _zstandard() -> object:
    from importlib import import_module

    for package in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(package).ZstdDecompressor()
        except ImportError:
            continue
    try:
        return import_module("zstandard").ZstdDecompressor().decompressobj()
    except ImportError:
        raise UnreadableError(_MISSING.format("zstandard")) from None


_MISSING = "{} is not installed: install it, or send `Accept-Encoding: gzip`"
