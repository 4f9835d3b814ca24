"""Estimate the load that a number of users cause, from a recording."""

from decimal import Decimal
from typing import NamedTuple

from costmon.meter.figures import Snapshot
from costmon.meter.options import Options
from costmon.meter.projection.measured import Measured, MeasuredRoute
from costmon.meter.projection.values import HOURS_A_MONTH

MOST_THREADS = 64
"""With more concurrent requests than this a process is assumed to run an event loop: Starlette's
thread pool has 40 threads, and gunicorn is rarely configured with 64."""

_NS = Decimal(1_000_000_000)
_SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_ONE = Decimal(1)


class Workers(NamedTuple):
    """Memory and concurrency of one process of the application.

    Attributes:
        rss_bytes: Memory use; 0 if unknown.
        at_once: Concurrent requests it can handle; `None`: unlimited.
    """

    rss_bytes: int
    at_once: int | None


class Load(NamedTuple):
    """The load of machines, on average over a month.

    Attributes:
        attributed_vcpu: vCPUs used by routes.
        residual_vcpu: vCPUs used by work that is not attributed to a route.
        in_flight: Concurrent requests.
        month_bytes: Bytes sent in 730 hours.
    """

    attributed_vcpu: Decimal
    residual_vcpu: Decimal
    in_flight: Decimal
    month_bytes: int

    @property
    def busy_vcpu(self) -> Decimal:
        """All vCPUs in use."""
        return self.attributed_vcpu + self.residual_vcpu


def workers_of(snapshot: Snapshot) -> Workers:
    """Estimate memory and concurrency of one process from a recording.

    A server with a thread per request needs as many threads as requests are in flight, and more
    processes once their threads are used up. The number of threads of a process is not known, so
    the most concurrent requests seen in it are used instead. That is right for servers under load.
    For a server that handled one request at a time it is too low, which results in too many
    processes and too much memory, never in too few.

    An event loop has no such limit; more than 64 concurrent requests imply one too. Memory of open
    connections is not counted.
    """
    is_loop = snapshot.is_loop or snapshot.threads > MOST_THREADS
    return Workers(
        rss_bytes=max(0, snapshot.rss_bytes), at_once=None if is_loop else max(1, snapshot.threads)
    )


class Demand:
    """Scales a recording to a request rate.

    Attributes:
        background_vcpu: vCPUs of background work in each process.
    """

    def __init__(self, measured: Measured, options: Options) -> None:
        self._measured = measured
        self._each_per_second = options.requests_per_user_per_second
        self._factor = options.cpu_factor
        self._utilisation = options.target_utilisation
        self.background_vcpu = (
            self._factor * measured.background_ns / measured.process_ns
            if measured.process_ns
            else Decimal(0)
        )

    def requests_per_second(self, users: int) -> Decimal:
        """Return the request rate of all users together."""
        return users * self._each_per_second

    def of_all(self, users: int) -> Load:
        """Return the load of all routes together."""
        routes = self._measured.routes
        return self._load(
            users,
            requests=self._measured.requests,
            cpu_ns=self._measured.attributed_ns,
            in_flight_ns=sum(route.in_flight_ns for route in routes),
            bytes_out=sum(route.bytes_out for route in routes),
        )

    def of_route(self, route: MeasuredRoute, users: int) -> Load:
        """Return the load of one route alone, with the server that it would need."""
        return self._load(
            users,
            requests=route.requests,
            cpu_ns=route.cpu_ns,
            in_flight_ns=route.in_flight_ns,
            bytes_out=route.bytes_out,
        )

    def _load(
        self, users: int, *, requests: int, cpu_ns: int, in_flight_ns: int, bytes_out: int
    ) -> Load:
        # How many times per second the whole recording would repeat.
        pace = self.requests_per_second(users) / self._measured.requests
        attributed = pace * self._factor * cpu_ns / _NS
        served_ns = Decimal(self._measured.request_residual_ns * requests) / self._measured.requests
        served = pace * self._factor * served_ns / _NS
        processes = max(_ONE, (attributed + served) / self._utilisation)
        return Load(
            attributed_vcpu=attributed,
            residual_vcpu=served + self.background_vcpu * processes,
            in_flight=pace * in_flight_ns / _NS,
            month_bytes=int(pace * bytes_out * _SECONDS_A_MONTH),
        )
