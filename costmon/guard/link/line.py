"""A connection with one deadline for a whole exchange, which other threads can abort.

A socket's own timeout restarts with every byte, so a slow service could block a thread for hours.
These sockets have a deadline for all reads.
"""

import contextlib
import os
import socket
import ssl
from typing import Any

from costmon.clock import Clock
from costmon.guard.link.address import Address, is_loopback


class Deadline:
    """The deadline of a connection; it may be changed by another thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s = 0.0

    def in_s(self, seconds: float) -> None:
        """Set the deadline to so many seconds from now."""
        self._until_s = self._clock.monotonic_s() + seconds

    def left_s(self) -> float:
        """Return the remaining seconds.

        Raises:
            TimeoutError: The deadline has passed.
        """
        left_s = self._until_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise TimeoutError("no complete response in time")
        return left_s


class _Timed:
    """A socket whose reads time out at its deadline."""

    deadline: Deadline | None = None

    def recv_into(self, *args: Any, **kwargs: Any) -> int:  # noqa: ANN401 - handed on
        if self.deadline is not None:
            self.settimeout(self.deadline.left_s())  # type: ignore[attr-defined]  # of the socket
        return super().recv_into(*args, **kwargs)  # type: ignore[misc,no-any-return]  # of the socket


class _TimedSocket(_Timed, socket.socket):
    pass


class _TimedTls(_Timed, ssl.SSLSocket):
    pass


class Line:
    """One connection, opened when it is needed; `cut` may be called from any thread."""

    def __init__(self, address: Address, deadline: Deadline) -> None:
        self._address = address
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self._is_cut = False

    def open(self, connect_s: float) -> socket.socket:
        """Return a connected socket; with https, TLS with a verified certificate and host name.

        Raises:
            OSError: The connection failed, or the certificate is not valid (`ssl.SSLError`).
        """
        if self._address.scheme == "unix":
            return self._connected(socket.AF_UNIX, self._address.path, connect_s)
        failure: OSError | None = None
        host, port = self._address.host, self._address.port
        for family, _, _, _, target in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                connection = self._connected(family, target, connect_s)
            except OSError as error:
                failure = error
                continue
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return self._checked(connection)
        raise failure or OSError(f"{host} has no address")

    def cut(self) -> None:
        """Abort the connection, also if a thread uses it, and open no other one."""
        self._is_cut = True
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError, ValueError):
                # Not SSLSocket.shutdown, which would drop the TLS state that the reader uses.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def forget(self) -> None:
        """Close only the file descriptor, in a forked child.

        Its reader belongs to a thread that does not exist in the child, and may be locked.
        """
        if self._socket is not None:
            descriptor = self._socket.detach()
            if descriptor >= 0:
                os.close(descriptor)

    def _connected(
        self,
        family: int,
        target: Any,  # noqa: ANN401 - as getaddrinfo has it
        connect_s: float,
    ) -> socket.socket:
        connection = _TimedSocket(family, socket.SOCK_STREAM)
        self._socket = connection
        if self._is_cut:  # after the socket is set, so that `cut` is never missed
            connection.close()
            raise OSError("the guard is closing")
        try:
            connection.settimeout(min(connect_s, self._deadline.left_s()))
            connection.connect(target)
        except BaseException:
            connection.close()
            raise
        connection.deadline = self._deadline
        return connection

    def _checked(self, connection: socket.socket) -> socket.socket:
        """Check the peer before a token is sent."""
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            context.sslsocket_class = _TimedTls
            try:
                connection.settimeout(self._deadline.left_s())
                secured = context.wrap_socket(connection, server_hostname=self._address.host)
            except BaseException:
                connection.close()
                raise
            secured.deadline = self._deadline  # type: ignore[attr-defined]  # is a _TimedTls
            self._socket = secured
            return secured
        if self._address.token is not None and not is_loopback(connection.getpeername()[0]):
            connection.close()
            raise OSError("localhost resolves to another machine: the token was not sent")
        return connection
