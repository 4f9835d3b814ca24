"""Snapshots of workers that never were."""

from decimal import Decimal

from hypothesis import strategies as st

from costmon.meter.figures import Phase, RouteStats, Snapshot, merged_rows
from costmon.meter.options import Options

BEGAN_AT = 1_795_000_000.0


def row(route="/", *, requests=1, **fields):
    """Return a row whose figures follow from the number of requests."""
    return RouteStats(
        **{
            "method": "GET",
            "route": route,
            "status": 200,
            "requests": requests,
            "cpu_ns": requests * 1_000,
            "wall_ns": requests * 5_000,
            "cpu_measured": requests,
            "cpu_squares": requests,
            "cpu": {32: requests} if requests else {},
            "wall": {64: requests} if requests else {},
        }
        | fields
    )


def snapshot(*rows, pid=10, boot="b1", seq=1, **fields):
    """Return a worker's snapshot; all its rows are of after the warm-up."""
    phase = Phase(
        seconds=60.0,
        process_seconds=60.0,
        process_cpu_ns=sum(it.cpu_ns for it in rows) + 500,
        gc_cpu_ns=10,
        routes=merged_rows(rows),
    )
    return Snapshot(
        **{
            "service": "shop",
            "host": "box",
            "pid": pid,
            "boot": boot,
            "seq": seq,
            "recording": "",
            "is_recording": True,
            "started_at": BEGAN_AT,
            "taken_at": BEGAN_AT + 60.0,
            "processes": 1,
            "threads": 4,
            "rss_bytes": 50_000_000,
            "faults": 0,
            "options": Options(service="shop"),
            "whole": phase,
            "settled": phase,
        }
        | fields
    )


def counted(merged):
    """Return requests by route of the whole recording."""
    return {it.route: it.requests for it in merged.routes}


_COUNTS = st.integers(0, 2**63)
_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), max_size=30)
_BUCKETS = st.dictionaries(st.integers(0, 2_000), st.integers(1, 2**62), max_size=5)
_SECONDS = st.floats(0, 1e10)
_AMOUNTS = st.decimals(0, 10**9, allow_nan=False, allow_infinity=False, places=3)

_ROWS = st.builds(
    RouteStats,
    **dict.fromkeys(("method", "route", "tag"), _NAMES),
    **dict.fromkeys(RouteStats._fields[2:13], _COUNTS),
    cpu=_BUCKETS,
    wall=_BUCKETS,
)
_PHASES = st.builds(
    Phase,
    seconds=_SECONDS,
    process_seconds=_SECONDS,
    process_cpu_ns=_COUNTS,
    gc_cpu_ns=_COUNTS,
    routes=st.lists(_ROWS, max_size=4).map(merged_rows),
)
_OPTIONS = st.builds(
    Options,
    provider=st.sampled_from(("AWS", "GCP", "AZURE")),
    region=_NAMES,
    target_users=st.integers(1, 10**9),
    requests_per_user_per_second=_AMOUNTS,
    budget_usd=_AMOUNTS,
    budgets=st.lists(st.tuples(_NAMES, _AMOUNTS), max_size=3).map(tuple),
    port=st.none() | st.integers(0, 65_535),
    warmup_s=st.floats(0, 1e6),
    service=_NAMES,
    place=_NAMES,
    continue_recording=st.booleans(),
    instance=_NAMES,
    target_utilisation=st.just(Decimal("0.6")),
    cpu_factor=_AMOUNTS,
    sample=st.integers(1, 1_000),
    prices=_NAMES,
    follow_threads=st.booleans(),
    tenant_header=_NAMES,
    tenants=st.lists(_NAMES, max_size=3).map(tuple),
)
SNAPSHOTS = st.builds(
    Snapshot,
    **dict.fromkeys(("service", "host", "boot", "recording", "run"), _NAMES),
    **dict.fromkeys(("pid", "seq", "processes", "threads", "rss_bytes", "faults"), _COUNTS),
    is_recording=st.booleans(),
    is_loop=st.booleans(),
    **dict.fromkeys(("started_at", "taken_at", "run_started_at", "runs_since"), _SECONDS),
    options=_OPTIONS,
    whole=_PHASES,
    settled=_PHASES,
)
