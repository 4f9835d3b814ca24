"""The one JSON shape: complete, exact, and honest about what is unknown."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.meter.dashboard.view import route_curve, state_of, view_of
from costmon.meter.figures import Phase
from costmon.meter.options import Options
from costmon.meter.projection.projecting import project
from costmon.meter.projection.values import Projection, RouteCost
from tests.meter import sample
from tests.meter.dashboard.samples import (
    MS,
    NOTHING,
    STARTED_AT,
    measured,
    projected,
    projection,
    route_cost,
    row,
    snapshot,
)


def test_a_view_is_json_with_every_figure_of_the_projection():
    view = json.loads(json.dumps(view_of(measured(3), projected(3)), allow_nan=False))

    assert set(Projection._fields) <= set(view["projection"])
    assert set(RouteCost._fields) == set(view["projection"]["routes"][0])
    assert view["unprojected"] is None
    assert view["seen"] == []


def test_amounts_are_text_with_every_digit():
    exact = route_cost(marginal_usd_per_1000=Decimal("1.23456789E-7"), monthly_usd=Decimal("1E+3"))

    shown = view_of(snapshot(), projection(exact))["projection"]["routes"][0]

    assert shown["marginal_usd_per_1000"] == "0.000000123456789"
    assert shown["monthly_usd"] == "1000"
    assert view_of(snapshot(), projection(exact))["options"]["target_utilisation"] == "0.60"


def test_what_is_unknown_is_null_and_not_zero():
    unknown = route_cost(
        cpu=None, wall=None, cpu_low_ns=None, cpu_high_ns=None, monthly_low_usd=None
    )

    view = view_of(snapshot(), projection(unknown, attributed_ratio=None))

    shown = view["projection"]["routes"][0]
    assert [shown[name] for name in ("cpu", "wall", "cpu_low_ns", "monthly_low_usd")] == [None] * 4
    assert shown["budget_usd"] is None
    assert view["projection"]["attributed_ratio"] is None
    assert view["cpu"]["attributed_ratio"] is None


def test_without_a_projection_it_says_why_and_what_has_been_seen():
    seen = snapshot(row(status=200), row(status=500, requests=4), row("POST", "/b", cpu_ns=9**12))

    view = view_of(seen, NOTHING)

    assert view["projection"] is None
    assert view["unprojected"]["state"] == "no_data"
    assert [line["route"] for line in view["seen"]] == ["/b", "/"]
    assert view["seen"][1]["statuses"] == [[200, 100], [500, 4]]
    assert view["seen"][1]["requests"] == 104


def test_a_route_whose_cpu_was_never_sampled_has_no_mean():
    view = view_of(snapshot(row(cpu_measured=0, cpu_ns=0)), NOTHING)

    assert view["seen"][0]["cpu_mean_ns"] is None
    assert view["seen"][0]["wall_mean_ns"] == 20 * MS


@pytest.mark.parametrize(
    ("facts", "state", "left"),
    [
        ({"taken_at": STARTED_AT + 10}, "warming_up", 20.0),
        ({"taken_at": STARTED_AT - 50}, "warming_up", 30.0),
        ({"taken_at": STARTED_AT + 30}, "recording", 0.0),
        ({"taken_at": STARTED_AT, "options": Options(warmup_s=0.0)}, "recording", 0.0),
        ({"taken_at": STARTED_AT + 10, "is_recording": False}, "stopped", 0.0),
    ],
)
def test_the_recording_says_what_it_does_and_how_long_it_still_warms_up(facts, state, left):
    seen = snapshot(**facts)

    assert state_of(seen) == state
    assert view_of(seen, NOTHING)["recording"]["warmup_left_s"] == left


def test_a_snapshot_of_nothing_is_a_view_too():
    view = view_of(snapshot(whole=Phase(), settled=Phase()), NOTHING)

    assert view["requests"] == 0
    assert view["seen"] == []
    assert view["cpu"]["attributed_ratio"] is None


def test_a_curve_of_one_route_is_its_share_and_meets_the_table():
    rows = [sample.row("/a", cpu_ms=[5] * 200), sample.row("/b", cpu_ms=[50] * 100)]
    projected = project(sample.snapshot(*rows), sample.PRICES, today=dt.date(2026, 11, 21))
    assert isinstance(projected, Projection)
    curves = {
        f"{route.method} {route.route}": route_curve(projected, f"{route.method} {route.route}")
        for route in projected.routes
    }

    for route in projected.routes:
        curve = curves[f"{route.method} {route.route}"]
        assert curve is not None
        at_target = next(it for it in curve if it["users"] == projected.target_users)
        assert Decimal(at_target["monthly_usd"]) == route.monthly_usd
    for index, point in enumerate(projected.curve):
        total = sum(Decimal(curve[index]["monthly_usd"]) for curve in curves.values() if curve)
        assert abs(total - point.monthly_usd) <= Decimal("0.01") * (len(curves) + 1)
    assert route_curve(projected, "GET /nothing") is None
