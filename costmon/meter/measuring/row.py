"""The mutable counters of one method, route, status and tag."""

from costmon.meter.figures import RouteStats, RowKey
from costmon.meter.histogram import PARTS_BITS, bucket_of
from costmon.meter.measuring.measure import Measure

_LINEAR = 1 << PARTS_BITS
_NS2_IN_US2 = 1_000_000


class Row:
    """Counters; callers that change them hold the recording's lock."""

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

    def add(self, measure: Measure, wall_ns: int, in_flight_ns: int, offloaded_ns: int) -> None:
        """Count a request; one in progress keeps the figures it was counted with."""
        self.requests += 1
        self.wall_ns += wall_ns
        self.in_flight_ns += in_flight_ns
        if measure.bytes_in:
            self.bytes_in += measure.bytes_in
        self.bytes_out += measure.bytes_out
        # `bucket_of`, inlined: two calls would take longer than the rest of this method.
        if wall_ns < _LINEAR:
            bucket = wall_ns
        else:
            shift = wall_ns.bit_length() - PARTS_BITS - 1
            bucket = (shift << PARTS_BITS) + (wall_ns >> shift)
        try:
            self.wall[bucket] += 1
        except KeyError:
            self.wall[bucket] = 1
        cpu_ns = measure.cpu_ns
        if measure.is_measured:
            if offloaded_ns:
                cpu_ns += offloaded_ns
                self.offloaded_cpu_ns += offloaded_ns
            self.cpu_measured += 1
            self.cpu_ns += cpu_ns
            self.cpu_squares += cpu_ns * cpu_ns // _NS2_IN_US2
            if cpu_ns < _LINEAR:
                bucket = max(cpu_ns, 0)
            else:
                shift = cpu_ns.bit_length() - PARTS_BITS - 1
                bucket = (shift << PARTS_BITS) + (cpu_ns >> shift)
            try:
                self.cpu[bucket] += 1
            except KeyError:
                self.cpu[bucket] = 1
        if not measure.ended_ns:
            measure.counted = (
                cpu_ns,
                offloaded_ns,
                wall_ns,
                in_flight_ns,
                measure.bytes_in,
                measure.bytes_out,
            )

    def take_back(self, measure: Measure) -> None:
        """Undo the count of a request before its end."""
        cpu_ns, offloaded_ns, wall_ns, in_flight_ns, bytes_in, bytes_out = measure.counted
        measure.counted = None
        self.requests -= 1
        self.wall_ns -= wall_ns
        self.in_flight_ns -= in_flight_ns
        self.bytes_in -= bytes_in
        self.bytes_out -= bytes_out
        _take_one(self.wall, wall_ns)
        if measure.is_measured:
            self.offloaded_cpu_ns -= offloaded_ns
            self.cpu_measured -= 1
            self.cpu_ns -= cpu_ns
            self.cpu_squares -= cpu_ns * cpu_ns // _NS2_IN_US2
            _take_one(self.cpu, cpu_ns)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is counted here."""
        return not (self.requests or self.cpu_ns or self.late_cpu_ns)

    @property
    def cpu_estimate_ns(self) -> int:
        """CPU of all requests, including late work; scaled up if only a sample was measured."""
        cpu_ns = self.cpu_ns + self.late_cpu_ns
        return cpu_ns * self.requests // self.cpu_measured if self.cpu_measured else cpu_ns

    def stats(self, key: RowKey) -> RouteStats:
        """Return the current figures."""
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


def _take_one(buckets: dict[int, int], value: int) -> None:
    bucket = bucket_of(value)
    buckets[bucket] -= 1
    if not buckets[bucket]:
        del buckets[bucket]
