"""Current costs as bytes on the wire: identity and gzip, each with its ETag, made once."""

import threading
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask

from costmon.api.etags import matches
from costmon.api.freshness import fresh_meta
from costmon.clock import Clock
from costmon.state.freshness import age_s
from costmon.state.value import Snapshot
from costmon.state.wire import FreshMeta, encode

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Below this a copy of the body is cheaper than several writes to the socket.
_JOIN_BYTES = 1 << 20
_GZIP_FROM_BYTES = 1_400
_GZIP_LEVEL = 5


class Representation:
    """One snapshot in one state of freshness.

    Attributes:
        snapshot: What it shows.
        meta: Its `meta` member.
    """

    def __init__(self, snapshot: Snapshot, meta: FreshMeta) -> None:
        self.snapshot = snapshot
        self.meta = meta
        encoded = encode(meta)
        parts = (b'{"data":', snapshot.data, b',"meta":', encoded, b"}")
        large = len(snapshot.data) > _JOIN_BYTES
        self._identity: tuple[bytes, ...] = parts if large else (b"".join(parts),)
        self._gzip: bytes | None = None
        self._compressing = threading.Lock()
        self._tag = f"{snapshot.fingerprint}{zlib.crc32(encoded):08x}"

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

    def validators(self, *, gzip: bool) -> tuple[tuple[str, str], ...]:
        """Return the headers by which a client may keep the answer."""
        return (
            ("ETag", self.etag(gzip=gzip)),
            ("Cache-Control", "no-cache"),
            ("Vary", "Accept-Encoding"),
        )


class Representations:
    """Remembers the newest representation, which nearly every request asks for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest: Representation | None = None

    def answer(self, snapshot: Snapshot) -> flask.Response:
        """Return 200 with the body, or 304 when the client has it already."""
        now = self._clock.now()
        meta = fresh_meta(snapshot, now)
        shown = self._newest
        if shown is None or shown.snapshot is not snapshot or shown.meta != meta:
            shown = self._newest = Representation(snapshot, meta)
        environ = flask.request.environ
        gzip = shown.wants_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        age = ("Age", str(age_s(snapshot.as_of or now, now)))
        if matches(environ.get("HTTP_IF_NONE_MATCH", ""), shown.etag(gzip=gzip)):
            return Ready(304, [*shown.validators(gzip=gzip), age], ())
        body = shown.body(gzip=gzip)
        content = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(sum(map(len, body)))),
            *([("Content-Encoding", "gzip")] if gzip else []),
        ]
        return Ready(200, [*shown.validators(gzip=gzip), age, *content], body)


class Ready(flask.Response):
    """An answer whose headers are final: werkzeug checks and copies each three times otherwise.

    That took a fifth of the time of a request for current costs, the one that is asked most.
    """

    def __init__(
        self, status: int, headers: list[tuple[str, str]], body: tuple[bytes, ...]
    ) -> None:
        super().__init__(status=status)
        self._ready_headers = headers
        self._ready_body = body

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        start_response(self.status, self._ready_headers)
        return () if environ["REQUEST_METHOD"] == "HEAD" else self._ready_body


def _compressed(parts: Iterable[bytes]) -> bytes:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return b"".join([*(compressor.compress(part) for part in parts), compressor.flush()])
