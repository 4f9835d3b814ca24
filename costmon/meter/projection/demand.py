"""What a number of users ask of machines, going by what was measured."""

from decimal import Decimal
from typing import NamedTuple

from costmon.meter.figures import Snapshot
from costmon.meter.options import Options
from costmon.meter.projection.measured import Measured, MeasuredRoute
from costmon.meter.projection.values import HOURS_A_MONTH

MOST_THREADS = 64
"""Requests at once in one process above which it cannot have a thread for each: 40 is what
Starlette's pool has, and 64 more than anybody sets for gunicorn."""

_NS = Decimal(1_000_000_000)
_SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_ONE = Decimal(1)


class Workers(NamedTuple):
    """What one process of the application is like.

    Attributes:
        rss_bytes: Memory it uses; 0 where that could not be read.
        at_once: Requests it can work on at once; `None`: as many as there are.
    """

    rss_bytes: int
    at_once: int | None


class Load(NamedTuple):
    """What machines have to bear, on average over a month.

    Attributes:
        attributed_vcpu: vCPUs that are busy with routes.
        residual_vcpu: vCPUs that are busy with what is in no route.
        in_flight: Requests that are being worked on.
        month_bytes: Sent in 730 hours.
    """

    attributed_vcpu: Decimal
    residual_vcpu: Decimal
    in_flight: Decimal
    month_bytes: int

    @property
    def busy_vcpu(self) -> Decimal:
        """VCPUs that are busy."""
        return self.attributed_vcpu + self.residual_vcpu


def workers_of(snapshot: Snapshot) -> Workers:
    """Return what one process of the application is like, going by what was seen of it.

    A server with a thread for each request needs as many threads as requests are in flight, and
    more processes once their threads are used up. How many threads a process has is not known;
    the most requests that it was seen to work on at once are. That is taken to be what it can do:
    right for servers that were loaded, and too few (so too many processes and too much memory,
    never too few) for one that was asked one thing at a time.

    An event loop has no such limit; more than 64 requests at once are taken for one too. Memory of
    open connections is not counted.
    """
    is_loop = snapshot.is_loop or snapshot.threads > MOST_THREADS
    return Workers(
        rss_bytes=max(0, snapshot.rss_bytes), at_once=None if is_loop else max(1, snapshot.threads)
    )


class Demand:
    """A recording's requests, as so many a second.

    Attributes:
        background_vcpu: What every process is busy with in any case.
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
        """Return what so many users send together."""
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
        # How often everything that was measured would happen in a second.
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
