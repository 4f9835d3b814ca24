"""What a connection reads from and writes to: within deadlines, and without holding a worker."""

import io
import socket
import threading
from typing import Any

from cheroot.makefile import StreamReader, StreamWriter

from costmon.clock import Clock

REQUEST_S = 5.0
"""Seconds from the first byte of a request until all of it must have come."""

ANSWER_S = 5.0
"""Seconds for an answer to be taken, and one more for each `LEAST_BYTES_A_SECOND` of it."""

LEAST_BYTES_A_SECOND = 100_000

MOST_UNSENT_BYTES = 64 * 1024 * 1024
"""How much of all answers is kept for clients that have not taken it; then workers wait."""

CHUNK = 64 * 1024
_MOST_CHUNKS = 16


class Unsent:
    """How many more bytes may be kept of answers that clients have not taken yet."""

    def __init__(self, most: int = MOST_UNSENT_BYTES) -> None:
        self._lock = threading.Lock()
        self._left = most

    def take(self, count: int) -> bool:
        """Tell whether there is room for so many bytes, and take it."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """Make room again."""
        with self._lock:
            self._left += count


class Received(socket.SocketIO):
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

    Attributes:
        rest: What the client has not taken yet; the serving thread sends it.
        until_s: Until when the answer must have been taken.
    """

    def __init__(self, sock: socket.socket, clock: Clock, unsent: Unsent) -> None:
        super().__init__(sock, "wb")
        self.until_s: float | None = None
        self.rest = bytearray()
        self._unsent = unsent
        self._clock = clock
        self._timed = sock

    def write(self, data: Any) -> int:  # noqa: ANN401 - the base's signature
        """Take all, or what the socket takes; raise `TimeoutError` when the time is over."""
        if not self.rest:
            count = self._write(data, 0)
            if count == len(data):
                return count
            data = data[count:]
        else:
            count = 0
        if self._unsent.take(len(data)):
            self.rest += data
            return count + len(data)
        # Too much is kept already: this client's worker has to wait.
        while self.rest:
            self._sent(self._write(bytes(self.rest[:CHUNK]), self._left_s()))
        return count or self._write(data, self._left_s())

    def send_rest(self) -> bool:
        """Send what the client takes now of the rest; tell whether that was all."""
        for _ in range(_MOST_CHUNKS):
            count = self._write(bytes(self.rest[:CHUNK]), 0)
            self._sent(count)
            if not count or not self.rest:
                break
        return not self.rest

    def drop(self) -> None:
        """Forget the rest."""
        self._sent(len(self.rest))

    def _left_s(self) -> float:
        now_s = self._clock.monotonic_s()
        if self.until_s is None:
            self.until_s = now_s + ANSWER_S
        if self.until_s <= now_s:
            raise TimeoutError("timed out")
        return self.until_s - now_s

    def _write(self, data: bytes, wait_s: float) -> int:
        self._left_s()
        self._timed.settimeout(wait_s)
        count = super().write(data) or 0
        self.until_s = (self.until_s or 0) + count / LEAST_BYTES_A_SECOND
        return count

    def _sent(self, count: int) -> None:
        del self.rest[:count]
        self._unsent.give_back(count)


class Writer(StreamWriter):
    """cheroot's writer, to a client that must not be slow."""

    def __init__(self, sent: Sent) -> None:
        super(StreamWriter, self).__init__(sent, io.DEFAULT_BUFFER_SIZE)
        self.bytes_written = 0


class Reader(StreamReader):
    """cheroot's reader, over what was received."""

    def __init__(self, received: Received) -> None:
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
