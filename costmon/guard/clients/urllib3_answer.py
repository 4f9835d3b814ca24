"""Inspect a response that http.client reads, without changing what its reader sees.

urllib3, requests and botocore read a body in many ways (whole, in pieces, by line, in chunks
without http.client), but all of them read from the file that http.client made from the socket.
"""

from collections.abc import Callable
from typing import Any

from costmon.guard.clients.exchange import Exchange

_LONGEST_LINE = 65_536


class Dechunker:
    """Extracts the body from a chunked transfer.

    Attributes:
        ended: Whether the last chunk was received.
    """

    def __init__(self) -> None:
        self.ended = False
        self._line = bytearray()
        self._left = 0
        self._after_chunk = False

    def feed(self, data: bytes) -> bytes:
        """Return the part of `data` that belongs to the body."""
        body = bytearray()
        at = 0
        while at < len(data) and not self.ended:
            if self._left:
                piece = data[at : at + self._left]
                body += piece
                at += len(piece)
                self._left -= len(piece)
                self._after_chunk = not self._left
                continue
            end = data.find(b"\n", at)
            self._line += data[at : len(data) if end < 0 else end]
            if end < 0 or len(self._line) > _LONGEST_LINE:
                break
            at = end + 1
            self._take_line()
        return bytes(body)

    def _take_line(self) -> None:
        line = bytes(self._line).partition(b";")[0].strip()
        self._line.clear()
        if self._after_chunk:
            self._after_chunk = False
            return
        try:
            self._left = int(line, 16)
        except ValueError:
            self._left = 0
        self.ended = self._left == 0


class WatchedFile:
    """The file of a socket that http.client reads; it sees every byte of the body once."""

    def __init__(self, file: Any, exchange: Exchange, *, length: int | None, chunked: bool) -> None:
        self._file = file
        self._exchange = exchange
        self._left = length
        self._chunks = Dechunker() if chunked else None
        self._ended = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int | None = -1) -> bytes:
        """Read from the file."""
        return self._seen(self._taken(self._file.read, size), wanted=size)

    def read1(self, size: int = -1) -> bytes:
        """Read from the file."""
        return self._seen(self._taken(self._file.read1, size), wanted=size)

    def readline(self, size: int | None = -1) -> bytes:
        """Read from the file."""
        return self._seen(self._taken(self._file.readline, size), wanted=size)

    def readinto(self, buffer: Any) -> int:
        """Read from the file."""
        count: int = self._taken(self._file.readinto, buffer)
        self._seen(bytes(memoryview(buffer).cast("B")[: count or 0]), wanted=len(buffer))
        return count

    def _taken(self, read: Callable[[Any], Any], size: Any) -> Any:
        try:
            return read(size)
        except Exception:
            self._exchange.broken()
            raise

    def close(self) -> None:
        """Close the file; if the body is incomplete, the rest will not be read."""
        try:
            self._file.close()
        finally:
            if self._left == 0 or self._ended:
                self._exchange.completed()
            else:
                self._exchange.closed()

    def _seen(self, data: bytes, *, wanted: int | None) -> bytes:
        if self._exchange.over:
            return data
        body = data
        if self._chunks is not None:
            body = self._chunks.feed(data)
            self._ended = self._chunks.ended
        elif self._left is not None:
            self._left = max(0, self._left - len(data))
        elif not data and wanted != 0:
            self._ended = True  # without a length, the body ends with the connection
        if body:
            self._exchange.received(body)
        elif not data and wanted != 0 and not self._ended and self._left != 0:
            self._exchange.broken()
        if self._ended or self._left == 0:
            self._exchange.completed()
        return data


def watch_answer(response: Any, exchange: Exchange) -> None:
    """Let the exchange inspect the unread body of a urllib3 response."""
    exchange.answered(response.status, response.headers.items())
    original = getattr(response, "_original_response", None)
    file = getattr(original, "fp", None)
    if original is None or file is None:
        exchange.completed()  # no body, or HTTP/2, which urllib3 reads at once
        return
    chunked = bool(getattr(original, "chunked", False))
    length = None if chunked else getattr(original, "length", None)
    original.fp = WatchedFile(file, exchange, length=length, chunked=chunked)
    exchange.watch(response)
