"""Snapshots and projections made by hand, in any size."""

import datetime as dt
from decimal import Decimal

from costmon.meter.figures import Phase, RouteStats, Snapshot
from costmon.meter.histogram import bucket_of
from costmon.meter.options import Options
from costmon.meter.projection.values import (
    CurvePoint,
    Fleet,
    Projection,
    RouteCost,
    Spread,
    Unprojected,
)
from costmon.pricing.instances.instance import Instance
from costmon.testing.clock import START

MS = 1_000_000
STARTED_AT = START.timestamp()
HOSTILE = "/<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}"

INSTANCE = Instance(
    provider="AWS",
    region="us-east-1",
    name="c7g.large",
    vcpu=Decimal(2),
    memory_gib=Decimal(4),
    arch="arm64",
    baseline=Decimal(1),
    hourly_usd=Decimal("0.0725"),
    as_of=dt.date(2026, 7, 20),
    source="AWS price list",
)
NAMES = (
    ("GET", "/"),
    ("GET", "/api/orders/{id}"),
    ("POST", "/api/orders"),
    ("GET", "/api/search"),
    ("GET", "/reports/{year}/{month}.pdf"),
    ("POST", "/api/login"),
    ("GET", "/api/users/{id}/recommendations"),
    ("WEBSOCKET", "/live"),
    ("GET", "(unmatched)"),
    ("GET", "/health"),
)


def row(method="GET", route="/", **facts):
    values = {
        "status": 200,
        "requests": 100,
        "cpu_ns": 500 * MS,
        "wall_ns": 2_000 * MS,
        "bytes_out": 100_000,
        "cpu_measured": 100,
        "cpu": {bucket_of(5 * MS): 100},
        "wall": {bucket_of(20 * MS): 100},
    }
    return RouteStats(method=method, route=route, **{**values, **facts})


def names(count):
    extra = (("GET", f"/api/v1/things/{number}/{{id}}") for number in range(len(NAMES), count))
    return (*NAMES[:count], *extra)


def snapshot(*rows, **facts):
    phase = Phase(
        seconds=120.0,
        process_seconds=480.0,
        process_cpu_ns=sum(it.cpu_ns for it in rows) * 103 // 100,
        routes=rows,
    )
    values = {
        "service": "shop",
        "host": "",
        "pid": 0,
        "boot": "",
        "seq": 7,
        "recording": "first",
        "is_recording": True,
        "started_at": STARTED_AT,
        "taken_at": STARTED_AT + 120,
        "processes": 4,
        "threads": 8,
        "rss_bytes": 120 * 2**20,
        "faults": 0,
        "options": Options(service="shop"),
        "whole": phase,
        "settled": phase,
    }
    return Snapshot(**{**values, **facts})


def fleet(monthly="158.78", instances=3, **facts):
    values = {
        "instance": INSTANCE,
        "instances": instances,
        "binding": "cpu",
        "vcpu_needed": Decimal("4.81"),
        "workers_needed": 37,
        "memory_gib_needed": Decimal("4.34"),
        "cpu_utilisation": Decimal("0.481"),
        "monthly_usd": Decimal(monthly),
    }
    return Fleet(**{**values, **facts})


def route_cost(method="GET", route="/", number=0, **facts):
    monthly = (Decimal(240) * Decimal("0.71") ** number).quantize(Decimal("0.01"))
    mean = int(22 * MS * 0.8**number) + 90_000
    low = monthly * Decimal("0.94")
    values = {
        "method": method,
        "route": route,
        "requests": max(3, 9_000 // (number + 1)),
        "statuses": ((200, max(2, 8_900 // (number + 1))), (500, 1)),
        "share": Decimal(1) / (number + 2),
        "requests_per_second": Decimal(1000) / (number + 2),
        "cpu_mean_ns": mean,
        "cpu_low_ns": int(mean * 0.95),
        "cpu_high_ns": int(mean * 1.05),
        "bytes_out_mean": 2_400,
        "cpu": Spread(mean, mean * 2, mean * 3, Decimal(2), flagged=True)
        if number % 3 == 1
        else Spread(mean, int(mean * 1.2), int(mean * 1.4), Decimal("1.2"), flagged=False),
        "wall": Spread(mean * 2, mean * 3, mean * 9, Decimal("1.5"), flagged=False),
        "marginal_usd_per_1000": monthly / 100_000,
        "monthly_usd": monthly,
        "monthly_low_usd": low,
        "monthly_high_usd": monthly * Decimal("1.06"),
        "egress_usd": monthly / 10,
        "user_usd": monthly / 1000,
        "recommended": fleet(str(monthly), 1),
        "budget_usd": None,
        "over_budget": False,
        "few": number > 7,
    }
    return RouteCost(**{**values, **facts})


def curve():
    points = []
    for power in range(2, 7):
        for step in (1, 2, 5) if power < 6 else (1,):
            users = step * 10**power
            count = max(1, users * 3 // 1000)
            cost = INSTANCE.hourly_usd * 730 * count
            points.append(
                CurvePoint(
                    users, fleet(str(cost), count), Decimal(users) / 50, cost + Decimal(users) / 50
                )
            )
    return tuple(points)


def projection(*routes, **facts):
    monthly = sum((it.monthly_usd for it in routes), Decimal(0))
    values = {
        "provider": "AWS",
        "region": "us-east-1",
        "prices_as_of": dt.date(2026, 7, 20),
        "prices_source": "AWS price list",
        "prices_stale": False,
        "target_users": 1000,
        "requests_per_second": Decimal(1000),
        "seconds": 90.0,
        "requests": sum(it.requests for it in routes),
        "fleet": fleet(),
        "egress_usd": monthly / 10,
        "monthly_usd": monthly,
        "attributed_usd": monthly * Decimal("0.45"),
        "residual_usd": monthly * Decimal("0.03"),
        "idle_usd": monthly * Decimal("0.42"),
        "attributed_ratio": 0.974,
        "routes": routes,
        "curve": curve(),
        "notes": (),
    }
    return Projection(**{**values, **facts})


def projected(count=10, **facts):
    """Return a projection of so many routes, dearest first."""
    routes = tuple(
        route_cost(method, route, number if count < 100 else number / 60)
        if count < 100
        else route_cost(method, route, number % 20)
        for number, (method, route) in enumerate(names(count))
    )
    return projection(*routes, **facts)


def measured(count=10, **facts):
    """Return a snapshot of so many routes."""
    return snapshot(*(row(method, route) for method, route in names(count)), **facts)


NOTHING = Unprojected(
    "no_data", "No request has been counted yet. Send your application some and look again."
)
