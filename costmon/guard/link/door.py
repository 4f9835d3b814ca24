"""Requests to the service: one at a time over one persistent connection, HTTP or Unix socket.

No redirect is followed, no proxy of the environment is used, no response is read beyond its size
limit or deadline, and no text contains the token.
"""

import contextlib
import http.client
import io
import socket
import ssl
import struct
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from costmon.clock import Clock, SystemClock
from costmon.guard.link.address import Address
from costmon.guard.link.line import Deadline, Line
from costmon.guard.link.wire import WireError, document_of

ANSWER_BYTES = 8 * 1024 * 1024
"""The largest response: about 20,000 budgets and circuits."""

_CHUNK = 65_536
_LENGTH = struct.Struct("!I")
_TAG_CHARACTERS = 300
_LONGEST_WAIT_S = 3600.0


class DoorError(Exception):
    """There was no usable response; the text is a sentence without secrets."""


class Answer(NamedTuple):
    """A response of the service.

    Attributes:
        status: An HTTP status, over a Unix socket, too.
        document: Its JSON; `None` if it has none, as with 304.
        tag: Value for `known` in the next call of `policy`; `None`: none.
        retry_after_s: How long the service asks to wait; `None`: it does not say.
    """

    status: int
    document: object
    tag: str | None
    retry_after_s: float | None


class Door(Protocol):
    """A transport to one service, for one thread; only `cut` may be called from another one."""

    def report(self, body: bytes, timeout_s: float) -> Answer:
        """Send one encoded report.

        Raises:
            DoorError: There was no usable response.
        """
        ...

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Get the policy; if it is still `known`, wait up to `wait_s` seconds for a change.

        Raises:
            DoorError: There was no usable response.
        """
        ...

    def cut(self) -> None:
        """Abort the current request, and all later ones, at once."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def forget(self) -> None:
        """Close the child's copy of the parent's connection, after a fork."""
        ...


def open_door(address: Address, connect_s: float) -> Door:
    """Return a transport to a service; it connects with the first request."""
    clock = SystemClock()  # deadlines use real time, also if a test changes the guard's clock
    if address.scheme == "unix":
        return SocketDoor(address, connect_s, clock)
    return HttpDoor(address, connect_s, clock)


class _Exchange(NamedTuple):
    """One request, and how long to wait for its response."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    timeout_s: float


class HttpDoor:
    """The service's API over HTTP or HTTPS, with a persistent connection."""

    def __init__(self, address: Address, connect_s: float, clock: Clock) -> None:
        self._address = address
        self._connect_s = connect_s
        self._deadline = Deadline(clock)
        self._line = Line(address, self._deadline)
        self._connection: http.client.HTTPConnection | None = None

    def report(self, body: bytes, timeout_s: float) -> Answer:
        """Send one encoded report; see `Door`."""
        headers = {"Content-Type": "application/json"}
        return self._ask(_Exchange("POST", "/api/v1/guard/reports", body, headers, timeout_s))

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Get the policy; see `Door`."""
        path = "/api/v1/guard/policy" + (f"?wait={wait_s}" if wait_s else "")
        headers = {"If-None-Match": known} if known else {}
        return self._ask(_Exchange("GET", path, None, headers, timeout_s))

    def cut(self) -> None:
        """Abort the current request, and all later ones, at once."""
        self._line.cut()

    def forget(self) -> None:
        """Close the child's copy of the parent's connection, after a fork."""
        self._line.forget()

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, exchange: _Exchange) -> Answer:
        self._deadline.in_s(exchange.timeout_s)
        with _spoken_of(self._address):
            try:
                kept = self._connection is not None
                try:
                    answer = self._exchanged(exchange)
                except (ConnectionError, http.client.BadStatusLine):
                    # The service may close a persistent connection at any time. Sending a request
                    # twice is harmless, so it is retried once on a new connection.
                    if not kept:
                        raise
                    self.close()
                    answer = self._exchanged(exchange)
            except BaseException:
                self.close()
                raise
        return answer

    def _exchanged(self, exchange: _Exchange) -> Answer:
        connection = self._connection
        if connection is None:
            connection = http.client.HTTPConnection(self._address.host, self._address.port)
            connection.sock = self._line.open(self._connect_s)
            connection.auto_open = 0
            self._connection = connection
        headers = {"Accept": "application/json", "User-Agent": "costmon-guard", **exchange.headers}
        if self._address.token is not None:
            headers["Authorization"] = f"Bearer {self._address.token}"
        connection.sock.settimeout(self._deadline.left_s())
        connection.request(
            exchange.method, self._address.path + exchange.path, exchange.body, headers
        )
        response = connection.getresponse()
        body = _read(response)
        if response.will_close:
            self.close()
        return Answer(
            response.status,
            _document(response.status, body),
            _tag_of(response.getheader("ETag")),
            _seconds_of(response.getheader("Retry-After")),
        )


class SocketDoor:
    """The service's report socket: frames of a length and JSON, answered in order."""

    def __init__(self, address: Address, connect_s: float, clock: Clock) -> None:
        self._address = address
        self._connect_s = connect_s
        self._deadline = Deadline(clock)
        self._line = Line(address, self._deadline)
        self._socket: socket.socket | None = None

    def report(self, body: bytes, timeout_s: float) -> Answer:
        """Send one encoded report; see `Door`."""
        return self._ask(b'{"op":"report","report":' + body + b"}", timeout_s)

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Get the policy; see `Door`."""
        import json

        request = {"op": "policy", "revision": known, "wait": wait_s}
        return self._ask(json.dumps(request).encode(), timeout_s)

    def cut(self) -> None:
        """Abort the current request, and all later ones, at once."""
        self._line.cut()

    def forget(self) -> None:
        """Close the child's copy of the parent's connection, after a fork."""
        self._line.forget()

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, request: bytes, timeout_s: float) -> Answer:
        self._deadline.in_s(timeout_s)
        with _spoken_of(self._address):
            try:
                kept = self._socket is not None
                try:
                    content = self._exchanged(request)
                except (ConnectionError, EOFError):
                    if not kept:  # see HttpDoor: the service may have closed the connection
                        raise
                    self.close()
                    content = self._exchanged(request)
                return _framed(document_of(content))
            except BaseException:
                self.close()
                raise

    def _exchanged(self, request: bytes) -> bytes:
        if self._socket is None:
            self._socket = self._line.open(self._connect_s)
        self._socket.settimeout(self._deadline.left_s())
        self._socket.sendall(_LENGTH.pack(len(request)) + request)
        (length,) = _LENGTH.unpack(self._exactly(self._socket, _LENGTH.size))
        if length > ANSWER_BYTES:
            raise WireError(f"the response has more than {ANSWER_BYTES} bytes: {length}")
        return self._exactly(self._socket, length)

    def _exactly(self, connection: socket.socket, size: int) -> bytes:
        received = bytearray()
        chunk = memoryview(bytearray(min(size, _CHUNK)))
        while len(received) < size:
            count = connection.recv_into(chunk, min(size - len(received), _CHUNK))
            if not count:
                raise EOFError("the connection ended before the response was complete")
            received += chunk[:count]
        return bytes(received)


def _document(status: int, body: bytes) -> object:
    if not body:
        return None
    try:
        return document_of(body)
    except WireError:
        if status in {200, 202}:
            raise
        return None  # an error page of a proxy: the status is enough


def _framed(document: object) -> Answer:
    if not isinstance(document, dict):
        raise WireError("the response is not a JSON object")
    status, body = document.get("status"), document.get("body")
    if isinstance(status, bool) or not isinstance(status, int):
        raise WireError("the response has no status")
    retry_after_s: object = None
    tag: object = None
    if isinstance(body, dict):
        retry_after_s = body.get("retry_after_s")
        data = body.get("data")
        tag = data.get("revision") if isinstance(data, dict) else None
    return Answer(status, body, _tag_of(tag), _seconds_of(retry_after_s))


def _read(response: http.client.HTTPResponse) -> bytes:
    received = io.BytesIO()
    while chunk := response.read(_CHUNK):
        if received.tell() + len(chunk) > ANSWER_BYTES:
            raise WireError(f"the response has more than {ANSWER_BYTES} bytes")
        received.write(chunk)
    if response.length:
        raise EOFError("the connection ended before the response was complete")
    return received.getvalue()


def _tag_of(value: object) -> str | None:
    if isinstance(value, str) and value.isprintable() and value.isascii():
        return value if 0 < len(value) <= _TAG_CHARACTERS else None
    return None


def _seconds_of(value: object) -> float | None:
    """Return a number of seconds; dates in Retry-After are ignored, since clocks may differ."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return min(seconds, _LONGEST_WAIT_S) if seconds >= 0 else None


@contextlib.contextmanager
def _spoken_of(address: Address) -> Iterator[None]:
    """Convert all errors of a connection to `DoorError`."""
    try:
        yield
    except TimeoutError:
        raise DoorError(f"{address} did not answer in time") from None
    except ssl.SSLCertVerificationError as error:
        detail = f"{address} has an untrusted certificate: {error.verify_message}"
        raise DoorError(detail) from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise DoorError(f"nothing listens at {address}: is the service running?") from None
    except WireError as error:
        raise DoorError(f"{address} sent an invalid response: {error}") from None
    except http.client.HTTPException as error:
        raise DoorError(f"{address} is not an HTTP server ({type(error).__name__})") from None
    except (OSError, EOFError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        detail = words.splitlines()[0][:200] if words else type(error).__name__
        raise DoorError(f"{address} cannot be reached: {detail}") from None
