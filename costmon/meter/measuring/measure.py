"""The measure of one request in progress."""

from contextvars import ContextVar, Token
from threading import get_ident
from time import perf_counter_ns
from typing import Any, Protocol

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.gc_time import COLLECTIONS

LATE_NS = 60 * 1_000_000_000
"""Work that begins later than this after a request's end is no longer attributed to it.

Such work belongs to a pool, a connection or a task that merely was created by the first request.
"""


class Book(Protocol):
    """Records ended requests, and work after their end."""

    def record(self, measure: "Measure") -> None:
        """Count a request that has ended."""
        ...

    def add_late(self, measure: "Measure", cpu_ns: int) -> None:
        """Count CPU spent for a request after it ended."""
        ...


class Measure:
    """The resources used by a request so far.

    One thread at a time runs a step of a request; other threads that work for it append to
    `offloaded`.

    Attributes:
        started_ns: Start, by `perf_counter_ns`.
        answered_ns: When the last byte of the response was passed on; 0 until then.
        ended_ns: When all its own work was complete; 0 until then.
        cpu_ns: CPU on the request's own thread.
        inner_ns: CPU spent for other requests inside the current step.
        offloaded: CPU of other threads, as a list of amounts; `None` if there was none.
        step_thread: The thread in which a step is being measured, so that nested steps are not
            measured again; 0: none.
        is_measured: Whether CPU is measured; only some requests are if `sample` is above 1.
        method: HTTP method, as sent.
        status: HTTP status; 0 until the response begins.
        bytes_in: Bytes of the request body that were read.
        bytes_out: Bytes of the response body that were sent.
        route: The template, once it is known.
        found_route: The template that a framework inside the application has found; `None`: none.
        named_route: The template that the application has given; `None`: none.
        tag: The tenant.
        row: The row it was counted in, for late work.
        counted: The figures it was counted with before its end; `None`: it was not.
        booked: The row and the CPU that were counted before its end.
        scope: The ASGI scope and the initial root path, from which the route of a request in
            progress is determined; `None`: not an ASGI request, or ended.
    """

    __slots__ = (
        "_book",
        "_collected_ns",
        "answered_ns",
        "booked",
        "bytes_in",
        "bytes_out",
        "counted",
        "cpu_ns",
        "ended_ns",
        "found_route",
        "inner_ns",
        "is_measured",
        "method",
        "named_route",
        "offloaded",
        "route",
        "row",
        "scope",
        "started_ns",
        "status",
        "step_thread",
        "tag",
    )

    def __init__(self, book: Book, method: str, *, is_measured: bool) -> None:
        self._book = book
        self.method = method
        self.is_measured = is_measured
        self.step_thread = 0
        self.cpu_ns = 0
        self.inner_ns = 0
        self.offloaded: list[int] | None = None
        self.answered_ns = 0
        self.ended_ns = 0
        self.status = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.route: str | None = None
        self.found_route: str | None = None
        self.named_route: str | None = None
        self.tag = ""
        self.row: Any = None
        self.counted: Any = None
        self.booked: Any = None
        self.scope: Any = None
        self.started_ns = perf_counter_ns()

    def enter(self) -> int:
        """Begin a step in this thread; return its CPU time at the start."""
        if not self.is_measured:
            return 0
        self.step_thread = get_ident()
        self._collected_ns = COLLECTIONS.total_ns
        return CPU.now_ns()

    def leave(self, started_ns: int, token: "Token[Measure | None]") -> None:
        """End a step, and restore the previous `CURRENT` request.

        Args:
            started_ns: The result of `enter`.
            token: The result of setting `CURRENT` to this measure.
        """
        if self.is_measured:
            spent_ns = CPU.now_ns() - started_ns
            if self._collected_ns != COLLECTIONS.total_ns:
                spent_ns -= COLLECTIONS.since(started_ns)
            outer = token.old_value
            if isinstance(outer, Measure) and outer.step_thread == self.step_thread:
                outer.inner_ns += spent_ns
            self.step_thread = 0
            if self.inner_ns:
                spent_ns -= self.inner_ns
                self.inner_ns = 0
            self.cpu_ns += spent_ns
        CURRENT.reset(token)

    def current_route(self) -> str | None:
        """Return the template, as far as it is known now."""
        return self.named_route or self.found_route or self.route

    def end(self) -> None:
        """Count the request, once; CPU spent for it from now on is late work."""
        if not self.ended_ns:
            self.ended_ns = perf_counter_ns()
            self._book.record(self)

    def count(self) -> None:
        """Count the request before its end; `end` will replace this count."""
        self._book.record(self)

    def add_step(self, cpu_ns: int) -> None:
        """Add CPU of a task on the request's own thread, possibly after its end."""
        if not self.ended_ns:
            self.cpu_ns += cpu_ns
        else:
            self._book.add_late(self, cpu_ns)

    def add_offloaded(self, cpu_ns: int) -> None:
        """Add CPU of another thread."""
        if self.ended_ns:
            self._book.add_late(self, cpu_ns)
        elif self.offloaded is None:
            self.offloaded = [cpu_ns]
        else:
            # Appending is atomic; adding to a number would lose updates of concurrent threads.
            self.offloaded.append(cpu_ns)

    @property
    def is_followed(self) -> bool:
        """Whether to attribute work that begins now to this request."""
        if not self.is_measured:
            return False
        return not self.ended_ns or perf_counter_ns() - self.ended_ns < LATE_NS


CURRENT: ContextVar[Measure | None] = ContextVar("costmon_meter", default=None)
"""The request that the running code works for; it may have ended."""
