"""Current costs as bytes on the wire: identity and gzip, each with its ETag, made once."""

import threading
import zlib
from collections.abc import Iterable

import flask

from costmon.api.freshness import fresh_meta
from costmon.clock import Clock
from costmon.snapshot.freshness import age_s
from costmon.snapshot.value import Snapshot
from costmon.snapshot.wire import encode

# Below this a copy of the body is cheaper than several writes to the socket.
_JOIN_BYTES = 1 << 20
_GZIP_FROM_BYTES = 1_400
_GZIP_LEVEL = 5


class Representation:
    """One snapshot in one state of freshness.

    Attributes:
        snapshot: What it shows.
        meta: The encoded `meta` member.
    """

    def __init__(self, snapshot: Snapshot, meta: bytes) -> None:
        self.snapshot = snapshot
        self.meta = meta
        parts = (b'{"data":', snapshot.data, b',"meta":', meta, b"}")
        large = len(snapshot.data) > _JOIN_BYTES
        self._identity: tuple[bytes, ...] = parts if large else (b"".join(parts),)
        self._gzip: bytes | None = None
        self._compressing = threading.Lock()
        self._tag = f"{snapshot.fingerprint}{zlib.crc32(meta):08x}"

    def body(self, *, gzip: bool) -> tuple[bytes, ...]:
        """Return the body; compressed on the first request that wants it."""
        if not gzip:
            return self._identity
        with self._compressing:
            if self._gzip is None:
                self._gzip = _compressed(self._identity)
            return (self._gzip,)

    def wants_gzip(self, accepted: str) -> bool:
        """Return whether the client takes gzip and the body is worth it."""
        if "gzip" not in accepted or len(self.snapshot.data) < _GZIP_FROM_BYTES:
            return False
        return "q=" not in accepted or flask.request.accept_encodings["gzip"] > 0

    def etag(self, *, gzip: bool) -> str:
        """Return the strong ETag: the two encodings are different bytes."""
        return f'"{self._tag}-gzip"' if gzip else f'"{self._tag}"'


class Representations:
    """Remembers the newest representation, which nearly every request asks for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: Representation | None = None

    def answer(self, snapshot: Snapshot) -> flask.Response:
        """Return 200 with the body, or 304 when the client has it already."""
        now = self._clock.now()
        meta = encode(fresh_meta(snapshot, now))
        shown = self._newest
        if shown is None or shown.snapshot is not snapshot or shown.meta != meta:
            shown = self._newest = Representation(snapshot, meta)
        environ = flask.request.environ
        gzip = shown.wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        etag = shown.etag(gzip=gzip)
        headers = [
            ("ETag", etag),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
            ("Age", str(age_s(snapshot.as_of or now, now))),
        ]
        if _matches(environ.get("HTTP_IF_NONE_MATCH", ""), etag):
            return flask.Response(status=304, headers=headers)
        if gzip:
            headers.append(("Content-Encoding", "gzip"))
        return flask.Response(shown.body(gzip=gzip), 200, headers, content_type="application/json")


def _matches(if_none_match: str, etag: str) -> bool:
    if not if_none_match:
        return False
    given = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return any(tag in {etag, "*"} for tag in given)


def _compressed(parts: Iterable[bytes]) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join([*(compressor.compress(part) for part in parts), compressor.flush()])
