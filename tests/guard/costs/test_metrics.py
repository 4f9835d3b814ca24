import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import BudgetError
from costmon.guard.costs.metrics import (
    cost_metrics,
    host_cost,
    host_costs,
    projected,
    span_of,
    top_hosts,
)
from costmon.guard.stores.base import UsageRow

HOUR = int(dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC).timestamp())


def row(scope="global", spent=0, *, hour=HOUR, activity="delivery", requests=1, failed=0, out=0):
    return UsageRow(hour, scope, activity, spent, requests, failed, 0, 7, out, 1)


def call(host, spent, **facts):
    """Return the rows of one call: one for each scope of its chain."""
    return [row(scope, spent, **facts) for scope in ("global", f"host:{host}", "key:batch")]


def test_rows_of_different_scopes_are_never_added():
    found = cost_metrics([*call("a.example", 3), *call("b.example", 4)], "2026-11")

    assert found.total_cost == Decimal("0.000000007")
    assert (found.requests, found.bytes_in) == (2, 14)


def test_costs_are_by_host_and_by_activity():
    found = cost_metrics(
        [
            *call("a.example", 3, activity="Create", out=5000),
            *call("b.example", 4, activity="Like", failed=1),
            *call("a.example", 5, activity="Like"),
        ],
        "2026-11",
    )

    assert found.costs_by_host == {
        "a.example": Decimal("0.000000008"),
        "b.example": Decimal("0.000000004"),
    }
    assert found.costs_by_activity == {
        "Create": Decimal("0.000000003"),
        "Like": Decimal("0.000000009"),
    }
    assert (found.bytes_out, found.failed, found.requests) == (5000, 1, 3)


@pytest.mark.parametrize(
    ("period", "hours"),
    [("2026-11", 720), ("2026-11-21", 24), ("2026-11-21T10", 1), ("2028-02", 29 * 24)],
)
def test_a_billing_period_is_a_month_a_day_or_an_hour_of_utc(period, hours):
    start, end = span_of(period)

    assert end - start == dt.timedelta(hours=hours)
    assert start.tzinfo is dt.UTC
    assert f"{start:%Y-%m-%dT%H}".startswith(period)


@pytest.mark.parametrize(
    "period", ["", "2026", "2026-13", "2026-1", "november", "2026-11-31", None]
)
def test_what_is_no_billing_period_is_refused(period):
    with pytest.raises(BudgetError, match="2026-11"):
        span_of(period)


def test_rows_of_other_periods_do_not_count():
    rows = [row(spent=1), row(spent=2, hour=HOUR + 3600), row(spent=4, hour=HOUR - 86_400)]

    assert cost_metrics(rows, "2026-11-21T10").total_cost == Decimal("0.000000001")
    assert cost_metrics(rows, "2026-11-21").total_cost == Decimal("0.000000003")
    assert cost_metrics(rows, "2026-11").total_cost == Decimal("0.000000007")


def test_a_host_has_its_rate_of_errors_and_its_average():
    rows = [
        row("host:a.example", 10, requests=2, failed=1, out=100),
        row("host:a.example", 11, requests=1, hour=HOUR + 3600, activity="Like", out=50),
    ]

    found = host_cost(rows, "a.example", "2026-11")

    assert found is not None
    assert found.cost == Decimal("0.000000021")
    assert found.average_cost == Decimal("0.000000007")
    assert found.error_rate == pytest.approx(1 / 3)
    assert (found.requests, found.failed, found.bytes_in, found.bytes_out) == (3, 1, 14, 150)
    assert found.last_updated == dt.datetime(2026, 11, 21, 11, tzinfo=dt.UTC)
    assert found.billing_period == "2026-11"


def test_a_host_without_requests_has_no_rate_and_no_average():
    found = host_cost([row("host:a.example", 0, requests=0)], "a.example", "2026-11")

    assert found is not None
    assert (found.error_rate, found.average_cost) == (None, None)


def test_a_host_that_nobody_called_has_no_record():
    assert host_cost([row("host:a.example", 1)], "b.example", "2026-11") is None


def test_the_costliest_hosts_come_first_and_there_is_no_cap():
    rows = [row(f"host:h{n}.example", n) for n in range(200)]

    assert len(host_costs(rows, "2026-11")) == 200
    assert [one.host for one in top_hosts(rows, "2026-11", 2)] == ["h199.example", "h198.example"]
    assert top_hosts(rows, "2026-11", 0) == ()


def test_a_projection_goes_on_as_it_began():
    now = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)

    assert projected(Decimal(15), "2026-11", now) == 30


def test_a_projection_is_unknown_too_early_and_the_truth_at_the_end():
    assert projected(Decimal(1), "2026-11", dt.datetime(2026, 11, 1, 23, tzinfo=dt.UTC)) is None
    assert projected(Decimal(1), "2026-11", dt.datetime(2026, 10, 1, tzinfo=dt.UTC)) is None
    assert projected(Decimal(1), "2026-11", dt.datetime(2026, 11, 2, tzinfo=dt.UTC)) == 30
    assert projected(Decimal(1), "2026-11", dt.datetime(2026, 12, 1, tzinfo=dt.UTC)) == 1


@given(
    calls=st.lists(
        st.tuples(
            st.sampled_from(["a.example", "b.example", "c.example"]),
            st.sampled_from(["Create", "Like", "delivery"]),
            st.integers(0, 10**12),
        )
    )
)
def test_hosts_and_activities_each_add_up_to_the_total(calls):
    rows = [one for host, kind, spent in calls for one in call(host, spent, activity=kind)]

    found = cost_metrics(rows, "2026-11")

    assert sum(found.costs_by_activity.values()) == found.total_cost
    assert sum(found.costs_by_host.values()) == found.total_cost
    assert found.requests == len(calls)
