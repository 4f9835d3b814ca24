import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import AmountError
from costmon.meter.projection.allocation import allocate
from tests.meter.projection.parts import MS, S, phase, projected, row

BILLS = st.decimals(-(10**9), 10**9, places=10)


def half_used():
    """Return what is projected for 4 busy vCPUs of 8, of which /a has three quarters."""
    return projected(row("/a", 30 * MS), row("/b", 10 * MS), users=200, instance="c5.2xlarge")


def test_each_route_gets_what_it_uses_of_the_machines():
    found = allocate(Decimal("1000.00"), half_used())

    assert [(part.name, part.cost) for part in found.rows] == [
        ("GET /a", Decimal("375.00")),
        ("GET /b", Decimal("125.00")),
        ("unallocated", Decimal("500.00")),
    ]


def test_traffic_goes_to_who_sends_it():
    projection = projected(
        row("/a", 1 * MS), row("/b", 1 * MS, bytes_out=10**9), users=100, instance="c5.large"
    )

    found = allocate(projection.monthly_usd, projection)

    costs = {part.name: part.cost for part in found.rows}
    assert costs["GET /b"] - costs["GET /a"] == projection.egress_usd


def test_server_and_idle_are_unallocated():
    rows = row("/a", 10 * MS)
    projection = projected(settled=phase(rows, process_cpu_ns=12 * S), users=100)

    found = allocate(projection.monthly_usd, projection)

    assert found.unallocated.cost == projection.residual_usd + projection.idle_usd


@given(BILLS)
def test_a_bill_is_divided_whole_whatever_its_decimals(billed):
    found = allocate(billed, half_used())

    assert sum(part.cost for part in found.rows) == billed
    assert sum(part.ratio for part in found.rows) == 1


def test_a_bill_of_nothing_gives_everybody_nothing():
    assert {part.cost for part in allocate(Decimal(0), half_used()).rows} == {Decimal(0)}


def test_a_refund_is_divided_as_the_bill_was():
    parts = allocate(Decimal("-100.00"), half_used()).parts

    assert parts[0].cost == Decimal("-37.50")


def test_routes_without_cpu_leave_the_bill_unallocated():
    found = allocate(Decimal(50), projected(row("/a", 0), instance="c5.large"))

    assert found.unallocated.cost == 50


def test_hours_add_up_to_the_fleets():
    found = allocate(Decimal(50), half_used())

    assert sum(part.vcpu_hours for part in found.rows) == 8 * 730
    assert found.parts[0].vcpu_hours == 3 * 2 * 365


def test_rows_are_focus_split_cost_allocation():
    rows = [part.focus() for part in allocate(Decimal(100), half_used()).rows]

    assert rows[0] == {
        "AllocatedMethodId": "costmon-cpu-time",
        "AllocatedMethodDetails": '{"Elements":[{"AllocatedRatio":0.375000000000,'
        '"UsageUnit":"vCPU-Hours","UsageQuantity":2190.000000}]}',
        "AllocatedResourceId": "GET /a",
        "AllocatedResourceName": "GET /a",
        "AllocatedTags": '{"http.request.method":"GET","http.route":"/a"}',
    }
    elements = [json.loads(one["AllocatedMethodDetails"])["Elements"] for one in rows]
    assert sum(one["AllocatedRatio"] for [one] in elements) == pytest.approx(1)
    assert len({one["AllocatedResourceId"] for one in rows}) == len(rows)
    assert rows[-1]["AllocatedTags"] == "{}"


def test_a_hostile_route_is_text_in_every_column():
    name = '/"},{"x":"<script>'

    focus = allocate(Decimal(1), projected(row(name))).parts[0].focus()

    assert json.loads(focus["AllocatedTags"])["http.route"] == name
    json.loads(focus["AllocatedMethodDetails"])


@pytest.mark.parametrize("billed", ["NaN", "Infinity", "-Infinity", "1E-13", "1E+16"])
def test_what_is_no_bill_is_refused(billed):
    with pytest.raises(AmountError, match="at most 12 decimals"):
        allocate(Decimal(billed), half_used())
