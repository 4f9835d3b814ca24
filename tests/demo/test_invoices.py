"""What the simulated vendor bills, as a client reads it."""

from decimal import Decimal

import pytest

from costmon.demo import invoices_json

INVOICES = "/v2/customers/my/invoices"


def test_a_year_of_invoices_and_a_preview_are_listed(vendor):
    answer = vendor.json(INVOICES)

    periods = [invoice["invoice_period"] for invoice in answer["invoices"]]
    assert periods[0] == "2026-10"
    assert len(periods) == len(set(periods)) == answer["meta"]["total"] == 11
    assert answer["invoice_preview"]["invoice_period"] == "2026-11"
    assert "updated_at" in answer["invoice_preview"]


def test_the_lines_of_every_invoice_add_up_to_its_amount(vendor):
    answer = vendor.json(INVOICES)

    for invoice in (answer["invoice_preview"], *answer["invoices"]):
        path = f"{INVOICES}/{invoice['invoice_uuid']}"
        lines = vendor.json(path, per_page=200)["invoice_items"]
        assert sum(Decimal(line["amount"]) for line in lines) == Decimal(invoice["amount"])
        assert vendor.json(f"{path}/summary")["amount"] == invoice["amount"]


def test_the_balance_says_what_the_preview_says(vendor):
    balance = vendor.json("/v2/customers/my/balance")
    preview = vendor.json(INVOICES)["invoice_preview"]

    assert balance["month_to_date_usage"] == preview["amount"]
    assert balance["generated_at"] == preview["updated_at"]


def insights(vendor, first, last, **query):
    team = vendor.json("/v2/account")["account"]["team"]["uuid"]
    return vendor.get(f"/v2/billing/do:team:{team}/insights/{first}/{last}", **query)


def test_a_day_that_is_over_has_a_cost_for_each_line(vendor):
    points = insights(vendor, "2026-11-19", "2026-11-21").json()["data_points"]

    assert {point["start_date"] for point in points} == {"2026-11-19", "2026-11-20"}
    assert all(Decimal(point["total_amount"]) > 0 for point in points)


def test_insights_come_in_pages(vendor):
    whole = insights(vendor, "2026-11-01", "2026-11-21", per_page=200).json()
    second = insights(vendor, "2026-11-01", "2026-11-21", per_page=3, page=2).json()

    assert (second["current_page"], second["total_items"]) == (2, whole["total_items"])
    assert second["data_points"] == whole["data_points"][3:6]


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        ("2026-11-01", "2026-12-02", 422),
        ("2026-11-02", "2026-11-01", 422),
        ("2026-11-00", "2026-11-01", 404),
    ],
)
def test_days_that_the_vendor_does_not_serve_are_refused(vendor, first, last, status):
    assert insights(vendor, first, last).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        f"{INVOICES}/unknown",
        f"/v2/billing/do:team:{invoices_json.render_team_id('x')}/insights/2026-11-01/2026-11-02",
    ],
)
def test_what_is_not_there_is_not_found(vendor, path):
    assert vendor.get(path).status_code == 404
