"""Vercel's charges: one anchored window per month, whole or not at all."""

import dataclasses
import datetime as dt
import gzip
import itertools
from decimal import Decimal

import pytest

from costmon.domain.charge import Charge
from costmon.errors import (
    ProviderAuthError,
    ProviderNetworkError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderPlanError,
    ProviderSchemaError,
)
from costmon.testing import Reply
from tests.providers.vercel import answers

CHARGES = "/v1/billing/charges"
NOVEMBER = dt.datetime(2026, 11, 1, 7, tzinfo=dt.UTC)


def test_a_month_is_one_window_up_to_the_last_day_that_is_over(vendor, noon):
    vendor.bill("2026-11", answers.team())

    (window,) = vendor.charges(noon, known_through=noon)

    assert vendor.asked == [("2026-11-01T07:00:00.000Z", "2026-11-15T08:00:00.000Z")]
    assert (window.intake, window.day_zone) == ("replace", "America/Los_Angeles")
    assert window.start == NOVEMBER
    assert window.end == dt.datetime(2026, 11, 15, 8, tzinfo=dt.UTC)
    assert window.complete_through == dt.datetime(2026, 11, 4, 8, tzinfo=dt.UTC)
    assert window.gaps == ()
    assert len(window.charges) == 10


def test_amounts_are_exact_and_parts_add_up(vendor, noon):
    rows = [*answers.team(), answers.row("Tiny", BilledCost=1e-11, EffectiveCost=8e-7)]
    vendor.bill("2026-11", rows)

    (window,) = vendor.charges(noon, known_through=noon)

    billed = [charge.billed_cost for charge in window.charges]
    assert sum(billed) == Decimal("50.000000000011")
    assert window.charges[-1].effective_cost == Decimal("8E-7")
    assert all(charge.basis == "billed" for charge in window.charges)


def test_a_row_becomes_a_charge_with_all_that_it_says(vendor, noon):
    vendor.bill("2026-11", answers.team())

    charge = vendor.charges(noon, known_through=noon)[0].charges[0]

    assert (charge.service_name, charge.service_category) == ("Fast Data Transfer", "Networking")
    assert (charge.sub_account_id, charge.sub_account_name) == ("prj_aa1", "shop")
    assert (charge.consumed_quantity, charge.consumed_unit) == (Decimal("12.5"), "GB")
    assert (charge.billed_cost, charge.effective_cost) == (Decimal(0), Decimal("1.875"))
    assert charge.charge_period_start == dt.datetime(2026, 11, 2, 8, tzinfo=dt.UTC)
    assert charge.billing_period_start == NOVEMBER
    assert charge.billing_account_id == answers.TEAM
    assert charge.tags == (("ProjectId", "prj_aa1"), ("ProjectName", "shop"))


def test_a_charge_is_frozen_and_like_any_other(vendor, noon):
    vendor.bill("2026-11", answers.team())

    charges = vendor.charges(noon, known_through=noon)[0].charges

    assert {type(charge) for charge in charges} == {Charge}
    assert charges == tuple(dataclasses.replace(charge) for charge in charges)
    with pytest.raises(dataclasses.FrozenInstanceError):
        charges[0].billed_cost = Decimal(1)


def test_seats_and_commitments_are_rows_of_their_own(vendor, noon):
    vendor.bill("2026-11", answers.team())

    *_, committed, seats = vendor.charges(noon, known_through=noon)[0].charges

    assert (committed.pricing_category, committed.pricing_unit) == ("Committed", "MIUs")
    assert committed.sub_account_id is None
    assert (seats.service_name, seats.charge_category) == ("Pro", "Purchase")
    assert (seats.billed_cost, seats.pricing_quantity) == (Decimal(40), Decimal(2))
    assert (seats.service_category, seats.consumed_quantity) == ("Other", None)


def test_fields_that_vercel_may_leave_out_are_not_needed(vendor, noon):
    needed = {
        "BilledCost",
        "BillingCurrency",
        "ChargeCategory",
        "ChargePeriodStart",
        "ChargePeriodEnd",
        "ServiceName",
    }
    row = {name: value for name, value in answers.team()[0].items() if name in needed}
    vendor.bill("2026-11", [{**row, "BilledCost": 2, "Surprise": {"a": [1]}, "Tags": None}])

    (charge,) = vendor.charges(noon, known_through=noon)[0].charges

    assert (charge.billed_cost, charge.effective_cost) == (Decimal(2), Decimal(2))
    assert (charge.region_id, charge.pricing_quantity, charge.tags) == (None, None, ())


def test_rows_with_the_same_dimensions_have_different_keys_and_the_same_at_every_read(vendor, noon):
    vendor.bill("2026-11", [*answers.team(), *answers.team()])

    first, again = (vendor.charges(noon, known_through=noon)[0].charges for _ in range(2))

    keys = [charge.source_row_key for charge in first]
    assert len(set(keys)) == 20
    assert keys == [charge.source_row_key for charge in again]


def test_a_renamed_project_keeps_its_rows(vendor, noon):
    before, after = answers.team()[0], answers.team()[0]
    after["Tags"] = {**answers.SHOP, "ProjectName": "boutique"}
    keys = []
    for row in (before, after):
        vendor.bill("2026-11", [row])
        keys.append(vendor.charges(noon, known_through=noon)[0].charges[0].source_row_key)

    assert keys[0] == keys[1]


def test_the_first_read_goes_twelve_months_back_one_window_each(vendor, noon):
    for year, month in [(2025, 11), (2025, 12), *((2026, month) for month in range(1, 12))]:
        start = f"{year}-{month:02d}-10T08:00:00.000Z"
        vendor.bill(f"{year}-{month:02d}", [answers.row("Pro", start=start, BilledCost=month)])

    windows = vendor.charges(noon)

    assert [window.charges[0].billed_cost for window in windows] == [
        *range(11, 0, -1),
        12,
        11,
    ]
    for newer, older in itertools.pairwise(windows):
        assert older.end == newer.start


def test_what_is_known_is_not_read_again(vendor, noon):
    vendor.bill("2026-11", answers.team())

    vendor.charges(noon, known_through=NOVEMBER)

    assert len(vendor.asked) == 1


@pytest.mark.parametrize(
    ("now", "known_through", "months"),
    [
        pytest.param("2026-12-03T20Z", "2026-12-01T08Z", 2, id="a month that has just ended"),
        pytest.param("2026-12-20T20Z", "2026-12-01T08Z", 1, id="a month that is settled"),
        pytest.param("2026-12-20T20Z", "2026-10-03T07Z", 3, id="after a long pause"),
    ],
)
def test_a_month_is_read_again_while_it_may_change(vendor, now, known_through, months):
    october = [answers.row("Pro", start="2026-10-02T07:00:00.000Z")]
    for month, rows in (("2026-12", []), ("2026-11", answers.team()), ("2026-10", october)):
        vendor.bill(month, rows)

    windows = vendor.charges(*map(dt.datetime.fromisoformat, (now, known_through)))

    assert len(windows) == len(vendor.asked) == months


def test_on_the_first_day_of_a_month_nothing_is_asked_that_lies_ahead(vendor):
    now = dt.datetime(2026, 12, 1, 20, tzinfo=dt.UTC)
    vendor.bill("2026-11", answers.team())

    (window,) = vendor.charges(now, known_through=dt.datetime(2026, 11, 30, 8, tzinfo=dt.UTC))

    assert vendor.asked == [("2026-11-01T07:00:00.000Z", "2026-12-01T08:00:00.000Z")]
    assert len(window.charges) == 10


def test_no_rows_is_a_good_answer(vendor, noon):
    vendor.bill("2026-11", [])

    (window,) = vendor.charges(noon, known_through=NOVEMBER)

    assert (window.charges, window.gaps, window.complete_through) == ((), (), None)


def test_a_scope_that_never_has_charges_is_a_named_gap(vendor, noon):
    (window,) = vendor.charges(noon)

    assert window.charges == ()
    (gap,) = window.gaps
    assert gap.kind == "charges"
    assert gap.reason.startswith("plan: ")
    assert len(vendor.asked) == 2


def test_a_month_that_is_not_counted_yet_is_empty_for_a_team_that_has_charges(vendor):
    now = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)
    row = answers.row("Pro", start="2026-10-31T07:00:00.000Z", BilledCost=20)
    vendor.bill("2026-10", [row])

    first, *_ = vendor.charges(now)
    again, *_ = vendor.charges(now, known_through=NOVEMBER)

    for window in (first, again):
        assert (window.start, window.charges, window.gaps) == (NOVEMBER, (), ())


def test_a_team_that_has_no_charges_any_more_is_a_gap_after_some_days(vendor, noon):
    (window,) = vendor.charges(noon, known_through=NOVEMBER)

    assert window.charges == ()
    assert [gap.reason.partition(":")[0] for gap in window.gaps] == ["plan"]


@pytest.mark.parametrize("reply", [None, Reply()], ids=["404", "no rows"])
def test_charges_that_were_there_before_are_not_replaced_by_nothing(vendor, noon, reply):
    if reply is not None:
        vendor.months["2026-11"] = reply

    with pytest.raises(ProviderPlanError, match="that were there before are gone"):
        vendor.charges(noon, known_through=dt.datetime(2026, 11, 12, 8, tzinfo=dt.UTC))


def test_an_older_month_without_rows_is_left_as_it_is(vendor):
    now = dt.datetime(2026, 11, 4, 20, tzinfo=dt.UTC)
    vendor.bill("2026-11", answers.team())

    (window,) = vendor.charges(now, known_through=dt.datetime(2026, 11, 3, 8, tzinfo=dt.UTC))

    assert window.start == NOVEMBER
    assert len(vendor.asked) == 2


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        (Reply.json(answers.refused("not_found"), status=404), ProviderNotFoundError, "TEAM_ID"),
        (Reply(status=404), ProviderNotFoundError, "VERCEL_TEAM_ID"),
        (Reply.json(answers.refused("forbidden"), status=403), ProviderPermissionError, "Billing"),
        (
            Reply.json(answers.refused("forbidden", invalidToken=True), status=403),
            ProviderAuthError,
            "not accepted",
        ),
        (Reply.json(answers.refused("forbidden"), status=401), ProviderAuthError, "rejected"),
    ],
)
def test_a_refusal_says_what_to_do(vendor, noon, reply, error, said):
    vendor.months["2026-11"] = reply

    with pytest.raises(error, match=said) as caught:
        vendor.charges(noon, known_through=NOVEMBER)

    assert caught.value.__context__ is None
    assert vendor.pauses == []


@pytest.mark.parametrize("end", [1, 400, -1, -2, -40])
def test_a_body_whose_last_line_is_cut_is_an_error_of_the_whole(vendor, noon, end):
    body = answers.jsonl(answers.team())[: end - 1 if end < 0 else end]
    vendor.months["2026-11"] = Reply(body=body, headers={"content-type": "application/jsonl"})

    with pytest.raises(ProviderSchemaError):
        vendor.charges(noon, known_through=NOVEMBER)


def test_a_connection_that_breaks_between_two_lines_is_an_error_of_the_whole(vendor, noon):
    body = answers.jsonl(answers.team())
    vendor.months["2026-11"] = Reply(body=body, cut_at=body.index(b"\n") + 1)

    with pytest.raises(ProviderNetworkError):
        vendor.charges(noon, known_through=NOVEMBER)


def test_a_compressed_body_is_read_and_a_cut_one_refused(vendor, noon):
    body = gzip.compress(answers.jsonl(answers.team()))
    headers = {"content-encoding": "gzip", "content-type": "application/jsonl"}
    vendor.months["2026-11"] = Reply(body=body, headers=headers)
    assert len(vendor.charges(noon, known_through=NOVEMBER)[0].charges) == 10

    vendor.months["2026-11"] = Reply(body=body[:-20], headers=headers)

    with pytest.raises(ProviderNetworkError):
        vendor.charges(noon, known_through=NOVEMBER)


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"BilledCost": None}, "$[1].BilledCost"),
        ({"BilledCost": "NaN"}, "$[1].BilledCost"),
        ({"EffectiveCost": "Infinity"}, "$[1].EffectiveCost"),
        ({"BilledCost": 1e12}, "$[1].BilledCost"),
        ({"ConsumedQuantity": "NaN"}, "$[1]"),
        ({"BillingCurrency": "usd"}, "$[1].BillingCurrency"),
        ({"BillingCurrency": "US Dollars"}, "$[1].BillingCurrency"),
        ({"ChargeCategory": "Gift"}, "$[1].ChargeCategory"),
        ({"ChargePeriodStart": "2026-11-02"}, "$[].ChargePeriodStart"),
        ({"ChargePeriodStart": "2026-11-02T08:00:00"}, "$[].ChargePeriodStart"),
        ({"ServiceName": 5}, "$[1].ServiceName"),
        ({"ChargePeriodEnd": answers.FIRST}, "$[1].ChargePeriodEnd"),
        ({"Tags": {"ProjectId": [1]}}, "$[1].Tags.ProjectId"),
    ],
)
def test_a_row_that_is_wrong_is_named_and_nothing_is_used(vendor, noon, change, path):
    good = answers.team()[0]
    vendor.bill("2026-11", [good, {**good, **change}])

    with pytest.raises(ProviderSchemaError) as caught:
        vendor.charges(noon, known_through=NOVEMBER)

    assert caught.value.path == path
    assert caught.value.endpoint == f"GET {CHARGES}"


@pytest.mark.parametrize("field", ["BilledCost", "ServiceName", "ChargePeriodStart"])
def test_a_missing_field_is_never_a_zero(vendor, noon, field):
    row = answers.team()[0]
    del row[field]
    vendor.bill("2026-11", [row])

    with pytest.raises(ProviderSchemaError) as caught:
        vendor.charges(noon, known_through=NOVEMBER)

    assert caught.value.path == f"$[0].{field}"


def test_rows_of_other_days_are_left_out_and_said(vendor, noon):
    scheduled = answers.row("Pro", start="2026-11-20T08:00:00.000Z", BilledCost=20)
    earlier = answers.row("Pro", start="2026-10-20T07:00:00.000Z", BilledCost=20)
    vendor.bill("2026-11", [*answers.team(), scheduled, earlier])

    (window,) = vendor.charges(noon, known_through=NOVEMBER)

    assert len(window.charges) == 10
    assert [gap.reason for gap in window.gaps] == [
        "2 rows of other days than were asked for were left out"
    ]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"team_id": "team_x"}, {"teamId": "team_x"}),
        ({"team_id": "acme-web"}, {"slug": "acme-web"}),
        ({}, {}),
    ],
)
def test_a_team_is_named_by_its_id_or_slug(make_vendor, server, noon, options, sent):
    vendor = make_vendor(**options)
    vendor.bill("2026-11", [])

    vendor.charges(noon, known_through=NOVEMBER)

    (asked,) = server.asked
    assert {key: value for key, value in asked.query.items() if key not in {"from", "to"}} == sent


def test_an_error_in_an_older_month_leaves_the_newer_windows(vendor, noon):
    vendor.bill("2026-11", answers.team())
    vendor.months["2026-10"] = Reply(body=b"{")

    def read(provider):
        windows = provider.charges("web", noon, None)
        first = next(windows)
        with pytest.raises(ProviderSchemaError):
            next(windows)
        return first

    assert len(vendor(read).charges) == 10
