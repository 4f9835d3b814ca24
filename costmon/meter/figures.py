"""The meter's figures: values that are merged by adding.

Times are nanoseconds; `cpu` is CPU time (user and system), `wall` is elapsed time.
"""

from collections.abc import Iterable
from typing import NamedTuple

from costmon.meter.histogram import Buckets, merged
from costmon.meter.options import Options

UNMATCHED = "(unmatched)"
"""The route of all requests that matched no route of the application."""

OTHER = "(other)"
"""The route of all requests beyond `MOST_ROUTES` routes."""

MOST_ROUTES = 1_000
"""The most routes that one process reports separately."""

MOST_NAMED = 500
"""The most routes that an application can name with `costmon.meter.set_route`."""

RowKey = tuple[str, str, int, str]
"""The key of a row: method, route, status and tag."""


_NO_VALUES: Buckets = {}


class RouteStats(NamedTuple):
    """The figures of one route, method, status and tag.

    Attributes:
        method: HTTP method, upper case; `WEBSOCKET`; or `(other)` for unknown methods.
        route: The route template, such as `/users/{id}`; never a requested path.
        status: Status of the response; 500 if the application raised an exception, 499 if the
            client disconnected or the request was cancelled before the response began.
        requests: Number of completed requests.
        cpu_ns: CPU of the `cpu_measured` requests, in all their threads and tasks.
        late_cpu_ns: CPU spent for them after they ended; not included in `cpu_ns`.
        wall_ns: Time from the start of the request to the last byte of the response.
        bytes_in: Bytes of request bodies that were read.
        bytes_out: Bytes of response bodies that were sent; 0 for HEAD, 204 and 304.
        offloaded_cpu_ns: The part of `cpu_ns` spent in threads other than the request's own.
        in_flight_ns: Time from the start to the end of all work, including work after the response.
        cpu_measured: Number of requests whose CPU was measured: all, unless `sample` is above 1.
        cpu_squares: Sum over measured requests of the square of their CPU in microseconds.
        cpu: Histogram of CPU in ns, of measured requests.
        wall: Histogram of wall time in ns.
        tag: The tenant, if tenants are configured; else empty.
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
        """The key of the row."""
        return self.method, self.route, self.status, self.tag

    @property
    def counts(self) -> tuple[int, ...]:
        """All counters except the histograms; differs whenever anything has been counted."""
        return self[_FIRST_COUNT:_FIRST_BUCKETS]  # type: ignore[return-value]  # whole numbers all

    @property
    def cpu_estimate_ns(self) -> int:
        """CPU of all requests, including late work; scaled up if only a sample was measured."""
        if not self.cpu_measured or self.cpu_measured == self.requests:
            return self.cpu_ns + self.late_cpu_ns
        return (self.cpu_ns + self.late_cpu_ns) * self.requests // self.cpu_measured


_FIRST_COUNT = RouteStats._fields.index("requests")
_FIRST_BUCKETS = RouteStats._fields.index("cpu")


class Phase(NamedTuple):
    """The figures of one phase of a recording.

    Attributes:
        seconds: Elapsed time; of several processes, the longest.
        process_seconds: Elapsed time, summed over processes.
        process_cpu_ns: CPU of the whole process, summed over processes.
        gc_cpu_ns: CPU of full garbage collections, which is attributed to no route.
        routes: One row for each method, route, status and tag.
    """

    seconds: float = 0.0
    process_seconds: float = 0.0
    process_cpu_ns: int = 0
    gc_cpu_ns: int = 0
    routes: tuple[RouteStats, ...] = ()

    @property
    def attributed_cpu_ns(self) -> int:
        """CPU attributed to routes, including late work."""
        return sum(row.cpu_estimate_ns for row in self.routes)

    @property
    def residual_cpu_ns(self) -> int:
        """CPU not attributed to a route: server, full garbage collections, native threads."""
        return max(0, self.process_cpu_ns - self.attributed_cpu_ns)

    @property
    def attributed_ratio(self) -> float | None:
        """Share of the process's CPU attributed to routes; `None` if it used no CPU."""
        if not self.process_cpu_ns:
            return None
        return min(1.0, self.attributed_cpu_ns / self.process_cpu_ns)


class Snapshot(NamedTuple):
    """All figures of one process, or of several together, since the recording began.

    Attributes:
        service: The application's name.
        host: The machine's name; empty if there are several.
        pid: Process id; 0 for several processes.
        boot: Distinguishes processes that had the same pid; empty for several processes.
        seq: Sequence number; increases with every snapshot of a process.
        recording: Name of the recording; reset and start begin a new one in all processes.
        is_recording: Whether requests are being counted; false after "stop".
        started_at: Start of the recording in seconds since 1970; of several processes, the first.
        taken_at: Time of this snapshot in seconds since 1970; of several processes, the newest.
        processes: Number of live processes in this snapshot.
        threads: The most concurrent requests seen in one process.
        rss_bytes: Memory use of one process; of several, the largest.
        faults: Number of internal errors of the meter, which never reach the application.
        options: The application's options.
        whole: The whole recording.
        settled: The recording without its warm-up, which projections use.
        is_loop: Whether an event loop handles requests, so that concurrency is not limited.
        run: The start of the application that the process belongs to; of several, the newest.
        run_started_at: When its first process started, in seconds since 1970; 0 if unknown.
        runs_since: When the first of several runs that are included began, in seconds since 1970;
            0 if only one is included.
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
    run: str = ""
    run_started_at: float = 0.0
    runs_since: float = 0.0

    @property
    def deployment(self) -> str:
        """The name of the deployment: the service, and the place where it lives."""
        place = self.options.place
        return f"{self.service} in {place}" if place else self.service

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
        """Share of the process's CPU attributed to routes; `None` if it used no CPU."""
        return self.whole.attributed_ratio


def merged_rows(rows: Iterable[RouteStats]) -> tuple[RouteStats, ...]:
    """Return one row for each key, sorted by key, with the sum of all rows of that key."""
    by_key: dict[RowKey, list[RouteStats]] = {}
    for row in rows:
        by_key.setdefault(row.key, []).append(row)
    return tuple(_sum(by_key[key]) for key in sorted(by_key))


def merged_phases(phases: Iterable[Phase]) -> Phase:
    """Return the sum of phases of processes that ran in parallel."""
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
