"""The demo in its own process: four vendors, and a cap that is passed."""

import re
from decimal import Decimal

import pytest

from tests.journeys.service import Service

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

CAP = "provider:openai month"


def test_the_demo_has_four_vendors_and_tells_of_the_cap_that_is_passed(tmp_path):
    with Service(tmp_path, "--demo") as service:
        service.when("/healthz", 200)
        alert = service.wait_for("alerter.budget_exceeded", budget=CAP)
        for account in ("openai", "vercel", "manual"):
            service.wait_for("persister.reading_recorded", account=account, reading="charges")
        service.when("/api/v1/costs/current", 200)
        month = service.get("/api/v1/summary").json()["data"]["month"]
        limits = service.get("/api/v1/quotas").json()["data"]
        page = service.get("/").body.decode()
        assert service.terminate() == 0

    # On the first of a month Vercel has no day that is over.
    assert (set(month["unknown"]) - {"vercel"}, month["total"]["left_out"]) == (set(), {})
    assert {it["account"] for it in month["accounts"]} == {
        "digitalocean",
        "openai",
        "vercel",
        "manual",
    }
    parts = sum(Decimal(it["total"]["amount"] or 0) for it in month["accounts"])
    assert parts == Decimal(month["total"]["amount"]) > 0
    assert all(Decimal(it["total"]["amount"]) > 0 for it in month["months"])
    assert month["total"]["rates"][0].startswith("1 EUR = ")

    [passed] = [it for it in limits["budgets"] if it["over"] is not None and not it["enforced"]]
    assert (passed["scope"], passed["source"]) == ("provider:openai", "charges")
    assert {it["quota"] for it in limits["quotas"]} <= {
        "function_invocations",
        "fast_data_transfer",
    }
    assert "`costmon costs` shows what it is made of" in alert["text"]

    assert re.search(rf"<strong>{CAP}</strong>: \$\d+\.\d\d over \$120\.00, \w+ \d{{4}}", page)
