"""What an application might have measured."""

import datetime as dt
from decimal import Decimal

from costmon.meter.figures import Phase, RouteStats, Snapshot, merged_rows
from costmon.meter.histogram import bucket_of
from costmon.meter.options import Options
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.instances.instance import Instance, RegionPrices

MS = 1_000_000


def row(
    route="/users/{id}", *, method="GET", status=200, cpu_ms=(5, 5, 7), wall_ms=None, **changes
) -> RouteStats:
    """Return a row of requests that took so much."""
    walls = [int(ms * MS) for ms in wall_ms or [2 * ms for ms in cpu_ms]]
    cpus = [int(ms * MS) for ms in cpu_ms]
    stats = RouteStats(
        method=method,
        route=route,
        status=status,
        requests=len(cpus),
        cpu_ns=sum(cpus),
        wall_ns=sum(walls),
        bytes_in=10 * len(cpus),
        bytes_out=1000 * len(cpus),
        in_flight_ns=sum(walls),
        cpu_measured=len(cpus),
        cpu_squares=sum((ns // 1000) ** 2 for ns in cpus),
        cpu=_counted(cpus),
        wall=_counted(walls),
    )
    return stats._replace(**changes)


def _counted(values):
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    return counts


def snapshot(*rows: RouteStats, service="shop", options=None, **changes) -> Snapshot:
    """Return a snapshot of an application; a tenth of its CPU is in no route."""
    phase = phase_of(*rows)
    made = Snapshot(
        service=service,
        host="host",
        pid=1,
        boot="b",
        seq=1,
        recording="r1",
        is_recording=True,
        started_at=1_790_000_000.0,
        taken_at=1_790_000_100.5,
        processes=1,
        threads=4,
        rss_bytes=100 * 2**20,
        faults=0,
        options=options or Options(service=service, port=None),
        whole=phase,
        settled=phase,
    )
    return made._replace(**changes)


def phase_of(*rows: RouteStats, seconds=100.0) -> Phase:
    phase = Phase(seconds=seconds, process_seconds=seconds, routes=merged_rows(rows))
    return phase._replace(process_cpu_ns=phase.attributed_cpu_ns * 10 // 9)


def instance(name, *, vcpu=2, memory=8, hourly="0.0960", baseline="1") -> Instance:
    return Instance(
        provider="AWS",
        region="us-east-1",
        name=name,
        vcpu=Decimal(vcpu),
        memory_gib=Decimal(memory),
        arch="x86_64",
        baseline=Decimal(baseline),
        hourly_usd=Decimal(hourly),
        as_of=dt.date(2026, 9, 1),
        source="a test",
    )


PRICES = RegionPrices(
    provider="AWS",
    region="us-east-1",
    instances=(
        instance("t3.micro", memory=1, hourly="0.0104", baseline="0.1"),
        instance("m5.large"),
        instance("c5.large", memory=4, hourly="0.0850"),
    ),
    egress=(
        Tier(Decimal(0), Decimal(0)),
        Tier(Decimal(100), Decimal("0.09")),
        Tier(Decimal(10240), Decimal("0.085")),
    ),
    as_of=dt.date(2026, 9, 1),
    source="a test",
)
