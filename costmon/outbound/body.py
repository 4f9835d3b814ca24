"""Take a body chunk by chunk, decompressed, never beyond a size."""

import zlib

_GZIP_WINDOW = 31


class BodyTooLargeError(Exception):
    """The body is larger than allowed."""


class BodyTruncatedError(Exception):
    """The compressed stream ended before its end mark."""


class Body:
    """The bytes of one answer.

    urllib3 could decompress as well, but keeps reading inside one call until something comes out:
    a compressed body that drips would escape the caller's deadline.

    Attributes:
        max_bytes: Largest size after decompression.
    """

    def __init__(self, *, max_bytes: int, compressed: bool) -> None:
        self.max_bytes = max_bytes
        self._left = max_bytes
        self._gzip = zlib.decompressobj(wbits=_GZIP_WINDOW) if compressed else None

    def taken(self, chunk: bytes) -> bytes:
        """Take the next bytes from the wire; return what they decompress to.

        Raises:
            BodyTooLargeError: More than `max_bytes` came, or would come out.
            zlib.error: It is not what gzip makes.
        """
        if self._gzip is not None:
            # One byte more than allowed tells "too large" from "exactly full".
            chunk = self._gzip.decompress(chunk, self._left + 1)
        self._left -= len(chunk)
        if self._left < 0:
            raise BodyTooLargeError
        return chunk

    def check_end(self) -> None:
        """Check that the body is complete.

        Raises:
            BodyTruncatedError: The compressed stream is incomplete.
        """
        if self._gzip is not None and not self._gzip.eof:
            raise BodyTruncatedError
