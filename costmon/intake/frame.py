"""Read and make the frames that guards and the service exchange: a length, then that many bytes.

The length is four bytes, big-endian; what follows is JSON in UTF-8.
"""

import socket
import struct

from costmon.clock import Clock

LONGEST = 65_536
"""Bytes of a frame's content; a report has at most 60,000."""

_LENGTH = struct.Struct("!I")
_CHUNK = 65_536


class FrameError(Exception):
    """No whole frame came: too late, or the other side hung up in its middle."""


class FrameTooLongError(FrameError):
    """A frame announces more than is taken; its content was not read."""


def frame(content: bytes) -> bytes:
    """Return the bytes that carry `content`."""
    return _LENGTH.pack(len(content)) + content


def read_frame(
    connection: socket.socket, *, idle_s: float, whole_s: float, clock: Clock
) -> bytes | None:
    """Return the content of the next frame; `None` when the other side has ended in good order.

    Args:
        connection: A blocking stream socket; its timeout is changed.
        idle_s: Seconds to wait for the first byte.
        whole_s: Seconds for all the rest, so that one byte now and then does not keep us.
        clock: Measures them.

    Raises:
        FrameTooLongError: More than `LONGEST` bytes are announced.
        FrameError: There is no whole frame within these times.
    """
    first = _receive(connection, _LENGTH.size, idle_s)
    if not first:
        return None
    until_s = clock.monotonic_s() + whole_s
    head = first + _exactly(connection, _LENGTH.size - len(first), until_s, clock)
    (length,) = _LENGTH.unpack(head)
    if length > LONGEST:
        msg = f"the frame has {length} bytes; at most {LONGEST} are accepted"
        raise FrameTooLongError(msg)
    return _exactly(connection, length, until_s, clock)


def _exactly(connection: socket.socket, size: int, until_s: float, clock: Clock) -> bytes:
    received = bytearray()
    while len(received) < size:
        left_s = until_s - clock.monotonic_s()
        chunk = _receive(connection, size - len(received), left_s)
        if not chunk:
            raise FrameError("the connection ended in the middle of a frame")
        received += chunk
    return bytes(received)


def _receive(connection: socket.socket, size: int, left_s: float) -> bytes:
    if left_s <= 0:
        raise FrameError("timed out before a complete frame arrived")
    connection.settimeout(left_s)
    try:
        return connection.recv(min(size, _CHUNK))
    except TimeoutError:
        raise FrameError("timed out before a complete frame arrived") from None
    except OSError as error:
        raise FrameError(f"the connection failed: {error.strerror}") from error
