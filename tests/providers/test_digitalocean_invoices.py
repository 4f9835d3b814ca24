"""Charges: one source for each month, and in sum what the invoice says."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import (
    ProviderError,
    ProviderNotFoundError,
    ProviderPermissionError,
    ProviderSchemaError,
)
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
NOVEMBER = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
OCTOBER = dt.datetime(2026, 10, 1, tzinfo=dt.UTC)
KNOWN = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
SUMMARY = f"{do.PREVIEW}/summary"


def refusal(path, kind=ProviderPermissionError, status=403):
    return kind(
        provider="digitalocean", endpoint=f"GET {path}", detail="refused", hint="", status=status
    )


def missing(path):
    return refusal(path, ProviderNotFoundError, 404)


def read(answers, now=NOW, known_through=KNOWN):
    encoded = {
        path: answer if isinstance(answer, ProviderError) else json.dumps(answer).encode()
        for path, answer in answers.items()
    }
    outbound = FakeOutbound(encoded)
    return list(DigitalOcean(outbound, {}).charges("work", now, known_through)), outbound.asked


def of_november(lines, amount, **answers):
    """Read the one window of an account that has a preview and nothing else."""
    windows, _ = read(
        {do.INVOICES: do.invoices([], amount=amount), do.PREVIEW: do.items(lines), **answers}
    )
    (window,) = windows
    return window


def summed(charges):
    return sum((charge.billed_cost for charge in charges), Decimal(0))


def summary(**parts):
    """Return the summary of an invoice, with the personal data that it has."""
    return {
        "invoice_uuid": "preview-uuid",
        "amount": "0.00",
        "user_name": "Sammy Shark",
        "user_email": "sammy@example.com",
        "user_billing_address": {"address_line1": "101 Shark Row", "city": "Atlantis"},
        "product_charges": {"name": "Product usage charges", "amount": "10.00", "items": []},
        **{name: {"name": name, "amount": amount} for name, amount in parts.items()},
    }


def test_a_line_of_the_preview_is_a_row_as_it_is_written():
    window = of_november([do.item("8.030", group_description="pool")], "8.03")

    (row,) = window.charges
    assert str(row.billed_cost) == "8.030"
    assert (row.billing_currency, row.basis, row.charge_category) == ("USD", "billed", "Usage")
    assert (row.service_name, row.service_category) == ("Droplets", "Compute")
    assert (row.sub_account_name, row.sub_account_type) == ("shop", "project")
    assert (row.resource_id, row.resource_type) == ("droplet-101", "Droplets")
    assert row.charge_description == "pool: web-101 (s-1vcpu-2gb)"
    assert (row.consumed_quantity, row.consumed_unit) == (480, "Hours")
    assert row.charge_period_start == NOVEMBER
    assert row.charge_period_end == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    assert row.invoice_id is None
    assert json.loads(row.raw)["amount"] == "8.030"


def test_the_running_month_says_how_far_it_counts_and_calls_no_day_complete():
    window = of_november([do.item()], "8.03")

    assert (window.start, window.end) == (NOVEMBER, NOW)
    assert (window.intake, window.day_zone) == ("replace", "UTC")
    assert window.complete_through is None
    assert window.counted_through == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    assert window.gaps == ()


def test_a_month_that_is_over_comes_from_its_invoice_and_not_from_a_preview_of_it():
    closed = [do.invoice("october-uuid", "2026-10", "10.00")]
    old_preview = do.invoice("preview-uuid", "2026-10", "9.50")

    windows, asked = read(
        {
            do.INVOICES: do.invoices(closed, old_preview),
            do.OCTOBER: do.items([do.item("10.00", start_time="2026-10-05T00:00:00Z")]),
        }
    )

    assert [(window.start, window.end) for window in windows] == [(OCTOBER, NOVEMBER)]
    assert windows[0].charges[0].invoice_id == "october-uuid"
    assert windows[0].counted_through == NOVEMBER
    assert not any("preview-uuid" in path for path in asked)


def test_an_invoice_of_the_running_month_is_not_added_to_the_preview():
    windows, _ = read(
        {
            do.INVOICES: do.invoices([do.invoice("early", "2026-11", "99.00")], amount="8.03"),
            do.PREVIEW: do.items([do.item("8.03")]),
        }
    )

    assert summed(windows[0].charges) == Decimal("8.03")


def test_last_months_preview_is_used_until_its_invoice_is_there():
    now = dt.datetime(2026, 12, 1, 3, tzinfo=dt.UTC)
    preview = do.invoice("preview-uuid", "2026-11", "8.03", updated_at="2026-11-30T06:00:00Z")

    windows, _ = read(
        {do.INVOICES: do.invoices([], preview), do.PREVIEW: do.items([do.item("8.03")])}, now
    )

    (window,) = windows
    assert (window.start, window.end) == (NOVEMBER, dt.datetime(2026, 12, 1, tzinfo=dt.UTC))
    assert window.counted_through == dt.datetime(2026, 11, 30, tzinfo=dt.UTC)


def test_nothing_is_said_of_a_month_whose_invoice_is_late_but_that_it_is():
    september = [do.invoice("september", "2026-09", "1.00")]

    windows, _ = read(
        {
            do.INVOICES: do.invoices(september, amount="8.03"),
            do.PREVIEW: do.items([do.item("8.03")]),
        }
    )

    assert [window.start for window in windows] == [NOVEMBER]
    assert [(gap.kind, gap.reason) for gap in windows[0].gaps] == [
        ("invoice", "the invoice of 2026-10 is not issued yet")
    ]


def test_all_invoices_of_a_month_are_in_its_window():
    closed = [do.invoice(f"uuid-{n}", "2026-10", "5.00") for n in (1, 2)]
    line = do.item("5.00", start_time="2026-10-01T00:00:00Z", end_time="2026-10-09T00:00:00Z")

    windows, _ = read(
        {
            do.INVOICES: do.invoices(closed, do.invoice("p", "2026-11", "0")),
            f"{do.INVOICES}/p": do.items([]),
            **{f"{do.INVOICES}/uuid-{n}": do.items([line]) for n in (1, 2)},
        }
    )

    assert summed(windows[1].charges) == Decimal("10.00")
    assert [row.invoice_id for row in windows[1].charges] == ["uuid-1", "uuid-2"]


def test_taxes_and_credits_that_are_no_items_are_rows():
    parts = summary(taxes="1.90", credits_and_adjustments="-5.00", overages="0.00")

    window = of_november([do.item("10.00")], "6.90", **{SUMMARY: parts})

    rows = {row.service_name: (row.charge_category, row.billed_cost) for row in window.charges[1:]}
    assert rows == {
        "Taxes": ("Tax", Decimal("1.90")),
        "Credits & adjustments": ("Credit", Decimal("-5.00")),
    }
    assert window.charges[1].charge_period_end == dt.datetime(2026, 12, 1, tzinfo=dt.UTC)
    assert summed(window.charges) == Decimal("6.90")


def test_taxes_that_are_items_already_are_not_added_again():
    parts = summary(taxes="1.90", credits_and_adjustments="-5.00")
    lines = [do.item("10.00"), do.item("1.90", product="Taxes")]

    window = of_november(lines, "6.90", **{SUMMARY: parts})

    assert [(row.service_name, row.charge_category) for row in window.charges] == [
        ("Droplets", "Usage"),
        ("Taxes", "Tax"),
        ("Credits & adjustments", "Credit"),
    ]
    assert summed(window.charges) == Decimal("6.90")


@pytest.mark.parametrize(
    "answer", [summary(taxes="1.90"), summary(), {}, missing(SUMMARY)], ids=repr
)
def test_what_no_sum_explains_is_a_row_of_its_own(answer):
    window = of_november([do.item("10.00")], "12.34", **{SUMMARY: answer})

    row = window.charges[1]
    assert (row.service_name, row.charge_category) == ("Not itemized", "Adjustment")
    assert row.billed_cost == Decimal("2.34")
    assert summed(window.charges) == Decimal("12.34")


def test_the_summary_is_not_asked_for_when_the_items_are_the_invoice():
    _, asked = read(
        {do.INVOICES: do.invoices([], amount="8.03"), do.PREVIEW: do.items([do.item()])}
    )

    assert not any("summary" in path for path in asked)


def test_who_the_customer_is_goes_nowhere():
    window = of_november([do.item("10.00")], "11.90", **{SUMMARY: summary(taxes="1.90")})

    held = repr([window, window.charges])
    assert not any(word in held for word in ("Sammy", "sammy@", "Shark Row"))


def test_a_negative_line_is_kept():
    lines = [
        do.item("10.00"),
        do.item("-2.50", product="Droplets", description="Promotional credit"),
        do.item("-0.50", product="Droplets", description="Correction of usage"),
    ]

    window = of_november(lines, "7.00")

    assert [row.charge_category for row in window.charges] == ["Usage", "Credit", "Adjustment"]
    assert [row.consumed_quantity for row in window.charges] == [480, None, None]
    assert summed(window.charges) == Decimal("7.00")


def test_lines_that_differ_in_nothing_but_the_amount_are_rows_of_their_own():
    window = of_november([do.item("1.00"), do.item("2.00"), do.item("1.00")], "4.00")

    assert [row.billed_cost for row in window.charges] == [1, 2, 1]
    assert len({row.source_row_key for row in window.charges}) == 3


@pytest.mark.parametrize(
    "times",
    [
        {"start_time": "2018-06-20T08:44:38Z", "end_time": "2018-06-21T08:44:38Z"},
        {"start_time": None, "end_time": None},
        {"start_time": "", "end_time": ""},
        {"start_time": "2026-12-05T00:00:00Z", "end_time": "2026-12-06T00:00:00Z"},
        {"start_time": "2026-11-05T00:00:00Z", "end_time": "2026-11-02T00:00:00Z"},
        {"start_time": "2026-11-30T00:00:00Z", "end_time": "2026-12-01T00:00:00Z"},
        {"start_time": "soon", "end_time": 7},
    ],
    ids=repr,
)
def test_a_line_with_times_that_are_not_of_the_month_is_for_the_whole_month(times):
    """The duration of 672 hours beside a period of a day is the vendor's own."""
    window = of_november([do.item("12.34", duration="672", **times)], "12.34")

    (row,) = window.charges
    assert (row.charge_period_start, row.charge_period_end) == (
        NOVEMBER,
        dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
    )
    assert row.consumed_quantity == 672


@pytest.mark.parametrize("duration", [None, "", "many", "-1", "1e-99", [], {}], ids=repr)
def test_a_duration_that_is_no_number_is_left_out(duration):
    window = of_november([do.item(duration=duration)], "8.03")

    assert window.charges[0].consumed_quantity is None
    assert window.charges[0].consumed_unit is None


def test_a_preview_that_cannot_be_read_as_an_invoice_is_one_row():
    window = of_november([], "34.56", **{do.PREVIEW: missing(do.PREVIEW)})

    (row,) = window.charges
    assert (row.service_name, row.billed_cost) == ("Month to date", Decimal("34.56"))
    assert [gap.kind for gap in window.gaps] == ["items"]


def test_a_token_without_the_billing_scope_is_a_gap_that_changes_nothing():
    answers = {do.INVOICES: refusal(do.INVOICES), do.DROPLETS: do.listing("droplets", [])}

    windows, _ = read(answers)

    (window,) = windows
    # Rows of a window that is restated stay when they are not in it.
    assert (window.intake, window.charges, window.counted_through) == ("restate", (), None)
    assert [(gap.kind, gap.reason) for gap in window.gaps] == [
        ("charges", "not visible with this token (needs billing:read)")
    ]


def test_an_account_without_a_preview_is_a_gap_and_no_empty_month():
    listing = do.invoices([])
    del listing["invoice_preview"]

    windows, _ = read({do.INVOICES: listing})

    (window,) = windows
    assert (window.intake, window.charges) == ("restate", ())
    assert [gap.kind for gap in window.gaps] == ["charges"]


def test_pages_of_items_are_read_to_the_end():
    lines = [do.item("1.00", resource_uuid=f"droplet-{n}") for n in range(5)]
    whole = do.items(lines)
    pages = {}
    for number in (1, 2, 3):
        page = {**whole, "invoice_items": lines[2 * number - 2 : 2 * number]}
        if number < 3:
            page["links"] = {"pages": {"next": f"?page={number + 1}"}}
        pages[f"{do.PREVIEW}?page={number}"] = page

    windows, asked = read({do.INVOICES: do.invoices([], amount="5.00"), **pages})

    assert summed(windows[0].charges) == Decimal("5.00")
    assert len([path for path in asked if "preview-uuid" in path]) == 3


def page_of(ids, total, following):
    lines = [do.item("1.00", resource_uuid=f"droplet-{n}") for n in ids]
    page = do.listing("invoice_items", lines, total=total)
    if following:
        page["links"] = {"pages": {"next": f"?page={following}"}}
    return page


@pytest.mark.parametrize(
    "pages",
    [
        pytest.param([page_of([1, 2], 4, 2), page_of([1, 2], 4, None)], id="the same page again"),
        pytest.param([page_of([1, 2], 3, 2), page_of([3, 4], 4, None)], id="one more meanwhile"),
        pytest.param([page_of([1, 2], 3, 2), page_of([3], 2, None)], id="one less meanwhile"),
        pytest.param(
            [page_of([1, 2], 4, 2), page_of([3], 4, None), page_of([], 4, None)], id="short"
        ),
        pytest.param([page_of([1, 2], 3, 2), page_of([3, 4], 3, None)], id="more than the total"),
    ],
)
def test_items_that_change_while_they_are_read_are_no_month(pages):
    answers = {f"{do.PREVIEW}?page={number}": page for number, page in enumerate(pages, start=1)}

    with pytest.raises(ProviderSchemaError, match="incomplete") as caught:
        read({do.INVOICES: do.invoices([], amount="5.00"), **answers})

    assert do.PREVIEW in str(caught.value)


def test_a_later_page_that_is_refused_is_no_gap():
    pages = {
        f"{do.PREVIEW}?page=1": page_of([1, 2], 3, 2),
        f"{do.PREVIEW}?page=2": refusal(do.PREVIEW),
    }

    with pytest.raises(ProviderSchemaError, match="page 2 was refused"):
        read({do.INVOICES: do.invoices([], amount="5.00"), **pages})


@pytest.mark.parametrize("uuid", ["../balance", "a/b", "", "a?b=c", "%2e%2e"])
def test_an_id_that_is_none_becomes_no_path(uuid):
    with pytest.raises(ProviderSchemaError, match="invoice_uuid"):
        read({do.INVOICES: do.invoices([], do.invoice(uuid, "2026-11", "1.00"))})


def test_the_invoice_of_last_month_is_read_again_at_every_poll():
    closed = [do.invoice("october-uuid", "2026-10", "8.03"), do.invoice("s", "2026-09", "9.00")]
    line = do.item("8.03", start_time="2026-10-01T00:00:00Z", end_time="2026-10-09T00:00:00Z")
    answers = {
        do.INVOICES: do.invoices(closed, amount="0"),
        do.PREVIEW: do.items([]),
        do.OCTOBER: do.items([line]),
    }

    windows, asked = read(answers)

    assert [window.start for window in windows] == [NOVEMBER, OCTOBER]
    assert len(asked) == 3
