"""What a recording says of each route, all statuses and tags together.

CPU that is in no route (server, event loop, garbage collections, native threads) comes in two
kinds, which one recording cannot tell apart. Work that requests cause grows with them; work that a
process does in any case (timers, reporting, a dashboard that is being looked at) grows with the
number of processes. Taking all of it for the first kind is right under load and absurd without: a
process that was asked ten times in five minutes and spends 0.5 % of its time on timers would be
projected with 150 ms a request. So of what is in no route:

* the first 0.2 ms a request are the requests': servers were seen to need 0.06 (uvicorn) to 0.19 ms
  (gunicorn with threads);
* of the rest, up to 5 % of each process's time is background work;
* whatever is above is the requests' again: no background work is that busy, native threads are.
"""

from typing import NamedTuple

from costmon.meter.figures import Phase, RouteStats
from costmon.meter.histogram import Buckets, merged
from costmon.meter.projection.interval import half_width_ns

SERVER_NS = 200_000
"""CPU in no route that any request is taken to cause, at most."""

_BACKGROUND_DIVISOR = 20
_NS_PER_S = 1_000_000_000


class MeasuredRoute(NamedTuple):
    """One route of a recording.

    Attributes:
        method: HTTP method.
        route: Its template.
        requests: That ended; 0 when all of them are still open.
        statuses: Of these, by status, ascending.
        cpu_ns: Of all of them, late work too, scaled up where CPU was measured for a sample.
        mean_ns: For one of them.
        low_ns: Lower end of the mean's 95 % interval; `None` below 2 measured requests.
        high_ns: Upper end of it.
        in_flight_ns: All of them together.
        bytes_out: All of them together.
        cpu: Measured requests by CPU in ns.
        wall: Requests by wall time in ns.
        is_guessed: Whether no CPU was measured, so that the mean of all that were is taken; where
            none was at all, that of the whole process's CPU.
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
    """A recording, ready to be projected.

    Attributes:
        requests: All that ended.
        routes: By template, then method.
        attributed_ns: CPU in routes.
        request_residual_ns: CPU in no route that requests cause.
        background_ns: CPU in no route that every process spends in any case.
        process_ns: Time on a clock of all processes.
    """

    requests: int
    routes: tuple[MeasuredRoute, ...]
    attributed_ns: int
    request_residual_ns: int
    background_ns: int
    process_ns: int


def measured(phase: Phase, *, sample: int = 1) -> Measured:
    """Return what a stretch of a recording says of its routes.

    Args:
        phase: Usually the one without the warm-up.
        sample: CPU was measured for 1 in so many requests.
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
    """Tell whether no request of a row was in the sample, so that its 0 means nothing."""
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
