"""Receive whole requests before a worker sees them, and keep the number of connections bounded.

cheroot hands a connection to a worker when its first byte arrives, so that as many slow clients as
there are workers keep everybody out. Here the serving thread receives, and sends what a client does
not take at once of its answer, so that a client that is slow costs a buffer. A request must be
complete within a deadline, and an answer taken within another. At most so many connections are
open; one more takes the place of the one that has been idle longest.
"""

import errno
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

from costmon.api.streams import CHUNK, REQUEST_S, Reader, Received, Sent, Unsent, Writer
from costmon.clock import Clock

MOST_CONNECTIONS = 1_000
_OTHER_FILES = 128
"""Descriptors that are left for databases, vendors, channels and the sockets of guards."""

_TELL_AGAIN_S = 60.0
_PAUSE_S = 0.05
_LAST_TURNS = 100
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
    unsent: Unsent
    timeout: float
    max_request_header_size: int
    max_request_body_size: int
    socket: socket.socket

    def process_conn(self, conn: "Connection") -> None:
        """Take a connection with a whole request."""

    def connection_closed(self) -> None:
        """Remove a connection from the count."""

    def send_rest(self, conn: "Connection") -> None:
        """Send the rest of an answer, and then close the connection."""


class Connection(server.HTTPConnection):
    """A connection whose requests are received by the serving thread.

    Attributes:
        is_closed: Whether it has been closed.
        is_leaving: Whether it is closed once the rest of its answer has been sent.
        idle_since_s: When it was last active, by the monotonic clock.
    """

    server: Server
    socket: Socket

    def __init__(self, of: Server, sock: Socket, *makefile: object) -> None:
        self._clock = of.clock
        super().__init__(of, sock, *makefile)
        self._received = Received(sock, of.clock)
        self._sent = Sent(sock, of.clock, of.unsent)
        self.rfile = Reader(self._received)
        self.wfile = Writer(self._sent)
        self.is_closed = self.is_leaving = False
        self.idle_since_s = self._clock.monotonic_s()
        self._continued = False

    @property
    def has_unsent(self) -> bool:
        """Return whether the client has not taken all of its answer."""
        return bool(self._sent.rest)

    def send_rest(self) -> bool:
        """Send what the client takes now of its answer; tell whether that was all."""
        return self._sent.send_rest()

    def is_late(self, now_s: float) -> bool:
        """Tell whether the client should have taken its answer by now."""
        return self._sent.until_s is not None and now_s >= self._sent.until_s

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
        while len(received.pending) <= self.server.max_request_body_size + CHUNK:
            try:
                data = self.socket.recv(CHUNK)
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

    def abandon(self) -> None:
        """Close at once, whatever the client has not taken."""
        self._sent.drop()
        self.close()

    def close(self) -> None:
        """Close, and make room for another one, once the client has taken its answer."""
        if self.has_unsent:
            self.is_leaving = True
            self.server.send_rest(self)
            return
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
        if conn.has_unsent:
            self.wait_for(conn)
            return
        conn.begin_again()
        if conn.rfile.has_data():
            self.server.process_conn(conn)
        else:
            self.wait_for(conn)

    def wait_for(self, conn: Connection) -> None:
        """Watch a connection for more, or until it takes more."""
        event = selectors.EVENT_WRITE if conn.has_unsent else selectors.EVENT_READ
        try:
            self._selector.register(conn.socket.fileno(), event, data=conn)
        except (OSError, ValueError):
            conn.abandon()  # its socket is closed, or the server has stopped

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
                    if conn.has_unsent:
                        self._send_rest(conn)
                    else:
                        self.server.process_conn(conn)
            if (now_s := self._clock.monotonic_s()) - checked_s > expiration_interval:
                self._end_late(now_s)
                checked_s = now_s

    def _send_rest(self, conn: Connection) -> None:
        try:
            is_sent = conn.send_rest()
        except OSError:
            conn.abandon()  # it is gone, or too slow
            return
        if not is_sent:
            self.wait_for(conn)
        elif conn.is_leaving:
            conn.close()
        else:
            self.put(conn)

    def close(self) -> None:
        """Close all connections; those that still take their answers may take what is left."""
        for _ in range(_LAST_TURNS):
            unsent = {fd for fd, conn in self._waiting() if conn.has_unsent}
            ready = self._selector.select(timeout=_PAUSE_S) if unsent else ()
            taking = [(fd, conn) for fd, conn in ready if fd in unsent]
            if not taking:
                break
            for descriptor, conn in taking:
                self._selector.unregister(descriptor)
                conn.is_leaving = True
                self._send_rest(conn)
        for descriptor, conn in self._waiting():
            self._selector.unregister(descriptor)
            conn.abandon()
        super().close()

    def _waiting(self) -> list[tuple[int, Connection]]:
        return [(fd, conn) for fd, conn in self._selector.connections if conn is not self.server]

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
        waiting = self._waiting()
        if waiting:
            descriptor, conn = min(waiting, key=lambda it: it[1].idle_since_s)
            self._selector.unregister(descriptor)
            conn.abandon()
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
        for descriptor, conn in self._waiting():
            if conn.has_unsent:
                if conn.is_late(now_s):
                    self._selector.unregister(descriptor)
                    conn.abandon()
            elif conn.until_s is not None and now_s >= conn.until_s:
                self._selector.unregister(descriptor)
                conn.give_up()
            elif conn.until_s is None and now_s - conn.idle_since_s >= self.server.timeout:
                self._selector.unregister(descriptor)
                conn.close()
