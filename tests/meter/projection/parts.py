"""Recordings and price lists to project, made by hand."""

import datetime as dt
from decimal import Decimal

from costmon.meter.figures import Phase, RouteStats, Snapshot, merged_rows
from costmon.meter.histogram import bucket_of
from costmon.meter.options import Options
from costmon.meter.projection import project
from costmon.meter.projection.values import Projection
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.instances.instance import Instance, RegionPrices

TODAY = dt.date(2026, 11, 21)
AS_OF = dt.date(2026, 7, 20)
US = 1_000
MS = 1_000_000
S = 1_000_000_000
MIB = 2**20


def instance(name, vcpu, gib, hourly, **facts):
    return Instance(
        provider="AWS",
        region="us-east-1",
        name=name,
        vcpu=Decimal(vcpu),
        memory_gib=Decimal(gib),
        arch=facts.get("arch", "x86_64"),
        baseline=Decimal(facts.get("baseline", "1")),
        hourly_usd=Decimal(hourly),
        as_of=AS_OF,
        source="AWS price list",
    )


INSTANCES = (
    instance("t3.nano", 2, "0.5", "0.0052", baseline="0.05"),
    instance("t3.micro", 2, 1, "0.0104", baseline="0.1"),
    instance("t3.small", 2, 2, "0.0208", baseline="0.2"),
    instance("t3.medium", 2, 4, "0.0416", baseline="0.2"),
    instance("t3.large", 2, 8, "0.0832", baseline="0.3"),
    instance("c5.large", 2, 4, "0.085"),
    instance("c5.xlarge", 4, 8, "0.17"),
    instance("c5.2xlarge", 8, 16, "0.34"),
    instance("c5.4xlarge", 16, 32, "0.68"),
    instance("c5.9xlarge", 36, 72, "1.53"),
    instance("c5.12xlarge", 48, 96, "2.04"),
    instance("m5.large", 2, 8, "0.096"),
    instance("m5.8xlarge", 32, 128, "1.536"),
    instance("r5.large", 2, 16, "0.126"),
    instance("r5.12xlarge", 48, 384, "3.024"),
)
EGRESS = (
    Tier(Decimal(0), Decimal(0)),
    Tier(Decimal(100), Decimal("0.09")),
    Tier(Decimal(10_340), Decimal("0.085")),
)
PRICES = RegionPrices("AWS", "us-east-1", INSTANCES, EGRESS, AS_OF, "AWS price list")


def only(*names):
    return PRICES._replace(instances=tuple(one for one in INSTANCES if one.name in names))


def row(route="/", each_ns=50 * MS, *, times=1000, values=None, wall_ns=None, **facts):
    """Return the row of `times` requests that took `each_ns` each, or of `values`."""
    each = [each_ns] * times if values is None else values
    waited = [each_ns if wall_ns is None else wall_ns] * len(each)
    found = {
        "method": "GET",
        "status": 200,
        "requests": len(each),
        "cpu_ns": sum(each),
        "wall_ns": sum(waited),
        "in_flight_ns": sum(waited),
        "cpu_measured": len(each),
        "cpu_squares": sum(one * one for one in each) // US**2,
        "cpu": _buckets(each),
        "wall": _buckets(waited),
    }
    return RouteStats(route=route, **{**found, **facts})


def _buckets(values):
    found: dict[int, int] = {}
    for value in values:
        found[bucket_of(value)] = found.get(bucket_of(value), 0) + 1
    return found


def phase(*rows, seconds=600.0, processes=1, process_cpu_ns=None, gc_cpu_ns=0):
    spent = sum(one.cpu_estimate_ns for one in rows)
    return Phase(
        seconds=seconds,
        process_seconds=seconds * processes,
        process_cpu_ns=spent if process_cpu_ns is None else process_cpu_ns,
        gc_cpu_ns=gc_cpu_ns,
        routes=merged_rows(rows),
    )


def snapshot(*rows, settled=None, options=None, threads=8, rss_bytes=60 * MIB, **facts):
    whole = settled if settled is not None else phase(*rows)
    found = {
        "service": "shop",
        "host": "web-1",
        "pid": 7,
        "boot": "b1",
        "seq": 1,
        "recording": "r1",
        "is_recording": True,
        "started_at": 1_000.0,
        "taken_at": 1_630.0,
        "processes": 1,
        "faults": 0,
        "whole": whole,
    }
    return Snapshot(
        threads=threads,
        rss_bytes=rss_bytes,
        options=options or Options(),
        settled=whole,
        **{**found, **facts},
    )


def projected(*rows, prices=PRICES, today=TODAY, users=1000, **facts):
    """Return the projection of rows; what `Options` has is taken for its fields."""
    chosen = {name: facts.pop(name) for name in Options._fields if name in facts}
    options = Options(target_users=users, **chosen)
    found = project(snapshot(*rows, options=options, **facts), prices, today=today)
    assert isinstance(found, Projection), found
    return found
