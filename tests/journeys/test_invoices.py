"""What the simulated account's invoices say, as it arrives at the API of the real process."""

from decimal import Decimal

import pytest

from tests.journeys.service import CURRENT, run

pytestmark = pytest.mark.process


def test_each_month_that_is_over_costs_what_its_invoice_says(tmp_path, vendor):
    closed = vendor.holdings.bills[1:]
    first, last = min(bill.period for bill in closed), max(bill.period for bill in closed)

    with run(tmp_path, vendor) as service:
        service.wait_for("persister.reading_recorded", reading="charges")
        answer = service.get(f"/api/v1/charges?from={first}-01&to={last}-28&group_by=month")
        service.terminate()

    months = {row["group"][:7]: Decimal(row["billed"]) for row in answer.json()["data"]}
    assert months == {bill.period: bill.amount for bill in closed}


def test_a_token_without_the_billing_scope_leaves_the_inventory_and_no_zero(tmp_path, vendor):
    vendor.faults.forbid("invoice")

    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        service.wait_for("persister.reading_recorded", reading="charges")
        current = service.get(CURRENT).json()
        account = service.get("/api/v1/providers").json()["data"][0]
        charges = service.get("/api/v1/charges").json()
        service.terminate()

    assert current["data"]["total_monthly"] > 0
    assert account["state"] == "up"
    assert "needs billing:read" in str(account)
    assert charges["data"] == []
