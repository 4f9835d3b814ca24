"""What Vercel counts against plans, deployments, and the included credit."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import ProviderAuthError, ProviderPermissionError, ProviderSchemaError
from costmon.testing import Reply
from tests.providers.vercel import answers

DEPLOYMENTS = "/v6/deployments"
CREDIT = "/v1/invoices/pre-commitment-usage"


def by_quota(reading):
    return {quantity.quota: (quantity.used, quantity.unit) for quantity in reading.quantities}


def test_use_is_added_up_over_projects_in_the_units_of_the_caps(vendor, noon):
    vendor.bill("2026-11", answers.team())

    reading = vendor.usage(noon)

    assert by_quota(reading) == {
        "fast_data_transfer": (Decimal("15.5"), "GB"),
        "function_invocations": (Decimal(641200), "Requests"),
        "provisioned_memory_gb_hours": (Decimal("4.5"), "GB-Hours"),
        "active_cpu": (Decimal("0.5"), "Hours"),
        "edge_requests": (Decimal(250000), "Requests"),
        "deployments": (Decimal(0), "Deployments"),
    }
    assert reading.gaps == ()
    assert reading.complete_through == dt.datetime(2026, 11, 4, 8, tzinfo=dt.UTC)
    transfer = reading.quantities[0]
    assert transfer.start == dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC)
    assert transfer.end == dt.datetime(2026, 11, 15, 8, tzinfo=dt.UTC)
    assert transfer.resets_at == dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)


def test_what_is_only_scheduled_is_not_used_yet(vendor, noon):
    seat = answers.row("Pro", end="2026-12-01T08:00:00.000Z", BilledCost=20)
    ahead = answers.used("Edge Requests", 9, "requests", start="2026-11-20T08:00:00.000Z")
    vendor.bill("2026-11", [answers.used("Edge Requests", 2, "requests"), seat, ahead])

    reading = vendor.usage(noon)

    assert by_quota(reading)["edge_requests"] == (Decimal(2), "Requests")
    assert reading.complete_through == dt.datetime(2026, 11, 3, 8, tzinfo=dt.UTC)


def test_quantities_are_added_up_exactly(vendor, noon):
    rows = [
        answers.used("Fast Data Transfer", "12345678901234567890.1", "GB"),
        answers.used("Fast Data Transfer", "0.0000000000001", "GB"),
        answers.used("Fluid Active CPU", 1, "Seconds"),
    ]
    vendor.bill("2026-11", rows)

    found = by_quota(vendor.usage(noon))

    assert found["fast_data_transfer"] == (Decimal("12345678901234567890.1000000000001"), "GB")
    assert found["active_cpu"] == (Decimal("0.000277777778"), "Hours")


def test_names_are_found_however_they_are_dashed(vendor, noon):
    rows = [
        answers.used("Image Optimization \N{EN DASH} Transformations", 7, "Transformations"),
        answers.used("fast origin transfer", 500_000_000, "Bytes"),
    ]
    vendor.bill("2026-11", rows)

    found = by_quota(vendor.usage(noon))

    assert found["image_transformations"] == (Decimal(7), "Requests")
    assert found["fast_origin_transfer"] == (Decimal("0.5"), "GB")


def test_an_unknown_unit_is_a_gap_and_no_part_of_it_is_shown(vendor, noon):
    rows = [
        answers.used("Function Invocations", 3, "Invocations"),
        answers.used("Function Invocations", 3, "million calls"),
        answers.used("Edge Requests", 9, "requests"),
    ]
    vendor.bill("2026-11", rows)

    reading = vendor.usage(noon)

    assert set(by_quota(reading)) == {"edge_requests", "deployments"}
    (gap,) = reading.gaps
    assert gap.kind == "function_invocations"
    assert "million calls" in gap.reason


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param("2026-11-15T20Z", "plan: ", id="Hobby"),
        pytest.param("2026-11-01T20Z", "no day of this month is over", id="first day"),
    ],
)
def test_without_rows_every_quota_is_a_gap_and_none_is_zero(vendor, now, said):
    reading = vendor.usage(dt.datetime.fromisoformat(now))

    assert set(by_quota(reading)) == {"deployments"}
    assert len(reading.gaps) == 7
    assert all(said in gap.reason for gap in reading.gaps)
    assert reading.complete_through is None


def test_a_scope_that_may_not_be_read_is_an_error(vendor, noon):
    vendor.months["2026-11"] = Reply.json(answers.refused("forbidden"), status=403)

    with pytest.raises(ProviderPermissionError):
        vendor.usage(noon)


def test_a_quantity_that_is_none_is_an_error(vendor, noon):
    vendor.bill("2026-11", [answers.used("Edge Requests", "Infinity", "requests")])

    with pytest.raises(ProviderSchemaError):
        vendor.usage(noon)


def test_deployments_are_counted_once_over_all_pages(vendor, server, noon):
    first = 1793900000000
    pages = [
        answers.deployments([9, 8, 7], first + 7),
        answers.deployments([7, 6], first + 6),
        answers.deployments([5]),
    ]
    server.answer(DEPLOYMENTS, *map(Reply.json, pages))

    reading = vendor.usage(noon)

    assert by_quota(reading)["deployments"] == (Decimal(5), "Deployments")
    asked = [one.query for one in server.asked if one.path == DEPLOYMENTS]
    assert [query.get("until") for query in asked] == [None, str(first + 7), str(first + 6)]
    assert {query["since"] for query in asked} == {"1793516400000"}
    assert {query["teamId"] for query in asked} == {answers.TEAM}


def test_deployments_before_the_month_are_not_counted_nor_read_on(vendor, server, noon):
    server.answer(DEPLOYMENTS, Reply.json(answers.deployments([3, 2, -400_000_000_000], 5)))

    assert by_quota(vendor.usage(noon))["deployments"] == (Decimal(2), "Deployments")
    assert [one.path for one in server.asked].count(DEPLOYMENTS) == 1


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply.json(answers.deployments([1], 1793900000009)), "incomplete"),
        (Reply.json({"deployments": [{"uid": "x"}], "pagination": {}}), "missing"),
        (Reply.json(answers.refused("forbidden"), status=403), "permission"),
        (Reply(status=410), "frozen"),
    ],
)
def test_deployments_that_cannot_be_counted_leave_the_rest(vendor, server, noon, reply, said):
    vendor.bill("2026-11", answers.team())
    server.answer(DEPLOYMENTS, reply)

    reading = vendor.usage(noon)

    assert len(reading.quantities) == 5
    (gap,) = reading.gaps
    assert gap.kind == "deployments"
    assert said in gap.reason


def test_a_token_that_is_refused_is_an_error_wherever_it_is(vendor, server, noon):
    vendor.bill("2026-11", answers.team())
    server.answer(DEPLOYMENTS, Reply(status=401))

    with pytest.raises(ProviderAuthError):
        vendor.usage(noon)


def test_included_credit_is_read_only_when_it_is_wanted(vendor, make_vendor, server, noon):
    server.answer(CREDIT, Reply.json(answers.CREDIT))
    without = by_quota(vendor.usage(noon))
    assert CREDIT not in [one.path for one in server.asked]

    reading = make_vendor(team_id=answers.TEAM, included_credit="true").usage(noon)

    assert "included_credit" not in without
    (credit,) = (one for one in reading.quantities if one.quota == "included_credit")
    assert (credit.used, credit.limit, credit.unit) == (Decimal("2.81"), Decimal(40), "USD")
    assert credit.resets_at == dt.datetime(2026, 12, 1, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "answer",
    [
        {"creditLedgers": []},
        {"creditLedgers": [{**answers.LEDGER, "total": "NaN"}]},
        {"creditLedgers": [{**answers.LEDGER, "remaining": None}]},
        {
            "creditLedgers": [
                answers.LEDGER,
                {**answers.LEDGER, "currency": "EUR"},
            ]
        },
    ],
)
def test_credit_that_cannot_be_read_is_a_gap(make_vendor, server, noon, answer):
    server.answer(CREDIT, Reply.json(answer))

    reading = make_vendor(included_credit="true").usage(noon)

    assert "included_credit" in {gap.kind for gap in reading.gaps}
    assert "included_credit" not in by_quota(reading)


def test_nothing_but_documented_reads_are_sent(make_vendor, server, noon):
    server.answer(CREDIT, Reply.json(answers.CREDIT))
    vendor = make_vendor(team_id=answers.TEAM, included_credit="true")
    vendor.bill("2026-11", answers.team())

    vendor.charges(noon)
    vendor.usage(noon)

    assert {(one.method, one.path) for one in server.asked} == {
        ("GET", "/v1/billing/charges"),
        ("GET", DEPLOYMENTS),
        ("GET", CREDIT),
    }
    assert all(one.headers["authorization"].startswith("Bearer ") for one in server.asked)
