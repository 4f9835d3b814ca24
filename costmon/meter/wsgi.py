"""Measure any WSGI application: `application = MeteredWSGI(application)`.

The application is wrapped rather than hooked into, so that work before and after its views is
measured, and also the body, which is often generated while it is sent.
"""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from costmon.meter.measuring.measure import CURRENT, Measure
from costmon.meter.option_parsing import parse_options
from costmon.meter.process import METERS, ProcessMeter
from costmon.meter.routes.frameworks import find_routes
from costmon.meter.routes.routing import wsgi_route
from costmon.meter.routes.rules import keep_rules_behind
from costmon.meter.tenant import header_variable, tenant_of
from costmon.meter.wsgi_in_asgi import outer_scope, reporting_route

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "costmon.meter"
"""The key of a request's environ that marks it as being counted."""

_NO_BODY = frozenset({204, 304})
_EMPTY = frozenset({None, "", "0"})
_READ_INTO = frozenset({"readinto", "readinto1"})


class MeteredWSGI:
    """WSGI middleware that measures requests.

    Wrapping an application twice counts once. Servers can still send files (`wsgi.file_wrapper`).
    """

    def __init__(self, application: "WSGIApplication", **options: object) -> None:
        """Wrap an application.

        Args:
            application: The application to wrap.
            options: See `costmon.meter.options.Options`.

        Raises:
            InputError: An option is not valid; the text says what is accepted.
        """
        self.application = application
        keep_rules_behind(application)
        find_routes()
        self.meter = METERS.of(parse_options(options))

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Call the application and measure the request."""
        meter = self.meter
        aggregate = meter.aggregate
        if KEY in environ or not aggregate.is_recording:
            return self.application(environ, start_response)
        if CURRENT.get() is not None:
            scope = outer_scope(environ)
            if scope is not None:
                return self.application(environ, reporting_route(scope, environ, start_response))
        if not meter.is_running:
            meter.run()
        request = aggregate.begin(environ["REQUEST_METHOD"], _Request)
        request.meter = meter
        request.environ = environ
        request.entry = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")
        request.start_response = start_response
        environ[KEY] = True
        if environ.get("CONTENT_LENGTH") not in _EMPTY or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _CountedInput(environ["wsgi.input"], request)
        token = CURRENT.set(request)
        started_ns = request.enter()
        try:
            body = self.application(environ, request.start)
        except BaseException as error:
            request.leave(started_ns, token)
            request.fail(error)
            raise
        request.leave(started_ns, token)
        return request.answer(body)


class _Request(Measure):
    """A WSGI request; releases everything that belongs to the client when it ends."""

    __slots__ = ("entry", "environ", "headers", "meter", "start_response", "write_on")

    meter: ProcessMeter
    environ: "WSGIEnvironment"
    entry: tuple[str, str]
    start_response: "StartResponse"
    headers: list[tuple[str, str]]
    write_on: Callable[[bytes], object]

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,
        /,
    ) -> Callable[[bytes], object]:
        """Note the status; return a `write` callable that counts bytes."""
        self.headers = headers
        code = status[:3]
        # Rejecting an invalid status is up to the server.
        self.status = int(code) if code.isdecimal() else 0
        # Flask discards the URL rule as soon as it returns its response.
        self.route = wsgi_route(self.environ, self.entry)
        if exc_info is None:
            self.write_on = self.start_response(status, headers)
        else:
            self.write_on = self.start_response(status, headers, exc_info)
        return self.write

    def write(self, data: bytes) -> None:
        """Send bytes (the legacy `write` callable of WSGI)."""
        self.bytes_out += len(data)
        self.write_on(data)

    def answer(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return the body to send; the request ends with it."""
        if type(body) is list or type(body) is tuple:
            size = sum(map(len, body))
        elif type(body) is self.environ.get("wsgi.file_wrapper"):
            size = self._announced()
        elif (made := ready_bytes(body)) is not None:
            size = made
        else:
            # Count the request now; its body is added when it has been sent.
            self.settle(self.count)
            return _Body(self, body)
        self.bytes_out += size
        self.settle(self.end)
        return body

    def fail(self, error: BaseException) -> None:
        """End a request whose application raised an exception."""
        self.status = 500
        self.route = wsgi_route(self.environ, self.entry, error)
        self.settle(self.end)

    def settle(self, count: Callable[[], None]) -> None:
        """Count the request; internal errors do not reach the application."""
        try:
            if self.status in _NO_BODY or self.method == "HEAD":
                self.bytes_out = 0
            options = self.meter.options
            if self.named_route is not None:
                self.route = self.named_route
            if options.tenant_header:
                variable = header_variable(options.tenant_header)
                self.tag = tenant_of(self.environ.get(variable), options.tenants)
            count()
        except Exception as error:  # noqa: BLE001 - the request must not fail because of the meter
            self.meter.fail("a request was not counted", error)
        if self.ended_ns:
            # Late work may keep the request alive for a minute.
            del self.environ, self.start_response

    def _announced(self) -> int:
        for name, value in self.headers:
            if name.lower() == "content-length" and value.isdigit():
                return int(value)
        return 0


class _Body:
    """A body that is generated while it is sent; each chunk is a step of its request."""

    __slots__ = ("_iterable", "_iterator", "_request")

    def __init__(self, request: _Request, iterable: Iterable[bytes]) -> None:
        self._request = request
        self._iterable = iterable
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        request = self._request
        token = CURRENT.set(request)
        started_ns = request.enter()
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            chunk = next(self._iterator)
        except BaseException:
            # The end of the body, or an error that truncates the response.
            request.answered_ns = perf_counter_ns()
            raise
        finally:
            request.leave(started_ns, token)
        request.bytes_out += len(chunk)
        return chunk

    def close(self) -> None:
        """Close the body and end the request."""
        request = self._request
        if request.ended_ns:
            return
        close = getattr(self._iterable, "close", None)
        try:
            if close is not None:
                token = CURRENT.set(request)
                started_ns = request.enter()
                try:
                    close()
                finally:
                    request.leave(started_ns, token)
        finally:
            request.settle(request.end)

    def __del__(self) -> None:
        # A server that does not close bodies violates WSGI, but must not leak requests.
        if not self._request.ended_ns:
            self._request.settle(self._request.end)


def ready_bytes(body: Iterable[bytes]) -> int | None:
    """Return the size of a complete Werkzeug body that has no work left; `None` for other bodies.

    Most Flask responses are complete, so there is nothing to measure while they are sent, and they
    are counted at once.
    """
    try:
        # There is no public API from a body to its response; otherwise the body is wrapped.
        response = body._callbacks[-1].__self__  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public API
        if response._on_close:  # noqa: SLF001 - there is no public API
            return None
        pieces = response.response
        if type(pieces) is list and len(pieces) == 1 and type(pieces[0]) is bytes:
            return len(pieces[0])
    except (AttributeError, IndexError, TypeError):
        pass
    return None


class _CountedInput:
    """A request body that counts the bytes read."""

    __slots__ = ("_input", "_measure")

    def __init__(
        self,
        stream: Any,
        measure: Measure,
    ) -> None:
        self._input = stream
        self._measure = measure

    def read(self, *size: int) -> bytes:
        """Read from the server's stream."""
        return self._count(self._input.read(*size))

    def readline(self, *size: int) -> bytes:
        """Read a line from the server's stream."""
        return self._count(self._input.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines from the server's stream."""
        lines: list[bytes] = self._input.readlines(*hint)
        self._measure.bytes_in += sum(map(len, lines))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return map(self._count, self._input)

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._input, name)
        if name in _READ_INTO:  # werkzeug looks for them

            def read_into(buffer: bytearray | memoryview) -> int | None:
                size: int | None = attribute(buffer)
                self._measure.bytes_in += size or 0
                return size

            return read_into
        return attribute

    def _count(self, data: bytes) -> bytes:
        self._measure.bytes_in += len(data)
        return data
