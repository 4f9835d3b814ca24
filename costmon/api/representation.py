"""Current costs as bytes on the wire: identity and gzip, each with its ETag, made once."""

import datetime as dt
import hashlib
import threading
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask

from costmon.api.current_costs import encode_current
from costmon.api.etags import matches
from costmon.api.freshness import fresh_meta
from costmon.api.schemas.costs import FreshMeta
from costmon.api.schemas.encoding import encode
from costmon.clock import Clock
from costmon.state.freshness import age_s
from costmon.state.published import PublishedSnapshot
from costmon.state.value import Snapshot

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# Below this a copy of the body is cheaper than several writes to the socket.
_JOIN_BYTES = 1 << 20
_GZIP_FROM_BYTES = 1_400
_GZIP_LEVEL = 5


class Representation:
    """One snapshot in one state of freshness.

    Args:
        snapshot: What it shows.
        data: The answer's `data` member, encoded.
        fingerprint: Changes when `data` does.
        meta: The answer's `meta` member.
    """

    def __init__(self, snapshot: Snapshot, data: bytes, fingerprint: str, meta: FreshMeta) -> None:
        self.snapshot = snapshot
        self.data = data
        self.fingerprint = fingerprint
        self.meta = meta
        encoded = encode(meta)
        parts = (b'{"data":', data, b',"meta":', encoded, b"}")
        large = len(data) > _JOIN_BYTES
        self._identity: tuple[bytes, ...] = parts if large else (b"".join(parts),)
        self._gzip: bytes | None = None
        self._compressing = threading.Lock()
        self._tag = f"{fingerprint}{zlib.crc32(encoded):08x}"

    def with_meta(self, meta: FreshMeta) -> "Representation":
        """Return the same figures in another state of freshness."""
        return Representation(self.snapshot, self.data, self.fingerprint, meta)

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
        if "gzip" not in accepted or len(self.data) < _GZIP_FROM_BYTES:
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
    """Makes the answer for each published snapshot once, before readers see the snapshot.

    Whoever publishes calls `prepare` first; meanwhile readers get the snapshot before, which is
    ready as well. So no request waits for 100,000 resources to be encoded.
    """

    def __init__(self, cell: PublishedSnapshot, clock: Clock) -> None:
        self._cell = cell
        self._clock = clock
        self._newest: Representation | None = None
        self._prepared: Representation | None = None
        self._making = threading.Lock()

    def prepare(self, snapshot: Snapshot) -> None:
        """Encode a snapshot that is about to be published."""
        made = self._made(snapshot)
        with self._making:
            published = self._prepared
            # What was prepared before is what readers get until the next snapshot is published,
            # unless its publisher was replaced and it never came to be published.
            if published is not None and published.snapshot is self._cell.latest():
                self._newest = published
            self._prepared = made

    def answer(self, snapshot: Snapshot) -> flask.Response:
        """Return 200 with the body, or 304 when the client has it already."""
        now = self._clock.now()
        shown = self._shown(snapshot, now)
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

    def _shown(self, snapshot: Snapshot, now: dt.datetime) -> Representation:
        """Return the newest representation; that of a later snapshot when one was read since."""
        shown = self._newest
        if shown is None or shown.snapshot.sequence < snapshot.sequence:
            shown = self._newest_of(snapshot)
        meta = fresh_meta(shown.snapshot, now)
        if shown.meta == meta:
            return shown
        fresh = shown.with_meta(meta)
        with self._making:
            if self._newest is shown:
                self._newest = fresh
        return fresh

    def _newest_of(self, snapshot: Snapshot) -> Representation:
        with self._making:
            newest, prepared = self._newest, self._prepared
            if newest is not None and newest.snapshot.sequence >= snapshot.sequence:
                return newest
            if prepared is not None and prepared.snapshot is snapshot:
                self._newest, self._prepared = prepared, None
                return prepared
            made = self._newest = self._made(snapshot)
            return made

    def _made(self, snapshot: Snapshot) -> Representation:
        data = encode_current(snapshot)
        fingerprint = hashlib.sha256(data).hexdigest()[:24]
        return Representation(snapshot, data, fingerprint, fresh_meta(snapshot, self._clock.now()))


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
