"""`costmon check --dry-run NAME` reads one account and shows its rows."""

import pytest

from costmon.cli import main
from costmon.testing import Reply, StubServer

TOKEN = "planted-token-0123456789"
FILE = """
[[custom]]
name = "acme"
url = "{url}"
headers = {{ Authorization = "Bearer {{ACME_TOKEN}}" }}
gaps = {{ tax = "not in the API" }}

[[custom.charges]]
path = "/costs"
rows = "data"
columns.BilledCost = "cost"
columns.BillingCurrency = "'EUR'"
columns.ServiceName = "service"
columns.ChargePeriodStart = "day"

[[custom.usage]]
path = "/limits"
rows = "limits"
columns = {{ quota = "name", unit = "'Requests'", used = "used", limit = "included" }}
"""
COSTS = b"""{"data": [
    {"day": "2026-11-19", "service": "Servers", "cost": 1.2345678},
    {"day": "2026-11-20", "service": "Di\\u001b[31msks", "cost": "0.5"}
]}"""
LIMITS = b'{"limits": [{"name": "calls", "used": 7, "included": 100}]}'


@pytest.fixture(autouse=True)
def vendor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACME_TOKEN", TOKEN)
    with StubServer() as server:
        (tmp_path / "costmon.toml").write_text(FILE.format(url=server.url))
        server.answer("/costs", Reply(body=COSTS))
        server.answer("/limits", Reply(body=LIMITS))
        yield server


@pytest.fixture(autouse=True)
def today(monkeypatch):
    from costmon import clock
    from costmon.testing.provider_contract import NOW

    monkeypatch.setattr(clock.SystemClock, "now", lambda _self: NOW)


def test_the_rows_are_shown_exactly_and_nothing_is_written(tmp_path, vendor, capsys):
    assert main(["check", "--dry-run", "acme"]) == 0

    out = capsys.readouterr().out
    assert "2026-11-19  Servers" in out
    assert "1.2345678  EUR" in out
    assert "2 rows, 1.7345678 EUR" in out
    assert "gap: tax: not in the API" in out
    assert "calls     7  Requests    100" in out
    assert TOKEN not in out
    assert "\x1b[31m" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["costmon.toml"]
    assert {asked.headers["authorization"] for asked in vendor.asked} == {f"Bearer {TOKEN}"}


def test_a_definition_that_does_not_fit_is_named_and_the_other_reading_is_shown(vendor, capsys):
    vendor.answer("/costs", Reply(body=b'{"items": []}'))

    assert main(["check", "--dry-run", "acme"]) == 1

    out = capsys.readouterr().out
    assert "charges: custom: GET /costs: custom[0].charges[0].rows = 'data' finds no list" in out
    assert "calls     7  Requests    100" in out


def test_an_account_that_is_not_there_is_named_with_those_that_are(capsys):
    assert main(["check", "--dry-run", "acne"]) == 1

    assert "acne: there is no such account; accounts: acme" in capsys.readouterr().err


def test_the_accounts_of_vendors_with_code_can_be_tried_too(vendor, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-0123456789")
    monkeypatch.setenv("OPENAI_API_URL", vendor.url)
    empty = Reply.json({"data": [], "has_more": False})
    vendor.answer("/organization/costs", empty)

    assert main(["check", "--dry-run", "openai"]) == 1

    out = capsys.readouterr().out
    assert "no rows" in out
    assert "usage: openai: GET /organization/usage/completions: not found" in out


def test_check_reads_it_as_every_account(vendor, monkeypatch, unused_port, capsys):
    monkeypatch.setenv("COSTMON_PORT", str(unused_port))

    assert main(["check"]) == 0

    out = capsys.readouterr().out
    assert "charges: 1.7345678 EUR in 2 rows" in out
    assert "usage: calls 7 Requests" in out


def test_simulated_accounts_are_not_tried(capsys):
    assert main(["check", "--dry-run", "acme", "--demo"]) == 1

    assert "the accounts of --demo are simulated" in capsys.readouterr().err
