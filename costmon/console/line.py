"""Read one line from a socket within a length and a time."""

import socket

from costmon.clock import Clock

_CHUNK = 65536


class LineError(Exception):
    """No whole line came: too long, too late, or the other side hung up."""


def read_line(connection: socket.socket, *, limit: int, timeout_s: float, clock: Clock) -> bytes:
    """Return the first line, without its line end.

    The time is for the whole line, so that one byte now and then does not keep us.

    Args:
        connection: A blocking stream socket; its timeout is changed.
        limit: Most bytes of the line.
        timeout_s: Seconds for all of it.
        clock: Measures them.

    Raises:
        LineError: There is no whole line within limit and time.
    """
    deadline_s = clock.monotonic_s() + timeout_s
    received = bytearray()
    while b"\n" not in received:
        if len(received) > limit:
            msg = f"the line is longer than {limit} bytes"
            raise LineError(msg)
        left_s = deadline_s - clock.monotonic_s()
        if left_s <= 0:
            raise LineError(_late(timeout_s))
        connection.settimeout(left_s)
        try:
            chunk = connection.recv(min(_CHUNK, limit + 1 - len(received)))
        except TimeoutError:
            raise LineError(_late(timeout_s)) from None
        except OSError as error:
            msg = f"the connection failed: {error.strerror}"
            raise LineError(msg) from error
        if not chunk:
            msg = "the connection ended before the line was complete"
            raise LineError(msg)
        received += chunk
    return bytes(received.partition(b"\n")[0])


def _late(timeout_s: float) -> str:
    return f"no complete line arrived within {timeout_s:g} s"
