"""Open a connection that one deadline ends, whatever the other side does, and others can cut.

A socket's own timeout starts anew with every byte, so a service that drips could hold a thread for
hours. These sockets know until when they may be read.
"""

import contextlib
import os
import socket
import ssl
from typing import Any

from costmon.clock import Clock
from costmon.guard.link.address import Address, is_loopback


class Deadline:
    """Until when a connection may be used; may be moved from another thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until_s = 0.0

    def in_s(self, seconds: float) -> None:
        """Let it be over in so many seconds."""
        self._until_s = self._clock.monotonic_s() + seconds

    def left_s(self) -> float:
        """Return what is left.

        Raises:
            TimeoutError: Nothing is.
        """
        left_s = self._until_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise TimeoutError("no whole answer in time")
        return left_s


class _Timed:
    """A socket that waits for bytes no longer than until its deadline."""

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
    """One connection, made when it is needed; `cut` may be called from any thread."""

    def __init__(self, address: Address, deadline: Deadline) -> None:
        self._address = address
        self._deadline = deadline
        self._socket: socket.socket | None = None
        self._is_cut = False

    def open(self, connect_s: float) -> socket.socket:
        """Return a connected socket: TLS with certificate and name checked, where it is https.

        Raises:
            OSError: Nobody answers there, or not who should (`ssl.SSLError`).
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
        """End the connection under whoever uses it, and open no other one."""
        self._is_cut = True
        connection = self._socket
        if connection is not None:
            with contextlib.suppress(OSError, ValueError):
                # The class's own: SSLSocket.shutdown would pull the rug from under the reader.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def forget(self) -> None:
        """Close the descriptor and nothing else, in a forked child.

        What reads from it belongs to a thread that does not exist here, and may be locked by it.
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
        if self._is_cut:  # asked after the socket can be seen: `cut` sees it, or is seen here
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
        """Check who answered, before a token is sent to them."""
        if self._address.scheme == "https":
            context = ssl.create_default_context()
            context.sslsocket_class = _TimedTls
            try:
                connection.settimeout(self._deadline.left_s())
                secured = context.wrap_socket(connection, server_hostname=self._address.host)
            except BaseException:
                connection.close()
                raise
            secured.deadline = self._deadline  # type: ignore[attr-defined]  # a _TimedTls
            self._socket = secured
            return secured
        if self._address.token is not None and not is_loopback(connection.getpeername()[0]):
            connection.close()
            raise OSError("localhost is another machine here: the token was not sent")
        return connection
