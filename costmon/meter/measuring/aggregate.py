"""Aggregate the requests of this process, in constant memory; thread-safe."""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from threading import RLock
from time import perf_counter_ns, process_time_ns
from typing import TypeVar, overload

from costmon.meter.figures import (
    MOST_NAMED,
    MOST_ROUTES,
    OTHER,
    UNMATCHED,
    Phase,
    RouteStats,
    RowKey,
    merged_rows,
)
from costmon.meter.measuring.gc_time import COLLECTIONS
from costmon.meter.measuring.measure import Measure
from costmon.meter.measuring.row import Row

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WEBSOCKET"}
)
"""Methods that are reported separately; clients can send any other word."""

_NS = 1_000_000_000
_NEVER = 1 << 62
_BATCH = 64
_GOLDEN = 0x9E3779B1
_WORD = 0xFFFFFFFF
# CPU of a running request is counted from this amount on: a WebSocket may stay open for days.
_BOOKED_FROM_NS = 1_000_000

_Kind = TypeVar("_Kind", bound=Measure)


class Aggregate:
    """One recording of this process: rows by method, route, status and tag.

    Attributes:
        is_recording: Whether new requests are counted; running ones are counted in any case.
        live: Requests in progress.
        most_live: The most concurrent requests so far.
    """

    def __init__(
        self,
        *,
        warmup_s: float,
        sample: int = 1,
        others: "Callable[[], tuple[Aggregate, ...]] | None" = None,
    ) -> None:
        """Begin a recording.

        Args:
            warmup_s: Length of the warm-up.
            sample: CPU is measured for 1 in `sample` requests.
            others: Returns the recordings of the other services of this process, which share its
                CPU; `None`: there are no others.
        """
        self._others = others
        self._lock = RLock()
        self._is_busy = False
        self._counting = _Counting(self)
        # Requests that are not in a row yet. Counting in batches takes a third of the time of
        # counting each request at its end, thanks to CPU caches.
        self._ended: deque[Measure] = deque()
        self._late: deque[tuple[Measure, int]] = deque()
        self._sample = sample
        self._numbers = itertools.count()
        self._routes: set[str] = set()
        self._named: set[str] = set()
        self._warming: dict[RowKey, Row] = {}
        self._settled: dict[RowKey, Row] = {}
        self.is_recording = True
        self.live: set[Measure] = set()
        self.most_live = 0
        self._began = self._reading()
        self._settles_ns = self._began.clock_ns + int(warmup_s * _NS)
        self._settled_since: _Reading | None = None
        self._stopped: _Reading | None = None
        self._turn_ns = self._settles_ns

    @overload
    def begin(self, method: str) -> Measure: ...

    @overload
    def begin(self, method: str, kind: type[_Kind]) -> _Kind: ...

    def begin(self, method: str, kind: type[Measure] = Measure) -> Measure:
        """Return the measure of a new request.

        Args:
            method: HTTP method, as sent.
            kind: Class of the measure.
        """
        sample = self._sample
        # Multiples of the golden ratio are evenly distributed and, unlike every k-th request, are
        # not correlated with a pattern of the application.
        is_measured = sample == 1 or ((next(self._numbers) * _GOLDEN & _WORD) * sample >> 32 == 0)
        measure = kind(self, method, is_measured=is_measured)
        live = self.live
        live.add(measure)
        if len(live) > self.most_live:  # noqa: PLR1730 - max() would double the time of this method
            self.most_live = len(live)
        if measure.started_ns >= self._turn_ns:
            self._settle()
        return measure

    def record(self, measure: Measure) -> None:
        """Count a request that has ended, or that is still sending its body.

        The final count of a request replaces an earlier one.
        """
        if not measure.ended_ns:
            with self._counting:
                self._count(measure)
            return
        self.live.discard(measure)
        self._ended.append(measure)
        if len(self._ended) >= _BATCH:
            self._catch_up_unless_busy()

    def add_late(self, measure: Measure, cpu_ns: int) -> None:
        """Count CPU spent for a request after it ended; ignored after `LATE_NS`."""
        if measure.is_followed:
            self._late.append((measure, cpu_ns))
            if len(self._late) >= _BATCH:
                self._catch_up_unless_busy()

    def _catch_up_unless_busy(self) -> None:
        # Neither wait nor re-enter: the garbage collector may call this at any point, when it ends
        # requests whose coroutine or body is no longer referenced.
        if not self._is_busy and self._lock.acquire(blocking=False):
            try:
                with self._counting:
                    self._catch_up()
            finally:
                self._lock.release()

    def _catch_up(self) -> None:
        """Count all ended requests and late CPU; the caller holds the lock."""
        ended, late = self._ended, self._late
        while ended:
            self._count(ended.popleft())
        for _ in range(len(late)):
            measure, cpu_ns = late.popleft()
            if measure.row is not None:
                measure.row.late_cpu_ns += cpu_ns
            else:
                # The request has ended, but is not in its row yet.
                late.append((measure, cpu_ns))

    def _count(self, measure: Measure) -> None:
        pieces = measure.offloaded
        offloaded_ns = sum(pieces) if pieces is not None else 0
        in_flight_ns = (measure.ended_ns or perf_counter_ns()) - measure.started_ns
        wall_ns = measure.answered_ns - measure.started_ns if measure.answered_ns else in_flight_ns
        method = measure.method
        if method not in METHODS:
            method = OTHER
        key = (method, measure.route or UNMATCHED, measure.status, measure.tag)
        if measure.counted is not None:
            measure.row.take_back(measure)
        if measure.booked is not None:
            self._unbook(measure)
        rows = self._settled if measure.started_ns >= self._settles_ns else self._warming
        is_named = measure.named_route is not None
        measure.row = row = rows.get(key) or self._new_row(rows, key, is_named=is_named)
        row.add(measure, wall_ns, in_flight_ns, offloaded_ns)

    @property
    def is_empty(self) -> bool:
        """Whether no request has been counted or begun."""
        return not (self.live or self._ended or self._warming or self._settled)

    def stop(self) -> None:
        """Stop counting new requests; figures are kept."""
        if self.is_recording:
            self.is_recording = False
            self._stopped = self._reading()

    def phases(self) -> tuple[Phase, Phase]:
        """Return the whole recording, and the part after its warm-up."""
        now = self._stopped or self._reading()
        if self._settled_since is None and now.clock_ns >= self._settles_ns:
            self._settle()
        with self._counting:
            self._catch_up()
        self._book_live()
        warming, settled = self._rows(self._warming), self._rows(self._settled)
        # Read after the rows, so that it includes the CPU of all their requests.
        now = self._stopped or self._reading()
        since = self._settled_since or now
        return now.phase(self._began, (warming, settled)), now.phase(since, (settled,))

    def attributed_ns(self) -> int:
        """Return the CPU attributed to routes; of requests that are not counted yet, none."""
        rows = [*self._warming.values(), *self._settled.values()]
        return sum(row.cpu_estimate_ns for row in rows)

    def _reading(self) -> "_Reading":
        # Without locks: two recordings that read each other would wait for each other.
        others = () if self._others is None else self._others()
        return _Reading([it.attributed_ns() for it in others])

    def _settle(self) -> None:
        """Read the clocks at the end of the warm-up; called by the first request after it."""
        with self._lock:
            if self._settled_since is None:
                self._settled_since = self._reading()
                self._turn_ns = _NEVER

    def _new_row(self, rows: dict[RowKey, Row], key: RowKey, *, is_named: bool) -> Row:
        method, route, status, tag = key
        # Names that an application gives must not take the place of its routes.
        known, most = (self._named, MOST_NAMED) if is_named else (self._routes, MOST_ROUTES)
        if route not in known:
            if len(known) >= most and route not in (UNMATCHED, OTHER):
                route = OTHER
            known.add(route)
        return rows.setdefault((method, route, status, tag), Row())

    def _rows(self, rows: dict[RowKey, Row]) -> list[RouteStats]:
        """Copy rows in batches, so that requests do not have to wait for all of them."""
        with self._counting:
            found = list(rows.items())
        copied: list[RouteStats] = []
        for start in range(0, len(found), _BATCH):
            with self._counting:
                # A row is empty if a request was counted there before its route was known.
                batch = found[start : start + _BATCH]
                copied += [row.stats(key) for key, row in batch if not row.is_empty]
        return copied

    def _book_live(self) -> None:
        """Count the CPU so far of requests whose response has begun.

        Before that, route and status are not final, and an empty row could remain.
        """
        for measure in self.live.copy():
            if measure.scope is None or not measure.is_measured or not measure.status:
                continue
            method = measure.method if measure.method in METHODS else OTHER
            route = measure.current_route() or UNMATCHED
            key = (method, route, measure.status, measure.tag)
            with self._counting:
                if measure.ended_ns:
                    continue
                self._unbook(measure)
                cpu_ns = measure.cpu_ns
                if cpu_ns < _BOOKED_FROM_NS:
                    continue
                rows = self._settled if measure.started_ns >= self._settles_ns else self._warming
                is_named = measure.named_route is not None
                row = rows.get(key) or self._new_row(rows, key, is_named=is_named)
                row.cpu_ns += cpu_ns
                measure.booked = (row, cpu_ns)

    def _unbook(self, measure: Measure) -> None:
        if measure.booked is not None:
            row, cpu_ns = measure.booked
            row.cpu_ns -= cpu_ns
            measure.booked = None


class _Counting:
    """Holds the recording's lock, and marks that rows are being changed."""

    __slots__ = ("_aggregate",)

    def __init__(self, aggregate: Aggregate) -> None:
        self._aggregate = aggregate

    def __enter__(self) -> None:
        self._aggregate._lock.acquire()
        self._aggregate._is_busy = True

    def __exit__(self, *_: object) -> None:
        self._aggregate._is_busy = False
        self._aggregate._lock.release()


class _Reading:
    """The clocks of this process at one moment, and the CPU of its other services."""

    __slots__ = ("clock_ns", "collected_ns", "cpu_ns", "others_count", "others_ns")

    def __init__(self, others_ns: Sequence[int]) -> None:
        self.clock_ns = perf_counter_ns()
        self.cpu_ns = process_time_ns()
        self.collected_ns = COLLECTIONS.total_ns
        self.others_ns = sum(others_ns)
        self.others_count = len(others_ns)

    def phase(self, since: "_Reading", parts: tuple[list[RouteStats], ...]) -> Phase:
        """Return the figures since an earlier reading.

        CPU that belongs to no route is shared with the other services of this process, in
        proportion to the CPU of their routes.
        """
        seconds = (self.clock_ns - since.clock_ns) / _NS
        rows = merged_rows(row for part in parts for row in part)
        cpu_ns = self.cpu_ns - since.cpu_ns
        gc_ns = self.collected_ns - since.collected_ns
        if self.others_count:
            own_ns = sum(row.cpu_estimate_ns for row in rows)
            others_ns = max(0, self.others_ns - since.others_ns)
            used_ns = own_ns + others_ns
            share = own_ns / used_ns if used_ns else 1 / (self.others_count + 1)
            cpu_ns = own_ns + int(share * max(0, cpu_ns - used_ns))
            gc_ns = int(share * gc_ns)
        return Phase(
            seconds=seconds,
            process_seconds=seconds,
            process_cpu_ns=cpu_ns,
            gc_cpu_ns=gc_ns,
            routes=rows,
        )
