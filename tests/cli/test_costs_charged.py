"""`costmon costs`: what was charged this month, budgets and quotas."""

import contextlib
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

from werkzeug.serving import make_server

from costmon.cli import main
from costmon.cli.charged import charged_parts
from costmon.console.bars import Terminal
from costmon.domain.charge_report import ChargeFreshness, ChargeTotal
from costmon.errors import StoreUnavailableError
from costmon.state.forecast import Forecaster
from costmon.state.published import Published
from costmon.testing.clock import START
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


PLAIN = Terminal(columns=140, blocks=True, colour=False)


def total(amount, *, left_out=None, rates=(), **by_kind):
    return {
        "amount": amount,
        "currency": "USD",
        "by_kind": by_kind,
        "rates": list(rates),
        "left_out": left_out or {},
    }


def account(name="vercel", native=None, **facts):
    known: dict[str, Any] = {
        "account": name,
        "provider": name,
        "state": "up",
        "reason": None,
        "source": "ledger",
        "native": native or {},
        "total": total("3.21"),
        "observed_at": None,
        "last_complete_day": "2026-11-20",
        "gaps": [],
    }
    return {**known, **facts}


def month(*accounts, **facts):
    known: dict[str, Any] = {
        "month": "2026-11-01",
        "currency": "USD",
        "charges_loaded": True,
        "total": total("3.21", billed="3.21"),
        "unknown": [],
        "accounts": accounts,
        "months": [],
        "restated": [],
    }
    return {**known, **facts}


def budget(**facts):
    known: dict[str, Any] = {
        "scope": "provider:vercel",
        "period": "month",
        "period_start": "2026-11-01",
        "source": "charges",
        "enforced": False,
        "spent": "85",
        "limit": "100",
        "currency": "USD",
        "percent": Decimal("85.00"),
        "over": None,
        "left_out": [],
        "estimated": False,
        "rates": [],
    }
    return {**known, **facts}


def printed(whole=None, *, budgets=(), quotas=(), terminal=PLAIN):
    limits = {"budgets": budgets, "quotas": quotas}
    return "\n".join(charged_parts(whole or month(), limits, "UTC", terminal))


def words(text):
    return [line.split() for line in text.splitlines()]


def test_the_month_is_one_figure_and_how_its_parts_are_known():
    whole = month(
        total=total("15.346", billed="12.346", manual="3", rates=["1 EUR = 1.1 USD (ECB)"])
    )

    shown = printed(whole)

    assert "This month so far (November 2026): USD 15.35 (billed 12.35, manual 3.00)" in shown
    assert "Converted at 1 EUR = 1.1 USD (ECB)" in shown


def test_what_is_unknown_is_no_0_and_says_why():
    unread = account(
        source=None, total=total(None), reason="vercel: answered 500", last_complete_day=None
    )

    shown = printed(month(unread, total=total(None), unknown=["vercel"]))

    assert "This month so far (November 2026): unknown" in shown
    assert "Not included, because nothing is known of them: vercel" in shown
    assert ["vercel", "up", "?", "?", "vercel:", "answered", "500"] in words(shown)
    assert "0.00" not in shown


def test_an_amount_without_a_rate_is_named():
    shown = printed(month(total=total(None, left_out={"XAU": "7"})))

    assert "Not included, because there is no exchange rate: 7.00 XAU" in shown


def test_each_account_has_its_amounts_in_their_own_currencies():
    native = {"USD": {"billed": "1", "metered": "2"}, "EUR": {"billed": "7"}}

    shown = printed(month(account(native=native), account("manual", provider="ovh")))

    assert "1.00 USD + 7.00 EUR" in shown
    assert "2.00 USD" in shown
    assert "manual (ovh)" in shown


def test_a_narrow_terminal_has_the_kinds_of_an_account_in_one_column():
    native = {"USD": {"billed": "1", "metered": "2"}}

    shown = printed(month(account(native=native)), terminal=PLAIN._replace(columns=80))

    assert ["vercel", "up", "3.21", "billed,", "metered", "2026-11-20"] in words(shown)


def test_twelve_months_are_bars_and_an_unknown_one_is_a_question_mark():
    months = [
        {"month": "2026-09-01", "total": total(None), "unknown": ["vercel"]},
        {"month": "2026-10-01", "total": total("5"), "unknown": []},
        {"month": "2026-11-01", "total": total("10"), "unknown": []},
    ]

    shown = printed(month(months=months))

    assert ["2026-09", "?", "vercel"] in words(shown)
    assert ["2026-10", "5.00", "█" * 20] in words(shown)
    assert ["2026-11", "10.00", "█" * 40] in words(shown)


def test_a_terminal_without_block_characters_has_bars_in_ascii():
    months = [{"month": "2026-11-01", "total": total("10"), "unknown": []}]
    terminal = PLAIN._replace(blocks=False, columns=80)

    shown = printed(month(months=months), budgets=[budget()], terminal=terminal)

    assert shown.isascii()
    assert "#########." in shown


def test_a_budget_that_is_exceeded_says_by_how_much_before_all_tables():
    exceeded = budget(spent="112.5", percent=Decimal("112.50"), over="12.5")

    shown = printed(month(account()), budgets=[exceeded])
    coloured = printed(budgets=[exceeded], terminal=PLAIN._replace(colour=True))

    said = (
        "REACHED: provider:vercel month: 12.50 USD over 100.00 in the month from 2026-11-01, "
        "charged by vendors"
    )
    assert shown.index(said) < shown.index("Caps on the bill:")
    assert "12.50 over" in shown
    assert "\x1b" not in shown
    assert f"\x1b[31m{said}\x1b[0m" in coloured


def test_budgets_have_what_is_left_and_what_to_know_of_it():
    shown = printed(budgets=[budget(left_out=["XAU"], estimated=True)])

    assert "15.00 left" in shown
    assert "charged by vendors; without XAU: no exchange rate; partly estimated" in shown


def test_caps_on_the_bill_and_budgets_that_guards_enforce_are_apart():
    enforced = budget(source="guards", enforced=True, spent="5", percent=Decimal("5.00"))

    caps, _, guarded = printed(budgets=[budget(), enforced]).partition("Budgets that guards enf")

    assert "charged by vendors" in caps
    assert "reported by guards" in guarded


def test_an_unknown_amount_is_a_question_mark():
    shown = printed(budgets=[budget(spent=None, percent=None)])

    assert ["provider:vercel", "month", "2026-11-01", "?", "?", "100.00", "USD", "?"] in [
        line[:8] for line in words(shown)
    ]


def test_quotas_have_their_percentage_and_when_they_begin_again():
    shown = printed(
        quotas=[
            {
                "account": "vercel",
                "project": "shop",
                "quota": "requests",
                "unit": "Requests",
                "used": "1500",
                "limit": "1000",
                "percent": Decimal("150.00"),
                "over": "500",
                "resets_at": "2026-12-01T00:00:00Z",
                "plan": "hobby",
                "estimated": True,
            }
        ]
    )

    assert "REACHED: vercel/shop requests: 500.00 Requests over 1000.00" in shown
    assert "150.00  1500.00  1000.00  Requests  2026-12-01" in shown
    assert "500.00 over; plan hobby; estimated" in shown


def test_it_lists_what_was_restated_and_what_cannot_be_seen():
    gaps = [{"kind": "invoices", "reason": "needs the role Billing"}]
    restated = {
        "account": "vercel",
        "day": "2026-11-18",
        "service": "Edge",
        "billed_delta": "-0.75",
        "currency": "USD",
    }

    shown = printed(month(account(gaps=gaps), restated=[restated]))

    assert ["vercel", "2026-11-18", "Edge", "-0.75", "USD"] in words(shown)
    assert ["vercel", "invoices", "needs", "the", "role", "Billing"] in words(shown)


def test_no_name_from_outside_can_control_the_terminal():
    hostile = "\x1b[2J\u202e"
    gaps = [{"kind": hostile, "reason": hostile}]

    shown = printed(
        month(account(hostile, reason=hostile, gaps=gaps), unknown=[hostile]),
        budgets=[budget(scope=hostile, percent=Decimal(100))],
    )

    assert "\x1b" not in shown
    assert "\u202e" not in shown


def read(world):
    """Let the charges of Vercel have been read."""
    world.charges = Published(
        replace(
            world.charges.read(),
            is_loaded=True,
            by_service=(OF_VERCEL,),
            freshness=(
                ChargeFreshness(
                    account="vercel",
                    provider="vercel",
                    observed_at=START,
                    known_since=START,
                    complete_through=None,
                    last_complete_day=None,
                    day_zone="UTC",
                    gaps=(),
                ),
            ),
        )
    )


def test_the_command_prints_what_the_service_answers(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.poll()
    read(world)

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    shown = capsys.readouterr().out
    assert ["vercel", "off", "3.21"] in [line[:3] for line in words(shown)]
    assert "12.00 a month" in shown
    assert "\x1b" not in shown


def test_charges_are_printed_when_no_account_has_resources(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    read(world)

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    shown = capsys.readouterr().out
    assert ["vercel", "off", "3.21"] in [line[:3] for line in words(shown)]
    assert "Live resources" not in shown


def test_it_says_so_when_nothing_is_known_yet(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    with serving(World()) as port:
        assert main(["costs", "--port", port]) != 0

    assert "No cost data available yet" in capsys.readouterr().err


def test_when_every_account_fails_it_prints_why_and_no_0(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.fail(message="digitalocean: GET /v2/droplets: answered 401")

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    shown = capsys.readouterr().out
    assert "This month so far (November 2026): unknown" in shown
    assert "answered 401" in shown
    assert "0.00" not in shown


def test_a_database_that_cannot_be_read_hides_neither_the_month_nor_resources(
    capsys, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.poll()
    read(world)
    world.history_error = StoreUnavailableError("locked")

    with serving(world) as port:
        assert main(["costs", "--port", port]) == 0

    shown = capsys.readouterr().out
    assert "a month" in shown
    assert ["vercel", "off", "3.21"] in [line[:3] for line in words(shown)]


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
