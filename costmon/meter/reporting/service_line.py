"""Send figures to a local costmon service over its Unix socket.

Messages and responses are JSON with a four-byte length prefix; see `costmon/intake/frame.py`.
"""

import os
import socket
import stat
import struct
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from costmon.clock import Clock
from costmon.errors import InputError
from costmon.meter.recording_control import Control
from costmon.meter.reporting.json_reader import Reading
from costmon.meter.reporting.wire import control_of

_LENGTH = struct.Struct("!I")
_ANSWER_BYTES = 65_536
_ANSWER_S = 1.0
_PATH_BYTES = 107
"""The longest path in `struct sockaddr_un`."""


class LineError(Exception):
    """The service could not be reached, or rejected a report; the text says why."""


class Response(NamedTuple):
    """The response of a service.

    Attributes:
        epoch: Identifies the current run of the service.
        known: Number of the last part received from this process before; `None`: none.
        is_gone: Whether it considers this process ended, and accepts no more reports.
        control: A control message; `None`: none.
    """

    epoch: str
    known: int | None
    is_gone: bool
    control: Control | None


class ServiceLine:
    """A connection that is opened on demand; for one thread, except `forget`."""

    def __init__(self, path: Path, clock: Clock, *, answer_s: float = _ANSWER_S) -> None:
        self.path = path
        self._clock = clock
        self._answer_s = answer_s
        self._socket: socket.socket | None = None

    def is_there(self) -> bool:
        """Return whether the socket exists, so that a service listens, or did."""
        try:
            return stat.S_ISSOCK(self.path.stat().st_mode)
        except OSError:
            return False

    def send(self, part: int, report: bytes, *, is_final: bool) -> Response:
        """Send one encoded part.

        Args:
            part: Its number; numbers increase.
            report: The encoded part, at most `PART_BYTES`.
            is_final: Whether this is the last message of this process.

        Raises:
            LineError: It was not accepted; it may be sent again with a higher number.
        """
        head = b'{"op":"meter","part":%d,"final":%s,"report":' % (part, _JSON[is_final])
        request = head + report + b"}"
        try:
            is_kept = self._socket is not None
            try:
                answer = self._exchanged(request)
            except (ConnectionError, EOFError):
                # The service may have restarted since the last message; a part that arrives twice
                # counts once.
                if not is_kept:
                    raise
                self.forget()
                answer = self._exchanged(request)
            return _parse_response(answer)
        except LineError:
            self.forget()
            raise
        except (OSError, EOFError, InputError) as error:
            self.forget()
            words = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise LineError(f"{self.path}: {words}") from None

    def forget(self) -> None:
        """Close the connection, or in a forked child the copy of it."""
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()

    def _exchanged(self, request: bytes) -> bytes:
        until_s = self._clock.monotonic_s() + self._answer_s
        connection = self._socket or self._connected()
        connection.settimeout(self._answer_s)
        connection.sendall(_LENGTH.pack(len(request)) + request)
        (length,) = _LENGTH.unpack(self._exactly(connection, _LENGTH.size, until_s))
        if length > _ANSWER_BYTES:
            raise LineError(f"{self.path}: the response is too large: {length} bytes")
        return self._exactly(connection, length, until_s)

    def _connected(self) -> socket.socket:
        if len(os.fsencode(self.path)) > _PATH_BYTES:
            raise LineError(
                f"{self.path} is too long for a socket path: at most {_PATH_BYTES} bytes"
            )
        self._socket = connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(self._answer_s)
        connection.connect(str(self.path))
        return connection

    def _exactly(self, connection: socket.socket, size: int, until_s: float) -> bytes:
        received = bytearray()
        while len(received) < size:
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                raise LineError(f"{self.path}: no complete response within {self._answer_s:g} s")
            connection.settimeout(left_s)
            chunk = connection.recv(size - len(received))
            if not chunk:
                raise EOFError("the service closed the connection")
            received += chunk
        return bytes(received)


_JSON = {True: b"true", False: b"false"}


def _parse_response(content: bytes) -> Response:
    answer = Reading.parsed(content)
    status = answer.member("status").count()
    if status != HTTPStatus.ACCEPTED:
        message = answer.member("body").optional("message")
        said = "" if message is None else f": {message.text(500)}"
        raise LineError(f"the service answered {status}{said}")
    data = answer.member("body").member("data")
    known, control = data.optional("known"), data.optional("control")
    return Response(
        epoch=data.member("epoch").text(),
        known=None if known is None else known.count(),
        is_gone=data.member("gone").claim(),
        control=None if control is None else control_of(control),
    )
