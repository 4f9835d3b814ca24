"""What the meter has counted: values that merge by adding.

Times are nanoseconds; `cpu` is time on a processor (user and system), `wall` is time on a clock.
"""

from collections.abc import Iterable
from typing import NamedTuple

from costmon.meter.histogram import Buckets, merged
from costmon.meter.options import Options

UNMATCHED = "(unmatched)"
"""The route of requests that no route of the application took: one row for all of them."""

OTHER = "(other)"
"""The route of everything beyond the most routes that are kept apart."""

MOST_ROUTES = 1_000
"""Rows that are kept apart in one process."""

RowKey = tuple[str, str, int, str]
"""Method, route, status and tag: what a row is found by."""


_NO_VALUES: Buckets = {}


class RouteStats(NamedTuple):
    """What the requests of one route, method and status took.

    Attributes:
        method: As sent, upper case; `WEBSOCKET` for those; `(other)` for what HTTP does not know.
        route: The template, such as `/users/{id}`: never a path that somebody sent.
        status: As answered; 500 for an exception that left the application, 499 when the client
            hung up or the request was cancelled before an answer began.
        requests: That have ended.
        cpu_ns: Of `cpu_measured` requests, all threads and tasks that worked for them together.
        late_cpu_ns: Spent for them after their end; not in `cpu_ns`.
        wall_ns: From the first to the last byte of the answer as the application gave it.
        bytes_in: Of bodies that were read.
        bytes_out: Of bodies that were sent; 0 for HEAD, 204 and 304.
        offloaded_cpu_ns: The part of `cpu_ns` that other threads than the request's own spent.
        in_flight_ns: From the start to the end of all work, that after the answer too.
        cpu_measured: Requests whose CPU was measured: all, unless `sample` is above 1.
        cpu_squares: Sum over measured requests of the square of their CPU in microseconds.
        cpu: Measured requests by CPU in ns.
        wall: Requests by wall time in ns.
        tag: The tenant, when one is configured; else empty.
    """

    method: str
    route: str
    status: int
    requests: int = 0
    cpu_ns: int = 0
    late_cpu_ns: int = 0
    wall_ns: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    offloaded_cpu_ns: int = 0
    in_flight_ns: int = 0
    cpu_measured: int = 0
    cpu_squares: int = 0
    cpu: Buckets = _NO_VALUES
    wall: Buckets = _NO_VALUES
    tag: str = ""

    @property
    def key(self) -> RowKey:
        """What the row is found by."""
        return self.method, self.route, self.status, self.tag

    @property
    def counts(self) -> tuple[int, ...]:
        """All that is counted but the buckets: another tuple whenever anything has been."""
        return self[_FIRST_COUNT:_FIRST_BUCKETS]  # type: ignore[return-value]  # whole numbers all

    @property
    def cpu_estimate_ns(self) -> int:
        """CPU of all requests, late work too: what was measured, scaled up where it is a sample."""
        if not self.cpu_measured or self.cpu_measured == self.requests:
            return self.cpu_ns + self.late_cpu_ns
        return (self.cpu_ns + self.late_cpu_ns) * self.requests // self.cpu_measured


_FIRST_COUNT = RouteStats._fields.index("requests")
_FIRST_BUCKETS = RouteStats._fields.index("cpu")


class Phase(NamedTuple):
    """What happened in one stretch of a recording.

    Attributes:
        seconds: Its length on a clock; of many processes, the longest.
        process_seconds: Its length in each process, added up.
        process_cpu_ns: CPU of the whole process; of many, added up.
        gc_cpu_ns: CPU of full garbage collections: in no route.
        routes: One row for each method, route, status and tag.
    """

    seconds: float = 0.0
    process_seconds: float = 0.0
    process_cpu_ns: int = 0
    gc_cpu_ns: int = 0
    routes: tuple[RouteStats, ...] = ()

    @property
    def attributed_cpu_ns(self) -> int:
        """CPU that is in a route, late work included."""
        return sum(row.cpu_estimate_ns for row in self.routes)

    @property
    def residual_cpu_ns(self) -> int:
        """CPU in no route: server, full garbage collections, native threads; never below 0."""
        return max(0, self.process_cpu_ns - self.attributed_cpu_ns)

    @property
    def attributed_ratio(self) -> float | None:
        """Share of the process's CPU that is in a route; `None` when it has used none."""
        if not self.process_cpu_ns:
            return None
        return min(1.0, self.attributed_cpu_ns / self.process_cpu_ns)


class Snapshot(NamedTuple):
    """Everything one process, or many together, have measured since a recording began.

    Attributes:
        service: The application's name.
        host: The machine's name; of many, empty.
        pid: Of the process; of many, 0.
        boot: Tells processes apart that had the same pid, one after the other; of many, empty.
        seq: Grows with every snapshot of a process.
        recording: Which recording it is: reset and start make a new one, everywhere.
        is_recording: Whether requests are being counted; not after "stop".
        started_at: Seconds since 1970 at which the recording began; of many, the first.
        taken_at: Seconds since 1970 of this snapshot; of many, the newest.
        processes: How many this is about: 1, or of many those that still live.
        threads: Requests that one process was seen to work on at once, at most; of many, the most.
        rss_bytes: Memory in use by one process; of many, the most.
        faults: Our own failures that were kept from the application, counted.
        options: What the application was set to.
        whole: All of the recording.
        settled: The recording without its warm-up: what projections are made of.
        is_loop: Whether an event loop works on the requests: on as many at once as come.
    """

    service: str
    host: str
    pid: int
    boot: str
    seq: int
    recording: str
    is_recording: bool
    started_at: float
    taken_at: float
    processes: int
    threads: int
    rss_bytes: int
    faults: int
    options: Options
    whole: Phase
    settled: Phase
    is_loop: bool = False

    @property
    def routes(self) -> tuple[RouteStats, ...]:
        """The rows of the whole recording, warm-up included."""
        return self.whole.routes

    @property
    def process_cpu_ns(self) -> int:
        """CPU of the process since the recording began."""
        return self.whole.process_cpu_ns

    @property
    def attributed_ratio(self) -> float | None:
        """Share of the process's CPU that is in a route; `None` when it has used none."""
        return self.whole.attributed_ratio


def merged_rows(rows: Iterable[RouteStats]) -> tuple[RouteStats, ...]:
    """Return one row for each key, sorted by key, with what all rows of that key have together."""
    by_key: dict[RowKey, list[RouteStats]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return tuple(_sum(by_key[key]) for key in sorted(by_key))


def merged_phases(phases: Iterable[Phase]) -> Phase:
    """Return what happened in all together: processes side by side."""
    every = tuple(phases)
    return Phase(
        seconds=max((phase.seconds for phase in every), default=0.0),
        process_seconds=sum(phase.process_seconds for phase in every),
        process_cpu_ns=sum(phase.process_cpu_ns for phase in every),
        gc_cpu_ns=sum(phase.gc_cpu_ns for phase in every),
        routes=merged_rows(row for phase in every for row in phase.routes),
    )


def _sum(rows: list[RouteStats]) -> RouteStats:
    if len(rows) == 1:
        return rows[0]
    first = rows[0]
    return RouteStats(
        method=first.method,
        route=first.route,
        status=first.status,
        requests=sum(row.requests for row in rows),
        cpu_ns=sum(row.cpu_ns for row in rows),
        late_cpu_ns=sum(row.late_cpu_ns for row in rows),
        wall_ns=sum(row.wall_ns for row in rows),
        bytes_in=sum(row.bytes_in for row in rows),
        bytes_out=sum(row.bytes_out for row in rows),
        offloaded_cpu_ns=sum(row.offloaded_cpu_ns for row in rows),
        in_flight_ns=sum(row.in_flight_ns for row in rows),
        cpu_measured=sum(row.cpu_measured for row in rows),
        cpu_squares=sum(row.cpu_squares for row in rows),
        cpu=merged(row.cpu for row in rows),
        wall=merged(row.wall for row in rows),
        tag=first.tag,
    )
