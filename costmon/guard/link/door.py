"""Ask the service: one request at a time over one kept connection, HTTP or Unix socket.

No redirect is followed, no proxy of the environment is used, no answer is read beyond its cap or
its deadline, and the token is in no text.
"""

import contextlib
import http.client
import io
import socket
import ssl
import struct
from typing import NamedTuple, Protocol

from costmon.clock import Clock, SystemClock
from costmon.guard.link.address import Address
from costmon.guard.link.line import Deadline, Line
from costmon.guard.link.wire import WireError, document_of

ANSWER_BYTES = 8 * 1024 * 1024
"""The largest answer: about 20,000 budgets and circuits."""

_CHUNK = 65_536
_LENGTH = struct.Struct("!I")
_TAG_CHARACTERS = 300
_LONGEST_WAIT_S = 3600.0


class DoorError(Exception):
    """No usable answer came; the text is a sentence for people, without secrets."""


class Answer(NamedTuple):
    """What the service said.

    Attributes:
        status: An HTTP status, over a Unix socket, too.
        document: Its JSON; `None` when there was none, as with 304.
        tag: What to give to `policy` as `known` next time; `None`: nothing to go by.
        retry_after_s: How long the service asks to be left alone; `None`: it does not say.
    """

    status: int
    document: object
    tag: str | None
    retry_after_s: float | None


class Door(Protocol):
    """One way to one service, for one thread; only `cut` may be called from another one."""

    def report(self, body: bytes, timeout_s: float) -> Answer:
        """Hand in one encoded report.

        Raises:
            DoorError: No usable answer came.
        """
        ...

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Ask for the policy; when it is still `known`, up to `wait_s` seconds for a change.

        Raises:
            DoorError: No usable answer came.
        """
        ...

    def cut(self) -> None:
        """End what is being asked, and whatever is asked later, at once."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...

    def forget(self) -> None:
        """Close our copy of the connection, in a forked child: it is the parent's."""
        ...


def open_door(address: Address, connect_s: float) -> Door:
    """Return a door to a service; nothing is sent before something is asked."""
    clock = SystemClock()  # a deadline is about real time, also where a test moves the guard's
    if address.scheme == "unix":
        return SocketDoor(address, connect_s, clock)
    return HttpDoor(address, connect_s, clock)


class _Exchange(NamedTuple):
    """One request: what goes out, and for how long its answer is waited for."""

    method: str
    path: str
    body: bytes | None
    headers: dict[str, str]
    timeout_s: float


class HttpDoor:
    """The service's API over HTTP or HTTPS, with the connection kept between requests."""

    def __init__(self, address: Address, connect_s: float, clock: Clock) -> None:
        self._address = address
        self._connect_s = connect_s
        self._deadline = Deadline(clock)
        self._line = Line(address, self._deadline)
        self._connection: http.client.HTTPConnection | None = None

    def report(self, body: bytes, timeout_s: float) -> Answer:
        """Hand in one encoded report; see `Door`."""
        headers = {"Content-Type": "application/json"}
        return self._ask(_Exchange("POST", "/api/v1/guard/reports", body, headers, timeout_s))

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Ask for the policy; see `Door`."""
        path = "/api/v1/guard/policy" + (f"?wait={wait_s}" if wait_s else "")
        headers = {"If-None-Match": known} if known else {}
        return self._ask(_Exchange("GET", path, None, headers, timeout_s))

    def cut(self) -> None:
        """End what is being asked, and whatever is asked later, at once."""
        self._line.cut()

    def forget(self) -> None:
        """Close our copy of the connection, in a forked child: it is the parent's."""
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
                    # The service may close a kept connection at any time; what we send may come
                    # twice without harm, so one more try on a new one.
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
        """Hand in one encoded report; see `Door`."""
        return self._ask(b'{"op":"report","report":' + body + b"}", timeout_s)

    def policy(self, known: str | None, wait_s: int, timeout_s: float) -> Answer:
        """Ask for the policy; see `Door`."""
        import json

        request = {"op": "policy", "revision": known, "wait": wait_s}
        return self._ask(json.dumps(request).encode(), timeout_s)

    def cut(self) -> None:
        """End what is being asked, and whatever is asked later, at once."""
        self._line.cut()

    def forget(self) -> None:
        """Close our copy of the connection, in a forked child: it is the parent's."""
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
                    if not kept:  # see HttpDoor: the service may have left since the last one
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
            raise WireError(f"an answer of {length} bytes is announced, {ANSWER_BYTES} are read")
        return self._exactly(self._socket, length)

    def _exactly(self, connection: socket.socket, size: int) -> bytes:
        received = bytearray()
        chunk = memoryview(bytearray(min(size, _CHUNK)))
        while len(received) < size:
            count = connection.recv_into(chunk, min(size - len(received), _CHUNK))
            if not count:
                raise EOFError("the connection ended before the answer did")
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
        return None  # a proxy's page: the status says enough


def _framed(document: object) -> Answer:
    if not isinstance(document, dict):
        raise WireError("the answer is no object")
    status, body = document.get("status"), document.get("body")
    if isinstance(status, bool) or not isinstance(status, int):
        raise WireError("the answer has no status")
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
            raise WireError(f"the answer has more than {ANSWER_BYTES} bytes")
        received.write(chunk)
    if response.length:
        raise EOFError("the connection ended before the answer did")
    return received.getvalue()


def _tag_of(value: object) -> str | None:
    if isinstance(value, str) and value.isprintable() and value.isascii():
        return value if 0 < len(value) <= _TAG_CHARACTERS else None
    return None


def _seconds_of(value: object) -> float | None:
    """Return a number of seconds; the other form of Retry-After, a date, needs a common clock."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        seconds = float(value)
    except ValueError:
        return None
    return min(seconds, _LONGEST_WAIT_S) if seconds >= 0 else None


@contextlib.contextmanager
def _spoken_of(address: Address):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a generator
    """Turn whatever a connection can fail with into one error with a sentence."""
    try:
        yield
    except TimeoutError:
        raise DoorError(f"{address} did not answer in time") from None
    except ssl.SSLCertVerificationError as error:
        detail = f"{address} has no certificate that can be trusted: {error.verify_message}"
        raise DoorError(detail) from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise DoorError(f"nobody listens at {address}") from None
    except WireError as error:
        raise DoorError(f"{address} answered what was not agreed: {error}") from None
    except http.client.HTTPException as error:
        raise DoorError(f"{address} speaks no HTTP ({type(error).__name__})") from None
    except (OSError, EOFError, ValueError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        detail = words.splitlines()[0][:200] if words else type(error).__name__
        raise DoorError(f"{address} cannot be asked: {detail}") from None
