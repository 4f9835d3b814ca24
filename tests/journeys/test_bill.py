"""The bill over several vendors in a real process: the demo's, and one where vendors fail."""

import os
import re
import subprocess
import sys
from decimal import Decimal

import pytest

from costmon.clock import SystemClock
from costmon.demo import BillingServer
from tests.journeys.service import PATIENCE_S, Service, run

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

CAP = "provider:openai month"


@pytest.fixture
def billing():
    server = BillingServer(SystemClock())
    server.start()
    yield server
    server.stop()


def test_the_demo_has_several_vendors_and_tells_of_the_cap_that_is_passed(tmp_path):
    with Service(tmp_path, "--demo") as service:
        service.when("/healthz", 200)
        alert = service.wait_for("alerter.budget_exceeded", budget=CAP)
        for account in ("openai", "supabase", "vercel", "manual"):
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
        "supabase",
        "vercel",
        "manual",
    }
    parts = sum(Decimal(it["total"]["amount"] or 0) for it in month["accounts"])
    assert parts == Decimal(month["total"]["amount"]) > 0
    assert all(Decimal(it["total"]["amount"]) > 0 for it in month["months"])
    assert month["total"]["rates"][0].startswith("1 EUR = ")

    [passed] = [it for it in limits["budgets"] if it["over"] is not None and not it["enforced"]]
    assert (passed["scope"], passed["source"]) == ("provider:openai", "charges")
    assert "disk_used" in {it["quota"] for it in limits["quotas"]}
    assert [it["quota"] for it in limits["quotas"] if it["over"]] == []
    assert {"billed", "estimated", "manual"} == set(month["total"]["by_kind"])
    assert "`costmon costs` shows what it is made of" in alert["text"]

    assert re.search(rf"<strong>{CAP}</strong>: \$\d+\.\d\d over \$120\.00, \w+ \d{{4}}", page)


def test_what_fails_and_what_is_off_is_said_and_is_no_0(tmp_path, vendor, billing):
    tokens = {"OPENAI_ADMIN_KEY": "wrong-key-0123456789", "WASABI_ACCESS_KEY": "half-of-a-key-0123"}
    url = billing.urls["openai"]
    with run(tmp_path, vendor, OPENAI_API_URL=url, **tokens) as service:
        service.when("/api/v1/costs/current", 200)
        service.wait_for("alerter.account_unreadable", account="openai")
        month = service.get("/api/v1/summary").json()["data"]["month"]
        page = service.get("/").body.decode()
        printed = subprocess.run(
            [sys.executable, "-m", "costmon", "costs", "--port", str(service.port)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Service.ROOT)},
            capture_output=True,
            check=True,
            text=True,
            timeout=PATIENCE_S,
        ).stdout
        assert service.terminate() == 0

    bills = {it["account"]: it for it in month["accounts"]}
    assert bills["openai"]["state"] == "blind"
    assert "401" in bills["openai"]["reason"]
    assert bills["wasabi"]["state"] == "off"
    assert bills["wasabi"]["reason"] == "it is off, because WASABI_SECRET_KEY is not set"
    assert {bills[name]["total"]["amount"] for name in ("openai", "wasabi")} == {None}
    assert Decimal(bills["digitalocean"]["total"]["amount"]) > 0
    assert month["unknown"] == ["openai", "wasabi"]
    for shown in (page, printed):
        assert "nothing is known of them: openai, wasabi" in " ".join(shown.split())
        assert "WASABI_SECRET_KEY is not set" in shown
        assert "wrong-key" not in shown
