"""Measure any WSGI application: `application = MeteredWSGI(application)`.

The application is wrapped rather than hooked into: so what runs before and after its views counts,
and the body, which is often made while it is sent, counts too.
"""

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from costmon.meter.bridges import outer_scope, telling
from costmon.meter.hooks.rules import keep_rules_behind
from costmon.meter.measure import CURRENT, Measure
from costmon.meter.options_of import options_of
from costmon.meter.process import METER, ProcessMeter
from costmon.meter.routing import wsgi_route
from costmon.meter.tenant import header_variable, tenant_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

KEY = "costmon.meter"
"""The variable of a request's environment that holds its measure: it is being counted."""

_NO_BODY = frozenset({204, 304})
_EMPTY = frozenset({None, "", "0"})
_READ_INTO = frozenset({"readinto", "readinto1"})


class MeteredWSGI:
    """A WSGI application whose requests are counted.

    Wrapped twice counts once. A server that sends files itself (`wsgi.file_wrapper`) still does.
    """

    def __init__(self, application: "WSGIApplication", **options: object) -> None:
        """Wrap an application.

        Args:
            application: It.
            options: See `costmon.meter.options.Options`.

        Raises:
            InputError: An option cannot be used; the text says what is accepted.
        """
        self.application = application
        self._meter = METER
        keep_rules_behind(application)
        METER.configure(options_of(options))

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        """Answer a request as the application does."""
        meter = self._meter
        aggregate = meter.aggregate
        if KEY in environ or not aggregate.is_recording:
            return self.application(environ, start_response)
        scope = outer_scope(environ)
        if scope is not None:
            return self.application(environ, telling(scope, environ, start_response))
        if not meter.is_running:
            meter.run()
        measure = aggregate.begin(environ["REQUEST_METHOD"])
        environ[KEY] = measure
        if environ.get("CONTENT_LENGTH") not in _EMPTY or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _CountedInput(environ["wsgi.input"], measure)
        exchange = _Exchange(meter, measure, environ, start_response)
        token = CURRENT.set(measure)
        started_ns = measure.enter()
        try:
            body = self.application(environ, exchange.start)
        except BaseException as error:
            measure.leave(started_ns, token)
            exchange.fail(error)
            raise
        measure.leave(started_ns, token)
        return exchange.answer(body)


class _Exchange:
    """A request and its answer."""

    __slots__ = ("_environ", "_headers", "_meter", "_root", "_start_response", "_write", "measure")

    def __init__(
        self,
        meter: ProcessMeter,
        measure: Measure,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> None:
        self._meter = meter
        self.measure = measure
        self._environ = environ
        self._root = environ.get("SCRIPT_NAME", "")
        self._start_response = start_response

    def start(
        self,
        status: str,
        headers: list[tuple[str, str]],
        exc_info: Any = None,  # noqa: ANN401 - as WSGI has it
        /,
    ) -> Callable[[bytes], object]:
        """Hear the status; what is written in the old way is counted."""
        measure = self.measure
        self._headers = headers
        measure.status = int(status[:3])
        # Flask forgets which rule it was as soon as it has answered.
        measure.route = wsgi_route(self._environ, self._root)
        if exc_info is None:
            self._write = self._start_response(status, headers)
        else:
            self._write = self._start_response(status, headers, exc_info)
        return self.write

    def write(self, data: bytes) -> None:
        """Send bytes, as applications older than WSGI do."""
        self.measure.bytes_out += len(data)
        self._write(data)

    def answer(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server is to send; the request ends with it."""
        measure = self.measure
        if type(body) is list or type(body) is tuple:
            size = sum(map(len, body))
        elif type(body) is self._environ.get("wsgi.file_wrapper"):
            size = self._announced()
        elif (made := ready_bytes(body)) is not None:
            size = made
        else:
            # Whoever asks now sees it; its body is added when it has been sent.
            self.count(measure.count)
            return _Body(self, body)
        measure.bytes_out += size
        self.count(measure.end)
        return body

    def fail(self, error: BaseException) -> None:
        """End a request that an exception has left."""
        measure = self.measure
        measure.status = 500
        measure.route = wsgi_route(self._environ, self._root, error)
        self.count(measure.end)

    def count(self, count: Callable[[], None]) -> None:
        """Count the request, for now or in the end; a fault of ours stays here."""
        measure = self.measure
        try:
            if measure.status in _NO_BODY or measure.method == "HEAD":
                measure.bytes_out = 0
            options = self._meter.options
            if options.tenant_header:
                variable = header_variable(options.tenant_header)
                measure.tag = tenant_of(self._environ.get(variable), options.tenants)
            count()
        except Exception as error:  # noqa: BLE001 - the request is more important than its bill
            self._meter.fail("a request was not counted", error)

    def _announced(self) -> int:
        for name, value in self._headers:
            if name.lower() == "content-length" and value.isdigit():
                return int(value)
        return 0


class _Body:
    """What an application makes while it is sent: each piece is a step of its request."""

    __slots__ = ("_exchange", "_iterable", "_iterator")

    def __init__(self, exchange: _Exchange, iterable: Iterable[bytes]) -> None:
        self._exchange = exchange
        self._iterable = iterable
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        measure = self._exchange.measure
        token = CURRENT.set(measure)
        started_ns = measure.enter()
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            chunk = next(self._iterator)
        except BaseException:
            # Its end; or the status has been sent, and what the client gets is cut off.
            measure.answered_ns = perf_counter_ns()
            raise
        finally:
            measure.leave(started_ns, token)
        measure.bytes_out += len(chunk)
        return chunk

    def close(self) -> None:
        """End the body, and with it the request."""
        measure = self._exchange.measure
        if measure.ended_ns:
            return
        close = getattr(self._iterable, "close", None)
        try:
            if close is not None:
                token = CURRENT.set(measure)
                started_ns = measure.enter()
                try:
                    close()
                finally:
                    measure.leave(started_ns, token)
        finally:
            self._exchange.count(measure.end)

    def __del__(self) -> None:
        # A server that does not close bodies breaks the rules, and must not cost us memory.
        if not self._exchange.measure.ended_ns:
            self._exchange.count(self._exchange.measure.end)


def ready_bytes(body: Iterable[bytes]) -> int | None:
    """Return the size of a body of Werkzeug's that is made already, with nothing to do after it.

    Most of Flask's answers are. There is nothing to measure in sending them, and they are counted
    at once. `None`: it is another body.
    """
    try:
        # There is no public way from a body to its response; without it the body is wrapped.
        response = body._callbacks[-1].__self__  # type: ignore[attr-defined]  # noqa: SLF001 - as said
        if response._on_close:  # noqa: SLF001 - as said
            return None
        pieces = response.response
        if type(pieces) is list and len(pieces) == 1 and type(pieces[0]) is bytes:
            return len(pieces[0])
    except (AttributeError, IndexError, TypeError):
        pass
    return None


class _CountedInput:
    """The body of a request, counting what is read of it."""

    __slots__ = ("_input", "_measure")

    def __init__(
        self,
        stream: Any,  # noqa: ANN401 - whatever the server has
        measure: Measure,
    ) -> None:
        self._input = stream
        self._measure = measure

    def read(self, *size: int) -> bytes:
        """Read as the server's own does."""
        return self._count(self._input.read(*size))

    def readline(self, *size: int) -> bytes:
        """Read a line as the server's own does."""
        return self._count(self._input.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """Read lines as the server's own does."""
        lines: list[bytes] = self._input.readlines(*hint)
        self._measure.bytes_in += sum(map(len, lines))
        return lines

    def __iter__(self) -> Iterator[bytes]:
        return map(self._count, self._input)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as the server's own has it
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
