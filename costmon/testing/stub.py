"""A real HTTP server on loopback that misbehaves as told."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast
from urllib.parse import parse_qsl, urlsplit

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request that arrived.

    Attributes:
        method: Such as `GET`.
        path: Without the query.
        query: The parameters; of a repeated one the last.
        headers: By lower-case name.
        pairs: All parameters in their order, repeated ones too.
        body: What was sent.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    pairs: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What is answered, and how badly.

    Attributes:
        status: The HTTP status.
        body: What is sent after the headers.
        headers: Sent besides or instead of Content-Type and Content-Length.
        delay_s: Silence before the first byte.
        drip_s: Silence after every single byte of the body; `None` sends it at once.
        cut_at: The connection is closed after so many bytes of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float | None = None
    cut_at: int | None = None

    @classmethod
    def json(cls, value: object, *, status: int = 200, **headers: str) -> "Reply":
        """Return a reply of JSON; `retry_after="1"` becomes the header `retry-after`."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls(status=status, body=json.dumps(value).encode(), headers=named)


Script = Callable[[Asked], Reply]


class StubServer:
    """Serves 127.0.0.1 on a free port while its `with` block lasts, and leaves no thread.

    A path is answered by a reply, by several in turn (the last one stays), or by a function of
    the request; an unknown path by 404.
    """

    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}
        self._asked: list[Asked] = []
        self._lock = threading.Lock()
        self._leaving = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, name="stub-server"
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._leaving.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.drop_connections()
            self._server.server_close()
            self._thread.join()

    @property
    def url(self) -> str:
        """Return the base URL.

        Raises:
            RuntimeError: It does not run.
        """
        if self._server is None:
            msg = "the stub server runs only inside its with block"
            raise RuntimeError(msg)
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Return the requests so far, in the order of their arrival."""
        with self._lock:
            return tuple(self._asked)

    def answer(self, path: str, *replies: Reply) -> None:
        """Answer `path` with each reply in turn; the last one for ever."""
        waiting = list(replies)

        def script(_: Asked) -> Reply:
            return waiting.pop(0) if len(waiting) > 1 else waiting[0]

        self.script(path, script)

    def script(self, path: str, script: Script) -> None:
        """Answer `path` with what `script` returns; it runs in the server's threads, one by one."""
        with self._lock:
            self._scripts[path] = script

    def reply_to(self, asked: Asked) -> Reply:
        """Record a request and choose its reply."""
        with self._lock:
            self._asked.append(asked)
            script = self._scripts.get(asked.path)
            if script is None:
                return Reply.json({"id": "not_found", "message": "not found"}, status=404)
            return script(asked)

    def silence(self, seconds: float) -> None:
        """Say nothing for a while; leaving the `with` block ends it."""
        self._leaving.wait(seconds)


class _Server(ThreadingHTTPServer):
    """Knows its open connections, so that a client that keeps one open cannot hold it up."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, stub: StubServer) -> None:
        self.stub = stub
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def drop_connections(self) -> None:
        """End what is open: a handler waiting for the next request sees its end."""
        for connection in self._open:
            with contextlib.suppress(OSError):  # the client was faster
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: a client that hangs up is what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body in one segment each: Nagle would hold the second back for 40 ms.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """Answer a GET."""
        self._serve()

    def do_POST(self) -> None:
        """Answer a POST."""
        self._serve()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing to stderr."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        stub = cast("_Server", self.server).stub
        reply = stub.reply_to(
            Asked(
                method=self.command,
                path=parts.path,
                query=dict(parse_qsl(parts.query)),
                headers={name.lower(): value for name, value in self.headers.items()},
                pairs=tuple(parse_qsl(parts.query)),
                body=self.rfile.read(int(self.headers.get("content-length") or 0)),
            )
        )
        if reply.delay_s:
            stub.silence(reply.delay_s)
        self.send_response(reply.status)
        headers = {"content-type": JSON, "content-length": str(len(reply.body)), **reply.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self._send(reply, stub)

    def _send(self, reply: Reply, stub: StubServer) -> None:
        body = reply.body[: reply.cut_at]
        if reply.drip_s is None:
            self.wfile.write(body)
        else:
            for byte in body:
                self.wfile.write(bytes([byte]))
                stub.silence(reply.drip_s)
        if reply.cut_at is not None:
            self.close_connection = True
