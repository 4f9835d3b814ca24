"""Summarize a recording by route, over all statuses and tags.

Unattributed CPU (server, event loop, garbage collection, native threads) is of two kinds, which a
single recording cannot distinguish. CPU caused by requests grows with their number; background work
(timers, reporting, an open dashboard) grows with the number of processes. Treating all of it as
caused by requests is right under load, but absurd without: a process with ten requests in five
minutes that spends 0.5 % of its time on timers would be projected with 150 ms per request. So of
the unattributed CPU:

* the first 0.2 ms per request are caused by requests: servers were measured to need 0.06 ms
  (uvicorn) to 0.19 ms (gunicorn with threads);
* of the rest, up to 5 % of each process's time is background work;
* the remainder is caused by requests: background work does not use that much CPU, but native
  threads do.
"""

from typing import NamedTuple

from costmon.meter.figures import Phase, RouteStats
from costmon.meter.histogram import Buckets, merged
from costmon.meter.projection.interval import half_width_ns

SERVER_NS = 200_000
"""The most unattributed CPU that is assumed to be caused by each request."""

_BACKGROUND_DIVISOR = 20
_NS_PER_S = 1_000_000_000


class MeasuredRoute(NamedTuple):
    """The figures of one route.

    Attributes:
        method: HTTP method.
        route: Route template.
        requests: Number of completed requests; 0 if all are still in progress.
        statuses: Number of requests by status, ascending.
        cpu_ns: CPU of all of them, including late work; scaled up if only a sample was measured.
        mean_ns: Mean CPU per request.
        low_ns: Lower end of the mean's 95 % interval; `None` below 2 measured requests.
        high_ns: Upper end of the interval.
        in_flight_ns: Total time in flight.
        bytes_out: Total bytes sent.
        cpu: Histogram of CPU in ns, of measured requests.
        wall: Histogram of wall time in ns.
        is_guessed: Whether no CPU was measured, so that the mean of the measured requests is used;
            if there are none, the mean of the whole process's CPU.
    """

    method: str
    route: str
    requests: int
    statuses: tuple[tuple[int, int], ...]
    cpu_ns: int
    mean_ns: int
    low_ns: int | None
    high_ns: int | None
    in_flight_ns: int
    bytes_out: int
    cpu: Buckets
    wall: Buckets
    is_guessed: bool

    @property
    def name(self) -> str:
        """Method and template."""
        return f"{self.method} {self.route}"


class Measured(NamedTuple):
    """A recording, summarized for projection.

    Attributes:
        requests: Number of completed requests.
        routes: Routes, sorted by template, then method.
        attributed_ns: CPU attributed to routes.
        request_residual_ns: Unattributed CPU that is caused by requests.
        background_ns: CPU of background work.
        process_ns: Elapsed time, summed over processes.
    """

    requests: int
    routes: tuple[MeasuredRoute, ...]
    attributed_ns: int
    request_residual_ns: int
    background_ns: int
    process_ns: int


def measured(phase: Phase, *, sample: int = 1) -> Measured:
    """Summarize a phase of a recording.

    Args:
        phase: Usually the one without the warm-up.
        sample: CPU was measured for 1 in `sample` requests.
    """
    by_route: dict[tuple[str, str], list[RouteStats]] = {}
    for row in phase.routes:
        by_route.setdefault((row.route, row.method), []).append(row)
    known = [row for row in phase.routes if not _is_unknown(row, sample)]
    typical = (sum(row.cpu_estimate_ns for row in known), sum(row.requests for row in known))
    if not typical[1]:
        typical = (phase.process_cpu_ns, sum(row.requests for row in phase.routes))
    routes = tuple(_route(by_route[key], typical, sample) for key in sorted(by_route))
    requests = sum(route.requests for route in routes)
    attributed_ns = sum(route.cpu_ns for route in routes)
    residual_ns = max(0, phase.process_cpu_ns - attributed_ns)
    process_ns = int(phase.process_seconds * _NS_PER_S)
    background_ns = min(
        max(0, residual_ns - SERVER_NS * requests), process_ns // _BACKGROUND_DIVISOR
    )
    return Measured(
        requests=requests,
        routes=routes,
        attributed_ns=attributed_ns,
        request_residual_ns=residual_ns - background_ns,
        background_ns=background_ns,
        process_ns=process_ns,
    )


def _is_unknown(row: RouteStats, sample: int) -> bool:
    """Return whether no request of a row was sampled, so that its CPU of 0 is meaningless."""
    return sample > 1 and row.requests > 0 and row.cpu_measured == 0 and row.cpu_estimate_ns == 0


def _route(rows: list[RouteStats], typical: tuple[int, int], sample: int) -> MeasuredRoute:
    known = [row for row in rows if not _is_unknown(row, sample)]
    cpu_ns = sum(row.cpu_estimate_ns for row in known)
    requests = sum(row.requests for row in rows)
    known_requests = sum(row.requests for row in known)
    model_ns, model_requests = (cpu_ns, known_requests) if known_requests else typical
    cpu_ns += model_ns * (requests - known_requests) // max(1, model_requests)
    statuses: dict[int, int] = {}
    for row in rows:
        statuses[row.status] = statuses.get(row.status, 0) + row.requests
    mean_ns = cpu_ns // max(1, requests)
    half_ns = half_width_ns(
        sum(row.cpu_measured for row in known),
        sum(row.cpu_ns for row in known),
        sum(row.cpu_squares for row in known),
    )
    return MeasuredRoute(
        method=rows[0].method,
        route=rows[0].route,
        requests=requests,
        statuses=tuple(sorted(statuses.items())),
        cpu_ns=cpu_ns,
        mean_ns=mean_ns,
        low_ns=None if half_ns is None else max(0, mean_ns - half_ns),
        high_ns=None if half_ns is None else mean_ns + half_ns,
        in_flight_ns=sum(row.in_flight_ns for row in rows),
        bytes_out=sum(row.bytes_out for row in rows),
        cpu=merged(row.cpu for row in rows),
        wall=merged(row.wall for row in rows),
        is_guessed=bool(requests) and not known_requests,
    )
