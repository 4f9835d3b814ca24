"""Measure any WSGI application: `application = MeteredWSGI(application)`.

The application is wrapped rather than hooked into: so what runs before and after its views counts,
and the body, which is often made while it is sent, counts too.
"""

from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

from costmon.meter.cpu import CPU
from costmon.meter.garbage import COLLECTIONS
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
        if not meter.is_running:
            meter.run()
        measure = aggregate.begin(environ["REQUEST_METHOD"])
        environ[KEY] = measure
        if environ.get("CONTENT_LENGTH") not in _EMPTY or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _CountedInput(environ["wsgi.input"], measure)
        exchange = _Exchange(meter, measure, environ, start_response)
        started_ns = exchange.enter()
        try:
            iterable = self.application(environ, exchange.start)
        except BaseException as error:
            exchange.leave(started_ns)
            exchange.fail(error)
            raise
        exchange.leave(started_ns)
        return exchange.body(iterable)


class _Exchange:
    """A request and its answer; iterates the body that it wraps."""

    __slots__ = (
        "_collected_ns",
        "_environ",
        "_headers",
        "_iterable",
        "_iterator",
        "_measure",
        "_meter",
        "_outer",
        "_root",
        "_start_response",
        "_token",
        "_write",
    )

    def __init__(
        self,
        meter: ProcessMeter,
        measure: Measure,
        environ: "WSGIEnvironment",
        start_response: "StartResponse",
    ) -> None:
        self._meter = meter
        self._measure = measure
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
        measure = self._measure
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
        self._measure.bytes_out += len(data)
        self._write(data)

    def enter(self) -> int:
        """Begin a step in this thread; return when."""
        measure = self._measure
        self._token = CURRENT.set(measure)
        if not measure.is_measured:
            return 0
        measure.step_thread = get_ident()
        self._collected_ns = COLLECTIONS.total_ns
        return CPU.now_ns()

    def leave(self, started_ns: int) -> None:
        """End a step."""
        measure = self._measure
        if measure.is_measured:
            spent_ns = CPU.now_ns() - started_ns
            if self._collected_ns != COLLECTIONS.total_ns:
                spent_ns -= COLLECTIONS.since(started_ns)
            outer = self._token.old_value
            if isinstance(outer, Measure) and outer.step_thread == measure.step_thread:
                outer.inner_ns += spent_ns
            measure.step_thread = 0
            if measure.inner_ns:
                spent_ns -= measure.inner_ns
                measure.inner_ns = 0
            measure.cpu_ns += spent_ns
        CURRENT.reset(self._token)

    def body(self, iterable: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server is to send; the request ends with it."""
        measure = self._measure
        wrapper = self._environ.get("wsgi.file_wrapper")
        if type(iterable) is list or type(iterable) is tuple:
            measure.bytes_out += sum(map(len, iterable))
        elif is_ready(iterable) or (wrapper is not None and type(iterable) is wrapper):
            measure.bytes_out += self._announced()
        else:
            self._iterable = iterable
            self._iterator: Iterator[bytes] | None = None
            # Whoever asks now sees it; its body is added when it has been sent.
            self.count(measure.count)
            return self
        self.count(measure.end)
        return iterable

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        started_ns = self.enter()
        try:
            if self._iterator is None:
                self._iterator = iter(self._iterable)
            chunk = next(self._iterator)
        except StopIteration:
            self._measure.answered_ns = perf_counter_ns()
            raise
        except BaseException:
            # The status has been sent; what the client gets is cut off.
            self._measure.answered_ns = perf_counter_ns()
            raise
        finally:
            self.leave(started_ns)
        self._measure.bytes_out += len(chunk)
        return chunk

    def close(self) -> None:
        """End the body, and with it the request."""
        if self._measure.ended_ns:
            return
        close = getattr(self._iterable, "close", None)
        try:
            if close is not None:
                started_ns = self.enter()
                try:
                    close()
                finally:
                    self.leave(started_ns)
        finally:
            self.count(self._measure.end)

    def __del__(self) -> None:
        # A server that does not close bodies breaks the rules, and must not cost us memory.
        if not self._measure.ended_ns:
            self.count(self._measure.end)

    def fail(self, error: BaseException) -> None:
        """End a request that an exception has left."""
        measure = self._measure
        measure.status = 500
        measure.route = wsgi_route(self._environ, self._root, error)
        self.count(self._measure.end)

    def count(self, count: Callable[[], None]) -> None:
        """Count the request, for now or in the end; a fault of ours stays here."""
        measure = self._measure
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


def is_ready(body: Iterable[bytes]) -> bool:
    """Tell whether a body is Werkzeug's with its bytes made already, and nothing to do after it.

    Most of Flask's answers are. There is nothing to measure in sending them, and they are counted
    at once.
    """
    try:
        # There is no public way from a body to its response; without it the body is wrapped.
        response = body._callbacks[-1].__self__  # type: ignore[attr-defined]  # noqa: SLF001 - as said
        is_made = response.is_sequence is True and not response._on_close  # noqa: SLF001 - as said
    except (AttributeError, IndexError, TypeError):
        return False
    return is_made


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
