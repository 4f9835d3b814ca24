"""Serve an application over HTTP from threads of this process."""

import re
import socket
import threading
from typing import TYPE_CHECKING

import structlog
from cheroot import server, wsgi

from costmon.api.connections import Connection, Connections, most_connections
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.encoding import encode
from costmon.api.streams import Unsent
from costmon.clock import Clock, SystemClock

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_THREADS = 10
# With cheroot's 5, the p99 at 32 connections was 0.4 to 1.4 s; with 128, 12 to 21 ms.
_LISTEN_QUEUE = 128
_KEPT_ALIVE = 128
_MAX_HEADER_BYTES = 16 * 1024
_MAX_BODY_BYTES = 64 * 1024
# A connection may be idle for as long, and one that does not take its answer.
_CLIENT_TIMEOUT_S = 5
_INFO = 20
# `int` also accepts "-1", "+1", "1_0" and digits of other scripts.
_LENGTH = re.compile(rb"[0-9]{1,18}")


class HttpServer:
    """One listener, its threads, and a stop that ends in time.

    The caller's thread binds, so that a port in use is an error where it can be told; the serving
    thread and the workers are this object's own.
    """

    def __init__(
        self, app: "WSGIApplication", host: str, port: int, name: str, *, waiters: int = 0
    ) -> None:
        """Prepare.

        Args:
            app: What answers.
            host: The address to listen on.
            port: The port; 0 takes a free one.
            name: Of the serving thread.
            waiters: Requests that `app` may hold for long; each has a thread besides those that
                answer.
        """
        self._server = _Server(app, host, port, _THREADS + waiters)
        self._name = name
        self._serving: threading.Thread | None = None

    @property
    def port(self) -> int:
        """Return the port that is listened on, once prepared."""
        return int(self._server.bind_addr[1])

    def prepare(self) -> None:
        """Bind and start the workers.

        Raises:
            OSError: The address cannot be listened on.
        """
        self._server.prepare()

    def start(self) -> None:
        """Serve in a thread of its own; `prepare` must have been called."""
        self._serving = threading.Thread(target=self._server.serve, name=self._name, daemon=True)
        self._serving.start()

    def stop(self, deadline_s: float) -> bool:
        """Stop listening, let requests in hand finish, and end the threads.

        Returns:
            Whether all threads have ended within `deadline_s`. One that has not is held by a
            request that cannot be ended from outside; the process must end without it.
        """
        # Half of the time for requests to finish, then their sockets are shut. cheroot waits for
        # each worker without end after that, hence a thread that we need not wait for.
        self._server.shutdown_timeout = deadline_s / 2
        stopping = threading.Thread(
            target=self._server.stop, name=f"{self._name}.stop", daemon=True
        )
        stopping.start()
        stopping.join(deadline_s)
        if self._serving is not None:
            self._serving.join(1.0)
        return not stopping.is_alive()


class _Headers(server.HeaderReader):
    """Leaves out `Expect`, which has been answered when the request is complete."""

    def _allow_header(self, key_name: bytes) -> bool:
        return key_name != b"Expect"


class _Request(server.HTTPRequest):
    """A request whose early errors (no `Host`, too large, too slow) are answered in JSON, too."""

    header_reader = _Headers()

    def read_request_line(self) -> bool:
        """Read the request line; a target that is not a URL is the client's fault, not ours."""
        try:
            return bool(super().read_request_line())  # type: ignore[no-untyped-call]  # cheroot is untyped
        except ValueError:
            self.simple_response("400 Bad Request", "The request target is not valid.")
            return False

    def read_request_headers(self) -> bool:
        """Read the headers; refuse lengths that `int` accepts and HTTP does not."""
        if not super().read_request_headers():  # type: ignore[no-untyped-call]  # cheroot is untyped
            return False
        length = self.inheaders.get(b"Content-Length")
        if length is not None and not _LENGTH.fullmatch(length):
            self.simple_response("400 Bad Request", "Content-Length is not valid.")
            return False
        if length is not None and b"Transfer-Encoding" in self.inheaders:
            self.simple_response(
                "400 Bad Request", "Send Content-Length or Transfer-Encoding, not both."
            )
            return False
        return True

    def simple_response(self, status: str, msg: str = "") -> None:
        """Answer before any application could, and close the connection."""
        error = status[4:]
        body = encode(Problem(error=error, message=msg or error))
        self.close_connection = True
        head = (
            f"{self.server.protocol} {status}\r\n"
            f"Content-Length: {len(body)}\r\n"
            "Content-Type: application/json\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            "Connection: close\r\n\r\n"
        )
        try:
            self.conn.wfile.write(head.encode("latin-1") + body)
        except OSError as gone:
            self.server.error_log(
                f"the client disconnected before status {status} was sent: {gone}"
            )


class _Connection(Connection):
    RequestHandlerClass = _Request


class _Server(wsgi.Server):
    """cheroot with limits, our log, and JSON for the errors that it answers itself."""

    ConnectionClass = _Connection
    max_request_header_size = _MAX_HEADER_BYTES
    max_request_body_size = _MAX_BODY_BYTES
    keep_alive_conn_limit = _KEPT_ALIVE
    clock: Clock = SystemClock()
    _connections: Connections

    def __init__(self, app: "WSGIApplication", host: str, port: int, threads: int) -> None:
        self._log = structlog.get_logger("costmon.api")
        self.unsent = Unsent()
        super().__init__(
            (host, port),
            app,
            numthreads=threads,
            # The name only: a version helps nobody but an attacker.
            server_name="costmon",
            request_queue_size=_LISTEN_QUEUE,
            timeout=_CLIENT_TIMEOUT_S,
        )

    def prepare(self) -> None:
        """Bind, start the workers, and take our own keeper of connections."""
        super().prepare()
        self._connections.close()
        self._connections = Connections(self, most_connections())

    def process_conn(self, conn: Connection) -> None:
        """Hand a connection to a worker when its request is complete; else wait for more."""
        if conn.receive():
            super().process_conn(conn)
        else:
            self._connections.wait_for(conn)

    def connection_closed(self) -> None:
        """Remove a connection from the count."""
        self._connections.closed()

    def send_rest(self, conn: Connection) -> None:
        """Send the rest of an answer, and then close the connection."""
        self._connections.wait_for(conn)

    def bind(self, family: int, type: int, proto: int = 0) -> socket.socket:
        """Bind; where cheroot would forget a socket that cannot be bound, close it."""
        sock: socket.socket = self.prepare_socket(
            self.bind_addr, family, type, proto, self.nodelay, self.ssl_adapter, self.reuse_port
        )
        try:
            self.socket = self.bind_socket(sock, self.bind_addr)  # type: ignore[no-untyped-call]  # cheroot is untyped
        except OSError:
            sock.close()
            raise
        self.bind_addr = self.resolve_real_bind_addr(sock)  # type: ignore[no-untyped-call]  # cheroot is untyped
        return sock

    def error_log(self, msg: str = "", level: int = _INFO, traceback: bool = False) -> None:  # noqa: FBT001, FBT002 - cheroot's own signature
        """Log what went wrong on a connection; a client that disconnects early is not an error."""
        if level > _INFO:
            self._log.error("api.connection_failed", error=msg, exc_info=traceback)
        else:
            self._log.debug("api.connection_ended", detail=msg)
