"""A real server on loopback that answers as badly as a test wants, and counts what it was sent."""

import contextlib
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self, cast


class Got(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Script:
    """What is answered: the pieces one by one, in chunks unless a length is given."""

    pieces: Iterable[bytes] = (b"",)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    chunked: bool = True
    cut: bool = False
    """Whether the connection is closed after the pieces, before the end that was promised."""
    silent: bool = False
    """Whether the connection is closed without a word."""


def whole(value: object, *, status: int = 200, zipped: bool = False, **headers: str) -> Script:
    """Return an answer of JSON with its length."""
    body = json.dumps(value).encode()
    named = {"content-type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    if zipped:
        body = gzip.compress(body)
        named["content-encoding"] = "gzip"
    return Script([body], status, named, chunked=False)


def events(*values: object, done: bool = True, **changes: Any) -> Script:
    """Return a stream of server-sent events."""
    pieces = [b"data: " + json.dumps(value).encode() + b"\n\n" for value in values]
    if done:
        pieces.append(b"data: [DONE]\n\n")
    return Script(pieces, headers={"content-type": "text/event-stream"}, **changes)


class WireServer:
    """Serves while its `with` block lasts."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.routes: dict[str, Callable[[Got], Script]] = {}
        self.leaving = threading.Event()
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving.set()
        self._server.shutdown()
        self._server.drop_connections()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def count(self) -> int:
        with self._lock:
            return len(self.got)

    def answer(self, path: str, *scripts: Script | Callable[[Got], Script]) -> str:
        """Answer a path with each script in turn, the last one for ever; return its URL."""
        waiting = list(scripts)

        def route(got: Got) -> Script:
            script = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return script(got) if callable(script) else script

        self.routes[path] = route
        return self.url + path

    def slow(self, seconds: float = 0.005, content: bytes = b"{}") -> Callable[[Got], Script]:
        """Return an answer whose content takes a while."""

        def pieces() -> Iterator[bytes]:
            self.leaving.wait(seconds)
            yield content

        return lambda _: Script(pieces(), headers={"content-type": "application/json"})

    def script_for(self, got: Got) -> Script:
        with self._lock:
            self.got.append(got)
            route = self.routes.get(got.path.partition("?")[0])
            return Script(status=404) if route is None else route(got)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, wire: WireServer) -> None:
        self.wire = wire
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def drop_connections(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet: clients that hang up are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing to stderr."""

    def _serve(self) -> None:
        got = Got(
            self.command,
            self.path,
            {name.lower(): value for name, value in self.headers.items()},
            b"".join(self._body()),
        )
        script = cast("_Server", self.server).wire.script_for(got)
        if script.silent:
            self.close_connection = True
            return
        self.send_response(script.status)
        pieces = script.pieces
        if script.chunked:
            self.send_header("transfer-encoding", "chunked")
        else:
            pieces = list(pieces)
            length = sum(map(len, pieces)) + (10 if script.cut else 0)
            self.send_header("content-length", str(length))
        for name, value in script.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        for piece in pieces:
            framed = b"%x\r\n%b\r\n" % (len(piece), piece) if script.chunked else piece
            if piece:
                self.wfile.write(framed)
        if script.cut:
            self.close_connection = True
        elif script.chunked:
            self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            yield self.rfile.read(int(self.headers.get("content-length") or 0))
