"""`costmon costs`: what was charged this month, budgets and quotas."""

import contextlib
import threading
from decimal import Decimal
from typing import Any

from werkzeug.serving import make_server

from costmon.cli import main
from costmon.cli.charged import charged_parts
from costmon.domain.charge_report import ChargeTotal
from costmon.errors import StoreUnavailableError
from costmon.state.forecast import Forecaster
from tests.api.conftest import World
from tests.state import test_forecast as ledger


@contextlib.contextmanager
def serving(world):
    """Serve the real API of a world, and yield its port."""
    server = make_server("127.0.0.1", 0, world.app())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield str(server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


OF_VERCEL = ChargeTotal(
    group="vercel",
    account="vercel",
    provider="vercel",
    currency="USD",
    basis="metered",
    label="vercel",
    billed=Decimal("3.21"),
    effective=Decimal("3.21"),
    charge_count=1,
)


def charge(billed, *, account="vercel", currency="USD", basis="billed"):
    return {
        "account": account,
        "provider": account,
        "currency": currency,
        "basis": basis,
        "billed": billed,
    }


def fresh(**facts):
    known: dict[str, Any] = {
        "account": "vercel",
        "provider": "vercel",
        "reason": None,
        "last_complete_day": "2026-11-20",
        "gaps": [],
    }
    return {**known, **facts}


def printed(*charges, freshness=(), restated=(), budgets=(), quotas=()):
    meta = {"from": "2026-11-01", "freshness": freshness, "restated": restated}
    parts = charged_parts(
        {"data": charges, "meta": meta}, {"data": {"budgets": budgets, "quotas": quotas}}, "UTC"
    )
    return "\n".join(parts)


def words(text):
    return [line.split() for line in text.splitlines()]


def test_nothing_is_printed_when_there_is_nothing():
    assert printed(freshness=[fresh()]) == ""


def test_each_account_and_currency_has_a_line_and_each_basis_a_column():
    shown = printed(
        charge("12.346", basis="billed"),
        charge("3", basis="metered"),
        charge("7", currency="EUR"),
        freshness=[fresh()],
    )

    assert ["vercel", "USD", "12.35", "3.00", "2026-11-20"] in words(shown)
    assert ["vercel", "EUR", "7.00", "2026-11-20"] in words(shown)


def test_an_account_is_followed_by_its_vendor_when_they_differ():
    rows = (charge("6", account="manual"), charge("250", account="manual"))
    rows[0]["provider"], rows[1]["provider"] = "ionos", "ovh"

    shown = printed(*rows)

    assert "manual (ionos)" in shown
    assert "manual (ovh)" in shown


def test_a_vendor_that_never_said_what_is_complete_is_a_question_mark():
    shown = printed(charge("1"), freshness=[fresh(last_complete_day=None)])

    assert ["vercel", "USD", "1.00", "?"] in words(shown)


def test_budgets_and_quotas_have_their_percentage_and_what_to_know_of_it():
    shown = printed(
        budgets=[
            {
                "scope": "provider:vercel",
                "period": "month",
                "spent": "85",
                "limit": "100",
                "currency": "USD",
                "percent": Decimal("85.00"),
                "left_out": ["XAU"],
                "estimated": True,
                "rates": [],
            }
        ],
        quotas=[
            {
                "account": "vercel",
                "project": "shop",
                "quota": "requests",
                "unit": "Requests",
                "used": "333",
                "limit": "1000",
                "percent": Decimal("33.30"),
                "resets_at": "2026-12-01T00:00:00Z",
                "plan": "hobby",
                "estimated": True,
            }
        ],
    )

    assert "provider:vercel month  85.00  100.00  USD         85.00  without XAU" in shown
    assert "; partly estimated" in shown
    assert "vercel/shop  requests  333.00  1000.00  Requests    33.30  2026-12-01" in shown
    assert "plan hobby; estimated" in shown


def test_an_unknown_amount_is_a_question_mark_and_not_0():
    budget: dict[str, Any] = {
        "scope": "provider:aws",
        "period": "month",
        "spent": None,
        "limit": "100",
        "currency": "USD",
        "percent": None,
        "left_out": [],
        "estimated": False,
        "rates": [],
    }

    assert ["provider:aws", "month", "?", "100.00", "USD", "?"] in words(printed(budgets=[budget]))


def test_it_lists_what_was_restated_and_what_may_be_missing():
    shown = printed(
        freshness=[
            fresh(
                reason="vercel: GET /charges: answered 500",
                gaps=[{"kind": "invoices", "reason": "needs the role Billing"}],
            )
        ],
        restated=[
            {
                "account": "vercel",
                "day": "2026-11-18",
                "service": "Edge",
                "billed_delta": "-0.75",
                "currency": "USD",
            }
        ],
    )

    assert ["vercel", "2026-11-18", "Edge", "-0.75", "USD"] in words(shown)
    assert "not up to date" in shown
    assert "answered 500" in shown
    assert "not visible: invoices  needs the role Billing" in shown


def test_the_command_prints_what_the_service_answers(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.poll()
    world.totals = (OF_VERCEL,)

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    assert ["vercel", "USD", "3.21", "?"] in words(capsys.readouterr().out)


def test_charges_are_printed_when_no_account_has_resources(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.totals = (OF_VERCEL,)

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    assert ["vercel", "USD", "3.21", "?"] in words(capsys.readouterr().out)


def test_it_says_so_when_nothing_is_known_yet(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    with serving(World()) as port:
        assert main(["costs", "--port", port]) != 0

    assert "No cost data available yet" in capsys.readouterr().err


def test_a_ledger_that_cannot_be_read_does_not_hide_current_costs(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.poll()
    world.history_error = StoreUnavailableError("locked")

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    shown = capsys.readouterr().out
    assert "a month" in shown
    assert "Charges cannot be read at the moment" in shown


def test_the_forecast_has_a_line_for_each_vendor_and_the_total(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.poll()
    state = ledger.charges(
        *ledger.days(60, "10"),
        *ledger.days(3, "5", account="work", provider="openai"),
        read=[ledger.fresh(), ledger.fresh("work", "openai")],
    )
    maker = Forecaster(subscriptions=(), rates=world.rates, currency="USD")
    world.charges.publish(maker.added_to(state, (), ledger.NOW))

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    out = capsys.readouterr().out
    assert "Forecast to the end of 2026-11 (low to high: 8 of 10 cases):" in out
    lines = words(out)
    assert ["vercel", "USD", "200.00", "300.00", "300.00", "300.00", "10.00", "0.0%"] in lines
    assert ["openai", "USD", "15.00", "?", "?", "?", "?", "work:", "too", "little"] in [
        line[:10] for line in lines
    ]
    assert ["total", "USD", "215.00", "315.00", "?", "?", "10.00", "0.0%"] in [
        line[:8] for line in lines
    ]
