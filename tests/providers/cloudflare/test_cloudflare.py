"""Cloudflare: a range that holds the billing anchor, and answers that say 200 and are none."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import ProviderError
from costmon.testing import Reply, StubServer
from costmon.testing.provider_contract import NOW, Recording, Vendor
from tests.providers.cloudflare import answers as cloudflare

TOKEN = {"token": "token-of-cloudflare-0123456789"}


@pytest.fixture
def server():
    with StubServer() as server:
        yield server


def vendor(server, answers, **options):
    options = {"account_id": cloudflare.ACCOUNT, **options}
    recording = Recording(answers=answers)
    options = {key: value for key, value in options.items() if value is not None}
    return Vendor(server, recording, slug="cloudflare", credentials=TOKEN, options=options)


def charges(vendor, now=NOW):
    with vendor.provider() as provider:
        (window,) = provider.charges("work", now, None)
    return window


def usage(vendor):
    with vendor.provider() as provider:
        return provider.usage("work", NOW)


def failure(read, vendor):
    with pytest.raises(ProviderError) as caught:
        read(vendor)
    return caught.value


def test_the_range_that_is_asked_for_always_holds_a_billing_anchor(server):
    window = charges(vendor(server, {cloudflare.USAGE: cloudflare.CHARGES}))

    assert server.asked[0].query == {"from": "2026-10-21", "to": "2026-11-21"}
    assert (window.start, window.end) == (dt.datetime(2026, 10, 21, tzinfo=dt.UTC), NOW)


def test_rows_of_the_billing_period_before_the_range_are_cut_off(server):
    old = cloudflare.row(
        1,
        5,
        BillingPeriodStart="2026-10-15T00:00:00Z",
        ChargePeriodStart="2026-10-16T00:00:00Z",
        ChargePeriodEnd="2026-10-17T00:00:00Z",
    )
    answer = cloudflare.enveloped([old, *cloudflare.CHARGES["result"]])

    window = charges(vendor(server, {cloudflare.USAGE: answer}))

    assert sum(charge.billed_cost for charge in window.charges) == cloudflare.TOTAL


def test_what_is_added_up_over_days_is_never_read(server):
    window = charges(vendor(server, {cloudflare.USAGE: cloudflare.CHARGES}))

    assert all("Cumulated" not in str(charge.raw) for charge in window.charges)
    assert window.charges[1].billed_cost == Decimal("0.75")


def test_a_row_says_what_it_is_for(server):
    _, storage, requests, argo = charges(
        vendor(server, {cloudflare.USAGE: cloudflare.CHARGES})
    ).charges

    assert (storage.service_category, storage.service_subcategory) == ("Storage", "R2")
    assert (storage.consumed_quantity, storage.consumed_unit) == (Decimal("12.5"), "GB-months")
    assert (requests.consumed_quantity, requests.consumed_unit) == (None, None)
    assert (argo.sub_account_name, argo.sub_account_type) == ("example.com", "zone")


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("2026-10-31", "2026-11-30"), ("2026-11-15", "2026-12-15"), ("2026-11-01", "2026-12-01")],
)
def test_a_billing_period_ends_a_month_after_its_anchor(server, begins, ends):
    row = cloudflare.row(19, 1, BillingPeriodStart=f"{begins}T00:00:00Z")

    (charge,) = charges(vendor(server, {cloudflare.USAGE: cloudflare.enveloped([row])})).charges

    assert f"{charge.billing_period_end:%Y-%m-%d}" == ends


def test_an_account_that_is_not_billed_for_use_is_not_an_account_without_cost(server):
    answers = {
        cloudflare.USAGE: cloudflare.enveloped([]),
        cloudflare.INFO: cloudflare.NOT_COVERED,
    }

    assert failure(charges, vendor(server, answers)).reason == "plan"


def test_success_that_is_false_is_no_answer(server):
    answer = cloudflare.enveloped(None, success=False, errors=[{"code": 7003, "message": "x"}])

    assert failure(charges, vendor(server, {cloudflare.USAGE: answer})).reason == "schema"


def test_a_missing_permission_is_named(server):
    refused = Reply.json({"success": False, "errors": [{"code": 10000}]}, status=403)

    error = failure(charges, vendor(server, {cloudflare.USAGE: refused}))

    assert error.reason == "permission"
    assert "Account > Billing > Read" in str(error)


def test_a_malformed_token_is_a_rejected_token(server):
    refused = Reply.json({"success": False, "errors": [{"code": 6003}]}, status=400)

    assert failure(charges, vendor(server, {cloudflare.USAGE: refused})).reason == "auth"


def test_the_only_account_is_found(server):
    answers = {
        "/accounts": cloudflare.enveloped([{"id": cloudflare.ACCOUNT, "name": "Example"}]),
        cloudflare.USAGE: cloudflare.CHARGES,
    }

    assert len(charges(vendor(server, answers, account_id=None)).charges) == cloudflare.ROWS


@pytest.mark.parametrize("count", [0, 2])
def test_which_account_must_be_said_when_there_is_not_one(server, count):
    accounts = [{"id": f"{number:032x}"} for number in range(count)]
    answers = {"/accounts": cloudflare.enveloped(accounts)}

    error = failure(charges, vendor(server, answers, account_id=None))

    assert error.reason == "permission"
    assert "CLOUDFLARE_ACCOUNT_ID" in str(error)


def test_one_query_asks_for_the_month_and_for_the_day(server):
    reading = usage(vendor(server, {cloudflare.GRAPHQL: cloudflare.analytics()}))

    (asked,) = server.asked
    assert json.loads(asked.body)["variables"] == {
        "account": cloudflare.ACCOUNT,
        "start": "2026-11-01T00:00:00Z",
        "day": "2026-11-21T00:00:00Z",
        "end": "2026-11-21T10:00:00Z",
    }
    spans = {one.quota: (one.start, one.resets_at) for one in reading.quantities}
    assert spans["worker_requests"][1] == dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    assert spans["r2_storage"][1] == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert all(one.estimated for one in reading.quantities)


def test_several_peaks_of_one_bucket_and_day_count_once(server):
    groups = [
        cloudflare.stored("photos", 20, 700_000_000),
        cloudflare.stored("photos", 20, 600_000_000),
    ]
    for group, hour in zip(groups, (9, 10), strict=True):
        del group["dimensions"]["date"]
        group["dimensions"]["datetime"] = f"2026-11-20T{hour:02}:00:00Z"

    reading = usage(
        vendor(server, {cloudflare.GRAPHQL: cloudflare.analytics(r2StorageAdaptiveGroups=groups)})
    )

    used = {one.quota: one.used for one in reading.quantities}
    assert used["r2_storage"] == Decimal("0.023333333333")


def test_an_operation_that_is_not_known_counts_as_class_a_and_is_named(server):
    groups = [cloudflare.operations("PutBucketNotification", 7)]
    answer = cloudflare.analytics(r2OperationsAdaptiveGroups=groups)

    reading = usage(vendor(server, {cloudflare.GRAPHQL: answer}))

    assert {one.quota: one.used for one in reading.quantities}["r2_class_a_operations"] == 7
    assert [gap.kind for gap in reading.gaps] == ["r2_class_a_operations"]


@pytest.mark.parametrize("groups", [{"r2StorageAdaptiveGroups": None}])
def test_a_group_that_is_null_is_a_gap_and_not_zero(server, groups):
    answer = cloudflare.analytics(**groups)

    reading = usage(vendor(server, {cloudflare.GRAPHQL: answer}))

    assert [gap.kind for gap in reading.gaps] == ["r2_storage"]
    assert "r2_storage" not in {one.quota for one in reading.quantities}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (
            {"message": "not authorized for that account", "extensions": {"code": "authz"}},
            "permission",
        ),
        ({"message": "account does not have access to the path"}, "permission"),
        ({"message": "rate limiter budget depleted, try again after 5 minutes"}, "rate_limit"),
        ({"message": "unknown field"}, "schema"),
    ],
)
def test_errors_come_with_the_status_200(server, error, reason):
    answer = {"data": None, "errors": [error]}

    assert failure(usage, vendor(server, {cloudflare.GRAPHQL: answer})).reason == reason


def test_an_account_that_the_token_does_not_include_is_not_without_use(server):
    answer: dict[str, object] = {"data": {"viewer": {"accounts": []}}, "errors": None}

    assert failure(usage, vendor(server, {cloudflare.GRAPHQL: answer})).reason == "permission"


def test_groups_beyond_the_limit_are_incomplete(server):
    groups = [{"sum": {"requests": 1}}] * 10_000
    answer = cloudflare.analytics(workersInvocationsAdaptive=groups)

    assert "incomplete" in str(failure(usage, vendor(server, {cloudflare.GRAPHQL: answer})))


def test_the_plan_of_workers_is_what_the_account_says(server):
    answers = {cloudflare.GRAPHQL: cloudflare.analytics()}

    assert usage(vendor(server, answers, workers_plan="free")).plan == "workers_free"
    assert usage(vendor(server, answers)).plan is None
