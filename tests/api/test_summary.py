"""The summary: current totals, and the bill of the month."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from costmon.domain.charge_report import ChargeFreshness, ChargeTotal
from costmon.state import fold
from costmon.state.published import Published
from costmon.testing.clock import START
from costmon.testing.samples import failure, report

SUMMARY = "/api/v1/summary"
VERCEL = fold.Start(name="vercel", provider="vercel", intervals={"charges": 3600.0})


def only_vercel(world):
    """Let the only account be one whose vendor has charges and no inventory."""
    world.snapshot = fold.first((VERCEL,), {}, now=START, demo=False)
    world.cell.publish(replace(world.snapshot, sequence=50))


def charged(world, *rows):
    world.charges = Published(
        replace(
            world.charges.read(),
            is_loaded=True,
            by_service=tuple(
                ChargeTotal(
                    group="Edge",
                    account="vercel",
                    provider="vercel",
                    currency=currency,
                    basis=basis,
                    label="Edge",
                    billed=Decimal(amount),
                    effective=Decimal(amount),
                    charge_count=1,
                )
                for amount, currency, basis in rows
            ),
            freshness=(
                ChargeFreshness(
                    account="vercel",
                    provider="vercel",
                    observed_at=START,
                    known_since=dt.datetime(2026, 10, 1, tzinfo=dt.UTC),
                    complete_through=START,
                    last_complete_day=dt.date(2026, 11, 20),
                    day_zone="UTC",
                    gaps=(),
                ),
            ),
        )
    )


def month_of(world):
    answer = world.client().get(SUMMARY)
    assert answer.status_code == 200
    return answer.json["data"]["month"]


def test_the_month_keeps_kinds_apart_and_names_the_rate_of_a_conversion(world):
    only_vercel(world)
    charged(world, ("10.50", "USD", "billed"), ("2", "EUR", "manual"), ("1", "XAU", "billed"))

    month = month_of(world)

    assert month["month"] == "2026-11-01"
    assert month["total"]["by_kind"]["billed"] == "10.5"
    assert set(month["total"]["by_kind"]) == {"billed", "manual"}
    assert Decimal(month["total"]["amount"]) > Decimal("10.5")
    assert month["total"]["rates"][0].startswith("1 EUR = ")
    assert month["total"]["left_out"] == {"XAU": "1"}
    [account] = month["accounts"]
    assert account["native"]["EUR"] == {"manual": "2"}
    assert account["last_complete_day"] == "2026-11-20"


def test_the_total_is_in_the_currency_that_is_set(world):
    world.currency = "EUR"
    only_vercel(world)
    charged(world, ("2", "EUR", "billed"))

    assert month_of(world)["total"]["amount"] == "2"
    assert month_of(world)["total"]["currency"] == "EUR"


def test_a_service_without_resources_has_a_summary_whose_run_rate_is_unknown(world):
    only_vercel(world)
    charged(world, ("2", "USD", "billed"))

    data = world.client().get(SUMMARY).json["data"]

    assert (data["total_monthly"], data["resource_count"], data["as_of"]) == (None, None, None)
    assert data["month"]["total"]["amount"] == "2"


def test_when_every_account_fails_the_amounts_are_null_and_the_reasons_are_said(world):
    only_vercel(world)
    world.cell.publish(
        replace(
            fold.failed(
                world.snapshot,
                report(account="vercel", provider="vercel", reading="charges"),
                failure(message="vercel: GET /v1/billing/charges: answered 500"),
                START,
            ),
            sequence=51,
        )
    )

    month = month_of(world)

    assert (month["total"]["amount"], month["unknown"]) == (None, ["vercel"])
    assert month["accounts"][0]["reason"] == "vercel: GET /v1/billing/charges: answered 500"
    assert {one["total"]["amount"] for one in month["months"]} == {None}


def test_the_months_before_the_ledger_begins_are_null(world):
    only_vercel(world)
    charged(world, ("2", "USD", "billed"))

    amounts = {one["month"]: one["total"]["amount"] for one in month_of(world)["months"]}

    assert len(amounts) == 12
    assert (amounts["2026-09-01"], amounts["2026-10-01"], amounts["2026-11-01"]) == (None, "0", "2")
