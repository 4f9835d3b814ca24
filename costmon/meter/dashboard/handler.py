"""Handle one HTTP request to the dashboard, with a deadline."""

import io
import json
import re
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from costmon import __version__
from costmon.clock import Clock
from costmon.errors import InputError
from costmon.meter.dashboard.access import HARDENED, refusal
from costmon.meter.dashboard.actions import action_of
from costmon.meter.dashboard.answers import Answers, UnreportedError
from costmon.meter.dashboard.assets import Asset, asset, page
from costmon.meter.dashboard.query import parse_query
from costmon.meter.log import log

API = "/api/v1/meter"
RECORDING = f"{API}/recording"
IDENTITY = f"{API}/identity"
_STATIC = "/static/"
_JSON = "application/json"
_MOST_BYTES = 32 * 1024
_MOST_BODY_BYTES = 4 * 1024


class HandlerContext(NamedTuple):
    """What the handler needs for each request.

    Attributes:
        answers: Makes responses with figures.
        identity: Identifies this dashboard to other dashboards.
        token: The token that commands must carry.
        clock: The clock.
        patience_s: Timeout for receiving a request, and for sending its response.
    """

    answers: Answers
    identity: dict[str, Any]
    token: str
    clock: Clock
    patience_s: float

    def serve(self, client: socket.socket, complete: Callable[[], None]) -> None:
        """Handle one client; connection errors are ignored."""
        try:
            DashboardHandler(client, self, complete)
        except OSError:
            return


class _Incoming(io.RawIOBase):
    """Data from a client: at most 32 KiB, before a deadline."""

    def __init__(self, client: socket.socket, clock: Clock, patience_s: float) -> None:
        self._client = client
        self._clock = clock
        self._ends_s = clock.monotonic_s() + patience_s
        self._left = _MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:  # noqa: ANN401 - as in RawIOBase
        left_s = self._ends_s - self._clock.monotonic_s()
        if left_s <= 0:
            raise TimeoutError
        self._client.settimeout(left_s)
        count = self._client.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise ConnectionAbortedError
        return count


class DashboardHandler(BaseHTTPRequestHandler):
    """Handles one request, then closes the connection."""

    def __init__(
        self, client: socket.socket, context: HandlerContext, complete: Callable[[], None]
    ) -> None:
        self._context = context
        self._complete = complete
        self._body = b""
        self._sent = False
        super().__init__(client, client.getpeername(), None)  # type: ignore[arg-type]  # its server is only asked for by methods that are replaced here

    def setup(self) -> None:
        """Read with a deadline, and buffer the response until `finish`."""
        self.connection = self.request
        self.rfile = io.BufferedReader(
            _Incoming(self.connection, self._context.clock, self._context.patience_s)
        )
        self.wfile = io.BytesIO()

    def finish(self) -> None:
        """Send the response, with a timeout."""
        self.connection.settimeout(self._context.patience_s)
        self.connection.sendall(self.wfile.getvalue())  # type: ignore[attr-defined]  # the BytesIO of `setup`
        self.connection.shutdown(socket.SHUT_WR)

    def version_string(self) -> str:
        """Return the product without its version, which would only help attackers."""
        return "costmon"

    def log_message(self, format: str, *args: object) -> None:
        """Do not log requests to the dashboard in the application's log."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error as JSON; http.server calls this for malformed requests."""
        phrase = HTTPStatus(code).phrase
        self.close_connection = True
        self._json(code, {"error": phrase, "message": explain or message or phrase})

    def do_GET(self) -> None:
        """Return the page, a static file or the figures."""
        self._answered(self._read)

    def do_HEAD(self) -> None:
        """Return the headers of GET."""
        self._answered(self._read)

    def do_POST(self) -> None:
        """Accept a command."""
        self._answered(self._order)

    def _answered(self, answer: Callable[[str, str], None]) -> None:
        target = urlsplit(self.path) if self.path.startswith("/") else None
        if target is None:
            self.send_error(400, "The request target must be a path.")
            return
        refused = refusal(
            self.command, target.path, lambda name: self.headers.get(name, ""), self._context.token
        )
        if refused is not None:
            self.send_error(refused.status, refused.text)
            return
        if self.command == "POST" and not self._has_body():
            return
        try:
            answer(target.path, target.query)
        except UnreportedError as error:
            self.send_error(404, str(error))
        except InputError as error:
            self.send_error(400, str(error))
        except OSError as error:
            log().warning("the meter's dashboard failed to answer %s: %s", target.path, error)
            self.send_error(503, "The meter's files cannot be used; see the application's log.")
        except Exception:  # noqa: BLE001 - internal errors are logged and reported to the client
            log().exception("the meter's dashboard failed to answer %s", target.path)
            self.send_error(500, "The request failed; see the application's log.")

    def _has_body(self) -> bool:
        """Read the body; reject one that is too large."""
        length = self.headers.get("Content-Length", "")
        if not length:
            self.send_error(411, "The request needs a Content-Length header.")
            return False
        if not (re.fullmatch(r"[0-9]{1,6}", length) and int(length) <= _MOST_BODY_BYTES):
            self.send_error(
                413, f"The body is too large; accepted: at most {_MOST_BODY_BYTES} bytes."
            )
            return False
        self._body = self.rfile.read(int(length))
        return True

    def _read(self, path: str, query: str) -> None:
        self._complete()
        if path == "/":
            content = page(self._context.token, __version__)
            self._send(200, content, "text/html; charset=utf-8")
        elif path == API:
            answer = self._context.answers.view(parse_query(query))
            self._content(Asset(answer.body, _JSON, answer.etag))
        elif path == IDENTITY:
            self._json(200, self._context.identity)
        elif found := asset(path.removeprefix(_STATIC)) if path.startswith(_STATIC) else None:
            self._content(found)
        elif path == RECORDING:
            self._send(405, b"", _JSON, [("Allow", "POST")])
        else:
            self.send_error(404, f"Not found; the page is at / and its data at {API}.")

    def _order(self, path: str, _query: str) -> None:
        if path != RECORDING:
            self.send_error(405 if path in {"/", API, IDENTITY} else 404)
            return
        self._complete()
        action, service = order_of(self._body)
        control = self._context.answers.order(action_of(action), service)
        self._json(
            202, {"data": {"recording": control.recording, "is_recording": control.is_recording}}
        )

    def _content(self, content: Asset) -> None:
        known = self.headers.get("If-None-Match", "")
        kept = [("ETag", content.etag)]
        if content.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
            self._send(304, b"", None, kept)
        else:
            self._send(200, content.content, content.content_type, kept)

    def _json(self, status: int, value: dict[str, Any]) -> None:
        self._send(status, json.dumps(value).encode("ascii"), _JSON)

    def _send(
        self,
        status: int,
        content: bytes,
        content_type: str | None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        if self._sent:  # an error after the response was sent
            return
        self._sent = True
        self.send_response(status)
        for name, value in (*HARDENED, *headers):
            self.send_header(name, value)
        if content_type is not None:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-cache" if headers else "no-store")
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def order_of(body: bytes) -> tuple[object, str | None]:
    """Return the action and the service in a command.

    Raises:
        InputError: It is not valid.
    """
    accepted = '{"action": "start" | "stop" | "reset", "service": name}, where service is optional'
    try:
        order = json.loads(body)
    except (ValueError, RecursionError):
        raise InputError(f"The body is not valid JSON; accepted: {accepted}.") from None
    if not isinstance(order, dict) or not set(order) <= {"action", "service"}:
        raise InputError(f"The body is not valid; accepted: {accepted}.")
    service = order.get("service")
    if service is not None and not isinstance(service, str):
        raise InputError(f"The service is not a string; accepted: {accepted}.")
    return order.get("action"), service
