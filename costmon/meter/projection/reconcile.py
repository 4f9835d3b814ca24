"""Reconcile CPU time and costs: all parts add up to the totals."""

from decimal import Decimal
from typing import NamedTuple

from costmon.meter.figures import Phase
from costmon.meter.projection.values import Projection

_NS_PER_S = 1_000_000_000


class Books(NamedTuple):
    """How the time of processes was spent, in vCPU nanoseconds.

    `routes + late + collections + residual = process + excess`, and
    `process + idle = capacity`: always, exactly.

    Attributes:
        routes_ns: CPU of requests until their end.
        late_ns: CPU spent for requests after their end.
        collections_ns: CPU of full garbage collections, which is not attributed.
        residual_ns: Other unattributed CPU: server, event loop, native threads.
        process_ns: CPU of the processes as reported by the operating system.
        excess_ns: By how much the routes' CPU exceeds that: 0, unless only a sample of requests
            was measured, or figures were not read at the same moment.
        idle_ns: Unused vCPU time, with one vCPU for each process.
        capacity_ns: Available vCPU time: the elapsed time of all processes, or the CPU they used
            if that is more.
    """

    routes_ns: int
    late_ns: int
    collections_ns: int
    residual_ns: int
    process_ns: int
    excess_ns: int
    idle_ns: int
    capacity_ns: int


class Bill(NamedTuple):
    """The parts of the monthly cost, in whole cents.

    `attributed + residual + idle + egress = total = the sum over routes`: always, exactly.

    Attributes:
        attributed_usd: Machines, the part used by routes.
        residual_usd: Machines, the part used by server, garbage collection and native threads.
        idle_usd: Machines, the unused part.
        egress_usd: Traffic.
        total_usd: The total.
        routes_usd: The sum of the full cost of all routes.
    """

    attributed_usd: Decimal
    residual_usd: Decimal
    idle_usd: Decimal
    egress_usd: Decimal
    total_usd: Decimal
    routes_usd: Decimal

    @property
    def is_balanced(self) -> bool:
        """Whether both sums equal the total."""
        parts = self.attributed_usd + self.residual_usd + self.idle_usd + self.egress_usd
        return parts == self.total_usd == self.routes_usd


def books_of(phase: Phase) -> Books:
    """Return how the time of a phase was spent."""
    late_ns = routes_ns = 0
    for row in phase.routes:
        both = row.cpu_estimate_ns
        spent = row.cpu_ns + row.late_cpu_ns
        late = both * row.late_cpu_ns // spent if spent else 0
        late_ns += late
        routes_ns += both - late
    residual_ns = phase.residual_cpu_ns
    collections_ns = min(max(0, phase.gc_cpu_ns), residual_ns)
    clock_ns = int(phase.process_seconds * _NS_PER_S)
    capacity_ns = max(clock_ns, phase.process_cpu_ns)
    return Books(
        routes_ns=routes_ns,
        late_ns=late_ns,
        collections_ns=collections_ns,
        residual_ns=residual_ns - collections_ns,
        process_ns=phase.process_cpu_ns,
        excess_ns=max(0, phase.attributed_cpu_ns - phase.process_cpu_ns),
        idle_ns=capacity_ns - phase.process_cpu_ns,
        capacity_ns=capacity_ns,
    )


def bill_of(projection: Projection) -> Bill:
    """Return the parts of a projection's cost."""
    return Bill(
        attributed_usd=projection.attributed_usd,
        residual_usd=projection.residual_usd,
        idle_usd=projection.idle_usd,
        egress_usd=projection.egress_usd,
        total_usd=projection.monthly_usd,
        routes_usd=sum((route.monthly_usd for route in projection.routes), Decimal(0)),
    )
