"""One request while it is being worked on."""

from contextvars import ContextVar, Token
from threading import get_ident
from time import perf_counter_ns
from typing import Any, Protocol

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.gc_time import COLLECTIONS

LATE_NS = 60 * 1_000_000_000
"""Work that begins later than this after a request's end is no longer the request's.

A pool, a connection or a task that lives on was only made by the request that came first.
"""


class Book(Protocol):
    """Where ended requests, and work after their end, are written down."""

    def record(self, measure: "Measure") -> None:
        """Count a request that has ended."""
        ...

    def add_late(self, measure: "Measure", cpu_ns: int) -> None:
        """Count CPU that was spent for a request after its end."""
        ...


class Measure:
    """What a request has used so far.

    One thread at a time steps a request; other threads that work for it append to `offloaded`.

    Attributes:
        started_ns: On the clock of `perf_counter_ns`.
        answered_ns: When the last byte of the answer was given; 0 until then.
        ended_ns: When all its own work was done; 0 until then.
        cpu_ns: Spent on the request's own thread.
        inner_ns: Spent for other requests inside the step that is running.
        offloaded: Spent by other threads, piece by piece; `None` while there was none.
        step_thread: The thread in which a step is being measured now, so that those inside it need
            not be; 0: none.
        is_measured: Whether CPU is measured: not when only a sample is.
        method: As sent.
        status: 0 until the answer begins.
        bytes_in: Of the body that was read.
        bytes_out: Of the body that was sent.
        route: The template, once it is known.
        tag: The tenant.
        row: Where it was counted, for what comes late.
        counted: What it was counted with before its end; `None`: it was not.
        booked: What was counted before its end, and in which row.
        scope: What the route of a request is told from that is still being worked on: its ASGI
            scope, and the root path at its beginning; `None`: nothing.
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
        "inner_ns",
        "is_measured",
        "method",
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
        self.tag = ""
        self.row: Any = None
        self.counted: Any = None
        self.booked: Any = None
        self.scope: Any = None
        self.started_ns = perf_counter_ns()

    def enter(self) -> int:
        """Begin a step in this thread; return when, on its own clock."""
        if not self.is_measured:
            return 0
        self.step_thread = get_ident()
        self._collected_ns = COLLECTIONS.total_ns
        return CPU.now_ns()

    def leave(self, started_ns: int, token: "Token[Measure | None]") -> None:
        """End a step, and work for whom it was before.

        Args:
            started_ns: What `enter` has returned.
            token: What setting `CURRENT` to this has returned.
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

    def end(self) -> None:
        """Count the request, once; what is spent for it from now on is late."""
        if not self.ended_ns:
            self.ended_ns = perf_counter_ns()
            self._book.record(self)

    def count(self) -> None:
        """Count the request before its end, which will count it anew."""
        self._book.record(self)

    def add_step(self, cpu_ns: int) -> None:
        """Add CPU that the request's own thread spent: in a task, perhaps after the end."""
        if not self.ended_ns:
            self.cpu_ns += cpu_ns
        else:
            self._book.add_late(self, cpu_ns)

    def add_offloaded(self, cpu_ns: int) -> None:
        """Add CPU that another thread spent."""
        if self.ended_ns:
            self._book.add_late(self, cpu_ns)
        elif self.offloaded is None:
            self.offloaded = [cpu_ns]
        else:
            # Appending is one step for the interpreter; adding up would lose what two threads add.
            self.offloaded.append(cpu_ns)

    @property
    def is_followed(self) -> bool:
        """Whether work that begins now for this request is to be measured."""
        if not self.is_measured:
            return False
        return not self.ended_ns or perf_counter_ns() - self.ended_ns < LATE_NS


CURRENT: ContextVar[Measure | None] = ContextVar("costmon_meter", default=None)
"""The request that the running code works for; one that has ended is nobody's."""
