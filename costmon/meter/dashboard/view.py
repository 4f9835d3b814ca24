"""The JSON format of the meter's figures, for pages, the API and `--json`.

Dollars and other exact numbers are text such as `"1234.50"` and not rounded; times are whole
nanoseconds; unknown values are `None`, never 0.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from costmon.meter.figures import RouteStats, Snapshot
from costmon.meter.projection.values import (
    CurvePoint,
    Fleet,
    Projection,
    RouteCost,
    Spread,
    Unprojected,
)

View: TypeAlias = dict[str, Any]

_CENT = Decimal("0.01")

State = Literal["recording", "warming_up", "stopped"]


def view_of(snapshot: Snapshot, projected: Projection | Unprojected) -> View:
    """Return everything known about one service."""
    known = isinstance(projected, Projection)
    return {
        "service": snapshot.service,
        "place": snapshot.options.place,
        "recording": _recording(snapshot),
        "processes": snapshot.processes,
        "threads": snapshot.threads,
        "rss_bytes": snapshot.rss_bytes,
        "faults": snapshot.faults,
        "requests": sum(row.requests for row in snapshot.routes),
        "cpu": {
            "process_ns": snapshot.process_cpu_ns,
            "attributed_ns": snapshot.whole.attributed_cpu_ns,
            "residual_ns": snapshot.whole.residual_cpu_ns,
            "gc_ns": snapshot.whole.gc_cpu_ns,
            "attributed_ratio": snapshot.attributed_ratio,
        },
        "options": _options(snapshot),
        "projection": _projection(projected) if isinstance(projected, Projection) else None,
        "unprojected": (
            {"state": projected.state, "text": projected.text}
            if isinstance(projected, Unprojected)
            else None
        ),
        # Raw figures while there is no projection; otherwise they are in its routes.
        "seen": [] if known else _seen(snapshot.routes),
    }


def route_curve(projected: Projection, name: str) -> list[View] | None:
    """Return the monthly cost of one route by number of users; `None` if it is not measured.

    Its shares of machines and of traffic are those at the target users.

    Args:
        projected: The projection of all routes.
        name: Method and route, such as `GET /items`.
    """
    route = next((it for it in projected.routes if f"{it.method} {it.route}" == name), None)
    if route is None:
        return None
    all_machines_usd = projected.monthly_usd - projected.egress_usd
    machines_usd = route.monthly_usd - route.egress_usd
    points = []
    for point in projected.curve:
        usd = _part(point.monthly_usd - point.egress_usd, machines_usd, all_machines_usd)
        egress_usd = _part(point.egress_usd, route.egress_usd, projected.egress_usd)
        # At the number of users of the projection, rounding must not differ from the table.
        if point.users == projected.target_users:
            usd, egress_usd = machines_usd, route.egress_usd
        points.append(
            {
                "users": point.users,
                "egress_usd": _exact(egress_usd),
                "monthly_usd": _exact(usd + egress_usd),
            }
        )
    return points


def _part(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return (amount * part / whole).quantize(_CENT) if whole else Decimal(0)


def state_of(snapshot: Snapshot) -> State:
    """Return the state of the recording at the time of the snapshot."""
    if not snapshot.is_recording:
        return "stopped"
    return "warming_up" if _warmup_left_s(snapshot) > 0 else "recording"


def _warmup_left_s(snapshot: Snapshot) -> float:
    if not snapshot.is_recording:
        return 0.0
    ends_at = snapshot.started_at + snapshot.options.warmup_s
    return max(0.0, min(snapshot.options.warmup_s, ends_at - snapshot.taken_at))


def _recording(snapshot: Snapshot) -> View:
    return {
        "id": snapshot.recording,
        "state": state_of(snapshot),
        "is_recording": snapshot.is_recording,
        "started_at": _moment(snapshot.started_at),
        "taken_at": _moment(snapshot.taken_at),
        "runs_since": _moment(snapshot.runs_since) if snapshot.runs_since else None,
        "seconds": round(snapshot.whole.seconds, 3),
        "warmup_s": snapshot.options.warmup_s,
        "warmup_left_s": round(_warmup_left_s(snapshot), 1),
    }


def _options(snapshot: Snapshot) -> View:
    options = snapshot.options
    return {
        "provider": options.provider,
        "region": options.region,
        "target_users": options.target_users,
        "requests_per_user_per_second": _exact(options.requests_per_user_per_second),
        "budget_usd": _exact(options.budget_usd),
        "budgets": [[glob, _exact(usd)] for glob, usd in options.budgets],
        "instance": options.instance,
        "target_utilisation": _exact(options.target_utilisation),
        "cpu_factor": _exact(options.cpu_factor),
        "sample": options.sample,
    }


def _projection(projected: Projection) -> View:
    return {
        "provider": projected.provider,
        "region": projected.region,
        "prices_of": projected.prices_of or projected.region,
        "prices_as_of": projected.prices_as_of.isoformat(),
        "prices_source": projected.prices_source,
        "prices_stale": projected.prices_stale,
        "target_users": projected.target_users,
        "requests_per_second": _exact(projected.requests_per_second),
        "seconds": round(projected.seconds, 3),
        "requests": projected.requests,
        "fleet": _fleet(projected.fleet),
        "monthly_usd": _exact(projected.monthly_usd),
        "egress_usd": _exact(projected.egress_usd),
        "attributed_usd": _exact(projected.attributed_usd),
        "residual_usd": _exact(projected.residual_usd),
        "idle_usd": _exact(projected.idle_usd),
        "attributed_ratio": projected.attributed_ratio,
        "over_budget": sum(route.over_budget for route in projected.routes),
        "routes": [_route(route) for route in projected.routes],
        "curve": [_point(point) for point in projected.curve],
        "notes": list(projected.notes),
    }


def _route(route: RouteCost) -> View:
    return {
        "method": route.method,
        "route": route.route,
        "requests": route.requests,
        "statuses": [[status, count] for status, count in route.statuses],
        "share": _exact(route.share),
        "requests_per_second": _exact(route.requests_per_second),
        "cpu_mean_ns": route.cpu_mean_ns,
        "cpu_low_ns": route.cpu_low_ns,
        "cpu_high_ns": route.cpu_high_ns,
        "bytes_out_mean": route.bytes_out_mean,
        "cpu": _spread(route.cpu),
        "wall": _spread(route.wall),
        "marginal_usd_per_1000": _exact(route.marginal_usd_per_1000),
        "monthly_usd": _exact(route.monthly_usd),
        "monthly_low_usd": _maybe(route.monthly_low_usd),
        "monthly_high_usd": _maybe(route.monthly_high_usd),
        "egress_usd": _exact(route.egress_usd),
        "user_usd": _exact(route.user_usd),
        "recommended": _fleet(route.recommended),
        "budget_usd": _maybe(route.budget_usd),
        "over_budget": route.over_budget,
        "few": route.few,
    }


def _point(point: CurvePoint) -> View:
    return {
        "users": point.users,
        "instance": point.fleet.instance.name,
        "instances": point.fleet.instances,
        "egress_usd": _exact(point.egress_usd),
        "monthly_usd": _exact(point.monthly_usd),
    }


def _fleet(fleet: Fleet) -> View:
    return {
        "instance": fleet.instance.name,
        "instances": fleet.instances,
        "vcpu": _exact(fleet.instance.vcpu),
        "memory_gib": _exact(fleet.instance.memory_gib),
        "hourly_usd": _exact(fleet.instance.hourly_usd),
        "binding": fleet.binding,
        "vcpu_needed": _exact(fleet.vcpu_needed),
        "workers_needed": fleet.workers_needed,
        "memory_gib_needed": _exact(fleet.memory_gib_needed),
        "cpu_utilisation": _exact(fleet.cpu_utilisation),
        "monthly_usd": _exact(fleet.monthly_usd),
    }


def _spread(spread: Spread | None) -> View | None:
    if spread is None:
        return None
    return {
        "p50_ns": spread.p50_ns,
        "p95_ns": spread.p95_ns,
        "p99_ns": spread.p99_ns,
        "ratio": _maybe(spread.ratio),
        "flagged": spread.flagged,
        "waits": spread.waits,
    }


def _seen(rows: Sequence[RouteStats]) -> list[View]:
    """Return one row for each method and route, those with the most CPU first."""
    together: dict[tuple[str, str], list[RouteStats]] = {}
    for row in rows:
        together.setdefault((row.method, row.route), []).append(row)
    ordered = sorted(
        together.items(), key=lambda item: (-sum(row.cpu_estimate_ns for row in item[1]), item[0])
    )
    return [_seen_row(method, route, found) for (method, route), found in ordered]


def _seen_row(method: str, route: str, rows: Sequence[RouteStats]) -> View:
    requests = sum(row.requests for row in rows)
    measured = any(row.cpu_measured for row in rows)
    statuses: dict[int, int] = {}
    for row in rows:
        statuses[row.status] = statuses.get(row.status, 0) + row.requests
    return {
        "method": method,
        "route": route,
        "requests": requests,
        "statuses": [[status, statuses[status]] for status in sorted(statuses)],
        "cpu_mean_ns": (
            sum(row.cpu_estimate_ns for row in rows) // requests if requests and measured else None
        ),
        "wall_mean_ns": sum(row.wall_ns for row in rows) // requests if requests else None,
        "bytes_out_mean": sum(row.bytes_out for row in rows) // requests if requests else None,
    }


def _moment(epoch_s: float) -> str:
    at = dt.datetime.fromtimestamp(epoch_s, tz=dt.UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _maybe(amount: Decimal | None) -> str | None:
    return None if amount is None else _exact(amount)


def _exact(amount: Decimal) -> str:
    """Return all digits, without an exponent and without trailing zeros."""
    text = f"{amount:f}"
    if "." not in text:
        return text
    text = text.rstrip("0")
    whole, _, decimals = text.partition(".")
    # Cents are written out: "12.50", not "12.5".
    return f"{whole}.{decimals:0<2}" if decimals else whole
