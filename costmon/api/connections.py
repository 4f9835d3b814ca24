"""Receive whole requests before a worker sees them, and keep the number of connections bounded.

cheroot hands a connection to a worker when its first byte arrives, so that as many slow clients as
there are workers keep everybody out. Here the serving thread receives, and a client that is slow
costs a buffer. A request must be complete within a deadline. At most so many connections are open;
one more takes the place of the one that has been idle longest.
"""

import errno
import io
import re
import resource
import selectors
import socket
import threading
from collections.abc import Callable
from typing import Any, Protocol

import structlog
from cheroot import server
from cheroot.connections import ConnectionManager
from cheroot.makefile import StreamReader, StreamWriter

from costmon.clock import Clock

REQUEST_S = 5.0
"""Seconds from the first byte of a request until all of it must have come."""

ANSWER_S = 5.0
"""Seconds for an answer to be taken, and one more for each `LEAST_BYTES_A_SECOND` of it."""

LEAST_BYTES_A_SECOND = 100_000

MOST_CONNECTIONS = 1_000
_OTHER_FILES = 128
"""Descriptors that are left for databases, vendors, channels and the sockets of guards."""

_TELL_AGAIN_S = 60.0
_PAUSE_S = 0.05
_CHUNK = 64 * 1024
Socket = socket.socket
_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


def most_connections() -> int:
    """Return how many connections a listener may hold, by the limit of open files.

    There may be two listeners.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(16, min(MOST_CONNECTIONS, (soft - _OTHER_FILES) // 2))


class Server(Protocol):
    """What is needed of cheroot's server."""

    clock: Clock
    timeout: float
    max_request_header_size: int
    max_request_body_size: int
    socket: socket.socket

    def process_conn(self, conn: "Connection") -> None:
        """Take a connection with a whole request."""

    def connection_closed(self) -> None:
        """Remove a connection from the count."""


class _Received(socket.SocketIO):
    """What the serving thread has received, and then what the socket still gives in time."""

    def __init__(self, sock: socket.socket, clock: Clock) -> None:
        super().__init__(sock, "rb")
        self._clock = clock
        self.pending = bytearray()
        self.until_s: float | None = None
        self._timed = sock

    def readinto(self, buffer) -> int | None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - the base's signature
        """Fill the buffer; raise `TimeoutError` when the request's time is over."""
        if self.pending:
            count = min(len(buffer), len(self.pending))
            buffer[:count] = self.pending[:count]
            del self.pending[:count]
            return count
        left_s = REQUEST_S if self.until_s is None else self.until_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise TimeoutError("timed out")
        self._timed.settimeout(left_s)
        return super().readinto(buffer)


class Sent(socket.SocketIO):
    """Where an answer is written, as long as the client takes it fast enough.

    Without this, a client that reads a byte now and then could occupy a worker indefinitely.
    """

    def __init__(self, sock: Socket, clock: Clock) -> None:
        super().__init__(sock, "wb")
        self.until_s: float | None = None
        self._clock = clock
        self._timed = sock

    def write(self, data: Any) -> int | None:  # noqa: ANN401 - the base's signature
        """Write what the socket takes; raise `TimeoutError` when the answer's time is over."""
        now_s = self._clock.monotonic_s()
        if self.until_s is None:
            self.until_s = now_s + ANSWER_S
        if self.until_s <= now_s:
            raise TimeoutError("timed out")
        self._timed.settimeout(self.until_s - now_s)
        count = super().write(data)
        self.until_s += (count or 0) / LEAST_BYTES_A_SECOND
        return count


class _Writer(StreamWriter):
    """cheroot's writer, to a client that must not be slow."""

    def __init__(self, sent: Sent) -> None:
        super(StreamWriter, self).__init__(sent, io.DEFAULT_BUFFER_SIZE)
        self.bytes_written = 0


class _Reader(StreamReader):
    """cheroot's reader, over what was received."""

    def __init__(self, received: _Received) -> None:
        super(StreamReader, self).__init__(received, io.DEFAULT_BUFFER_SIZE)
        self.bytes_read = 0
        self._received = received

    def take_back(self) -> None:
        """Put what was read too far, of the next request, back to what was received."""
        if super().has_data():  # type: ignore[no-untyped-call]  # cheroot is untyped
            ahead = self.peek(1)
            self.read(len(ahead))  # type: ignore[no-untyped-call]  # cheroot is untyped
            self._received.pending[:0] = ahead

    def has_data(self) -> bool:
        """Tell whether a part of the next request is here already."""
        return bool(self._received.pending) or bool(super().has_data())  # type: ignore[no-untyped-call]  # cheroot is untyped


class Connection(server.HTTPConnection):
    """A connection whose requests are received by the serving thread.

    Attributes:
        is_closed: Whether it has been closed.
        idle_since_s: When it was last active, by the monotonic clock.
    """

    server: Server
    socket: Socket

    def __init__(self, of: Server, sock: Socket, *makefile: object) -> None:
        self._clock = of.clock
        super().__init__(of, sock, *makefile)
        self._received = _Received(sock, of.clock)
        self._sent = Sent(sock, of.clock)
        self.rfile = _Reader(self._received)
        self.wfile = _Writer(self._sent)
        self.is_closed = False
        self.idle_since_s = self._clock.monotonic_s()
        self._continued = False

    @property
    def until_s(self) -> float | None:
        """Return until when the request must be complete; `None` before its first byte."""
        return self._received.until_s

    def begin_again(self) -> None:
        """Wait for the next request."""
        self.idle_since_s = self._clock.monotonic_s()
        self._continued = False
        self._sent.until_s = None
        self.rfile.take_back()
        self._received.until_s = self.idle_since_s + REQUEST_S if self.rfile.has_data() else None

    def receive(self) -> bool:
        """Take what has come; tell whether a worker can go on without waiting for the client."""
        if self._receive():
            self.socket.settimeout(self.server.timeout)
            return True
        return False

    def _receive(self) -> bool:
        received = self._received
        self.socket.settimeout(0)  # with a timeout Python waits for data first, whatever the flags
        while len(received.pending) <= self.server.max_request_body_size + _CHUNK:
            try:
                data = self.socket.recv(_CHUNK)
            except BlockingIOError:
                return self._is_complete()
            except OSError:
                return True
            if not data:
                return True
            if received.until_s is None:
                received.until_s = self._clock.monotonic_s() + REQUEST_S
            received.pending += data
        return True

    def _is_complete(self) -> bool:
        pending = self._received.pending
        end = pending.find(_HEAD_END)
        if end < 0:
            return len(pending) > self.server.max_request_header_size
        head = bytes(pending[: end + 2])
        if _CHUNKED.search(head):
            body_ended = pending.endswith(b"0\r\n\r\n", end + len(_HEAD_END))
            return body_ended or self._too_long(len(pending))
        length = _LENGTH.search(head)
        if length is None:
            return True
        wanted = end + len(_HEAD_END) + int(length[1])
        if len(pending) >= wanted or self._too_long(int(length[1])):
            return True
        if not self._continued and _EXPECTS.search(head):
            self._continued = True
            self._say(_CONTINUE)
        return False

    def _too_long(self, length: int) -> bool:
        return bool(length > self.server.max_request_body_size)

    def _say(self, text: bytes) -> None:
        try:
            self.socket.settimeout(0)
            self.socket.send(text)
        except OSError:
            return  # it is gone, or does not read: the deadline ends it

    def give_up(self) -> None:
        """Say that the request took too long, and close."""
        self._say(_TOO_SLOW)
        self.close()

    def close(self) -> None:
        """Close, and make room for another one."""
        if not self.is_closed:
            self.is_closed = True
            self.server.connection_closed()
        super().close()


class Connections(ConnectionManager):
    """The connections that no worker is serving, in the serving thread."""

    # cheroot's types leave these out.
    server: Server
    _selector: Any
    _stop_requested: bool
    _remove_invalid_sockets: Callable[[], None]
    _from_server_socket: Callable[[socket.socket], "Connection | None"]

    def __init__(self, of: Server, most: int) -> None:
        super().__init__(of)
        self._most = most
        self._clock = of.clock
        self._log = structlog.get_logger("costmon.api")
        self._lock = threading.Lock()
        self._open = 0
        self._closed_early = 0
        self._told_s: float | None = None

    def put(self, conn: Connection) -> None:
        """Take a connection back from a worker."""
        conn.begin_again()
        if conn.rfile.has_data():
            self.server.process_conn(conn)
        else:
            self.wait_for(conn)

    def wait_for(self, conn: Connection) -> None:
        """Watch a connection for more."""
        self._selector.register(conn.socket.fileno(), selectors.EVENT_READ, data=conn)

    def closed(self) -> None:
        """Remove a connection from the count."""
        with self._lock:
            self._open -= 1

    def _run(self, expiration_interval: float) -> None:
        checked_s = self._clock.monotonic_s()
        while not self._stop_requested:
            try:
                ready = list(self._selector.select(timeout=expiration_interval))
            except OSError:
                self._remove_invalid_sockets()
                continue
            for descriptor, conn in ready:
                if conn is self.server:
                    self._accept()
                elif not conn.is_closed:  # it may have made room for another one
                    self._selector.unregister(descriptor)
                    self.server.process_conn(conn)
            if (now_s := self._clock.monotonic_s()) - checked_s > expiration_interval:
                self._end_late(now_s)
                checked_s = now_s

    def _accept(self) -> None:
        if self._open >= self._most:
            self._make_room()
        try:
            conn = self._from_server_socket(self.server.socket)
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                raise
            if not self._make_room():
                threading.Event().wait(
                    _PAUSE_S
                )  # every one is being answered: the next one must wait
            return
        if conn is None:
            return
        with self._lock:
            self._open += 1
        if self._open > self._most:
            conn.close()  # all are being answered
        else:
            self.wait_for(conn)

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest; tell whether there was one."""
        waiting = [(fd, conn) for fd, conn in self._selector.connections if conn is not self.server]
        if waiting:
            descriptor, conn = min(waiting, key=lambda it: it[1].idle_since_s)
            self._selector.unregister(descriptor)
            conn.close()
        self._closed_early += 1
        now_s = self._clock.monotonic_s()
        if self._told_s is None or now_s - self._told_s >= _TELL_AGAIN_S:
            self._log.warning(
                "api.connections_limited",
                open=self._open,
                closed=self._closed_early,
                hint="the connections that were idle longest are closed for new ones; raise the "
                "limit of open files if these are your clients. Told at most once a minute",
            )
            self._told_s, self._closed_early = now_s, 0
        return bool(waiting)

    def _end_late(self, now_s: float) -> None:
        for descriptor, conn in list(self._selector.connections):
            if conn is self.server:
                continue
            if conn.until_s is not None and now_s >= conn.until_s:
                self._selector.unregister(descriptor)
                conn.give_up()
            elif conn.until_s is None and now_s - conn.idle_since_s >= self.server.timeout:
                self._selector.unregister(descriptor)
                conn.close()
