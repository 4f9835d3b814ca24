"""What the requests of this process took, in constant memory, from any thread."""

import itertools
from threading import Lock
from time import perf_counter_ns, process_time_ns

from costmon.meter.figures import (
    MOST_ROUTES,
    OTHER,
    UNMATCHED,
    Phase,
    RouteStats,
    merged_rows,
)
from costmon.meter.histogram import PARTS_BITS, bucket_of
from costmon.meter.hooks.collections import COLLECTIONS
from costmon.meter.measure import Measure
from costmon.meter.routing import asgi_route

METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "WEBSOCKET"}
)
"""Methods that are told apart; anybody can send any other word."""

_NS = 1_000_000_000
_LINEAR = 1 << PARTS_BITS
_NEVER = 1 << 62
_BATCH = 64
_GOLDEN = 0x9E3779B1
_WORD = 0xFFFFFFFF
# Work of a request that is still running is counted once it is worth it: a socket may stay open
# for days.
_BOOKED_FROM_NS = 1_000_000

_Key = tuple[str, str, int, str]


class _Row:
    __slots__ = (
        "bytes_in",
        "bytes_out",
        "cpu",
        "cpu_measured",
        "cpu_ns",
        "cpu_squares",
        "in_flight_ns",
        "late_cpu_ns",
        "offloaded_cpu_ns",
        "requests",
        "wall",
        "wall_ns",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.cpu_ns = 0
        self.late_cpu_ns = 0
        self.wall_ns = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.offloaded_cpu_ns = 0
        self.in_flight_ns = 0
        self.cpu_measured = 0
        self.cpu_squares = 0
        self.cpu: dict[int, int] = {}
        self.wall: dict[int, int] = {}

    def stats(self, key: _Key) -> RouteStats:
        method, route, status, tag = key
        return RouteStats(
            method=method,
            route=route,
            status=status,
            requests=self.requests,
            cpu_ns=self.cpu_ns,
            late_cpu_ns=self.late_cpu_ns,
            wall_ns=self.wall_ns,
            bytes_in=self.bytes_in,
            bytes_out=self.bytes_out,
            offloaded_cpu_ns=self.offloaded_cpu_ns,
            in_flight_ns=self.in_flight_ns,
            cpu_measured=self.cpu_measured,
            cpu_squares=self.cpu_squares,
            cpu=dict(self.cpu),
            wall=dict(self.wall),
            tag=tag,
        )


class Aggregate:
    """One recording of this process: rows by method, route, status and tag.

    Attributes:
        is_recording: Whether requests are counted; one that has begun is counted in any case.
        live: Requests that are being worked on.
        most_live: How many there were at once, at most.
    """

    def __init__(self, *, warmup_s: float, sample: int = 1) -> None:
        self._lock = Lock()
        self._sample = sample
        self._numbers = itertools.count()
        self._routes: set[str] = set()
        self._warming: dict[_Key, _Row] = {}
        self._settled: dict[_Key, _Row] = {}
        self.is_recording = True
        self.live: set[Measure] = set()
        self.most_live = 0
        self._began = _Reading()
        self._settles_ns = self._began.clock_ns + int(warmup_s * _NS)
        self._settled_since: _Reading | None = None
        self._stopped: _Reading | None = None
        self._turn_ns = self._settles_ns

    def begin(self, method: str) -> Measure:
        """Return the measure of a request that begins now."""
        sample = self._sample
        # Multiples of the golden ratio fall evenly, and not in step with an application's own
        # pattern as every k-th request would.
        is_measured = sample == 1 or ((next(self._numbers) * _GOLDEN & _WORD) * sample >> 32 == 0)
        measure = Measure(self, method, is_measured=is_measured)
        live = self.live
        live.add(measure)
        if len(live) > self.most_live:  # noqa: PLR1730 - max() takes as long as all the rest here
            self.most_live = len(live)
        if measure.started_ns >= self._turn_ns:
            self._settle()
        return measure

    def record(self, measure: Measure) -> None:
        """Count a request that has ended, or has been answered and still sends its body.

        One that was counted before its end is counted anew, in place of what it was then.
        """
        cpu_ns = measure.cpu_ns
        pieces = measure.offloaded
        offloaded_ns = sum(pieces) if pieces is not None else 0
        ended_ns = measure.ended_ns
        if ended_ns:
            self.live.discard(measure)
        else:
            ended_ns = perf_counter_ns()
        in_flight_ns = ended_ns - measure.started_ns
        wall_ns = measure.answered_ns - measure.started_ns if measure.answered_ns else in_flight_ns
        method = measure.method
        if method not in METHODS:
            method = OTHER
        key = (method, measure.route or UNMATCHED, measure.status, measure.tag)
        with self._lock:
            if measure.counted is not None:
                self._withdraw(measure)
            rows = self._settled if measure.started_ns >= self._settles_ns else self._warming
            row = rows.get(key) or self._new_row(rows, key)
            measure.row = row
            row.requests += 1
            row.wall_ns += wall_ns
            row.in_flight_ns += in_flight_ns
            row.bytes_in += measure.bytes_in
            row.bytes_out += measure.bytes_out
            if wall_ns < _LINEAR:
                wall_bucket = wall_ns
            else:
                shift = wall_ns.bit_length() - PARTS_BITS - 1
                wall_bucket = (shift << PARTS_BITS) + (wall_ns >> shift)
            row.wall[wall_bucket] = row.wall.get(wall_bucket, 0) + 1
            if measure.is_measured:
                if measure.booked is not None:
                    self._unbook(measure)
                if offloaded_ns:
                    cpu_ns += offloaded_ns
                    row.offloaded_cpu_ns += offloaded_ns
                row.cpu_measured += 1
                row.cpu_ns += cpu_ns
                cpu_us = cpu_ns // 1000
                row.cpu_squares += cpu_us * cpu_us
                if cpu_ns < _LINEAR:
                    cpu_bucket = max(cpu_ns, 0)
                else:
                    shift = cpu_ns.bit_length() - PARTS_BITS - 1
                    cpu_bucket = (shift << PARTS_BITS) + (cpu_ns >> shift)
                row.cpu[cpu_bucket] = row.cpu.get(cpu_bucket, 0) + 1
            if not measure.ended_ns:
                measure.counted = (
                    cpu_ns,
                    offloaded_ns,
                    wall_ns,
                    in_flight_ns,
                    measure.bytes_in,
                    measure.bytes_out,
                )

    def add_late(self, measure: Measure, cpu_ns: int) -> None:
        """Count CPU that was spent for a request after its end; after too long it is nobody's."""
        if measure.is_followed and measure.row is not None:
            with self._lock:
                measure.row.late_cpu_ns += cpu_ns

    @property
    def is_empty(self) -> bool:
        """Whether no request has been counted or begun."""
        return not self.live and not self._warming and not self._settled

    def stop(self) -> None:
        """Count no more requests; what was counted stays."""
        if self.is_recording:
            self.is_recording = False
            self._stopped = _Reading()

    def phases(self) -> tuple[Phase, Phase]:
        """Return the whole recording, and its part after the warm-up."""
        now = self._stopped or _Reading()
        if self._settled_since is None and now.clock_ns >= self._settles_ns:
            self._settle()
        self._book_live()
        warming, settled = self._rows(self._warming), self._rows(self._settled)
        # Read after the rows: the CPU of every request in them is in it.
        now = self._stopped or _Reading()
        since = self._settled_since or now
        return now.phase(self._began, (warming, settled)), now.phase(since, (settled,))

    def _settle(self) -> None:
        """Note how things stand as the warm-up is over; the first request after it does."""
        with self._lock:
            if self._settled_since is None:
                self._settled_since = _Reading()
                self._turn_ns = _NEVER

    def _new_row(self, rows: dict[_Key, _Row], key: _Key) -> _Row:
        method, route, status, tag = key
        if route not in self._routes:
            if len(self._routes) >= MOST_ROUTES and route not in (UNMATCHED, OTHER):
                route = OTHER
            self._routes.add(route)
        return rows.setdefault((method, route, status, tag), _Row())

    def _rows(self, rows: dict[_Key, _Row]) -> list[RouteStats]:
        """Copy rows a few at a time, so that requests need not wait for a thousand."""
        with self._lock:
            found = list(rows.items())
        copied: list[RouteStats] = []
        for start in range(0, len(found), _BATCH):
            with self._lock:
                copied += [row.stats(key) for key, row in found[start : start + _BATCH]]
        return copied

    def _book_live(self) -> None:
        """Count what requests that are still being worked on have spent, where their route is."""
        for measure in self.live.copy():
            if measure.scope is None or not measure.is_measured:
                continue
            method = measure.method if measure.method in METHODS else OTHER
            key = (method, asgi_route(*measure.scope) or UNMATCHED, measure.status, measure.tag)
            with self._lock:
                if measure.ended_ns:
                    continue
                self._unbook(measure)
                cpu_ns = measure.cpu_ns
                if cpu_ns < _BOOKED_FROM_NS:
                    continue
                rows = self._settled if measure.started_ns >= self._settles_ns else self._warming
                row = rows.get(key) or self._new_row(rows, key)
                row.cpu_ns += cpu_ns
                measure.booked = (row, cpu_ns)

    def _withdraw(self, measure: Measure) -> None:
        """Take back what a request was counted with before its end."""
        row: _Row = measure.row
        cpu_ns, offloaded_ns, wall_ns, in_flight_ns, bytes_in, bytes_out = measure.counted
        measure.counted = None
        row.requests -= 1
        row.wall_ns -= wall_ns
        row.in_flight_ns -= in_flight_ns
        row.bytes_in -= bytes_in
        row.bytes_out -= bytes_out
        _take_one(row.wall, wall_ns)
        if measure.is_measured:
            row.offloaded_cpu_ns -= offloaded_ns
            row.cpu_measured -= 1
            row.cpu_ns -= cpu_ns
            row.cpu_squares -= (cpu_ns // 1000) ** 2
            _take_one(row.cpu, cpu_ns)

    def _unbook(self, measure: Measure) -> None:
        if measure.booked is not None:
            row, cpu_ns = measure.booked
            row.cpu_ns -= cpu_ns
            measure.booked = None


def _take_one(buckets: dict[int, int], value: int) -> None:
    bucket = bucket_of(value)
    buckets[bucket] -= 1
    if not buckets[bucket]:
        del buckets[bucket]


class _Reading:
    """How the clocks of this process stand."""

    __slots__ = ("clock_ns", "collected_ns", "cpu_ns")

    def __init__(self) -> None:
        self.clock_ns = perf_counter_ns()
        self.cpu_ns = process_time_ns()
        self.collected_ns = COLLECTIONS.total_ns

    def phase(self, since: "_Reading", rows: tuple[list[RouteStats], ...]) -> Phase:
        seconds = (self.clock_ns - since.clock_ns) / _NS
        return Phase(
            seconds=seconds,
            process_seconds=seconds,
            process_cpu_ns=self.cpu_ns - since.cpu_ns,
            gc_cpu_ns=self.collected_ns - since.collected_ns,
            routes=merged_rows(row for part in rows for row in part),
        )
