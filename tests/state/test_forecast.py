"""Which forecasts follow from what is published: charges, live inventories, manual entries."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.charge_report import ChargeFreshness, ChargeTotal, PastRate
from costmon.domain.resource import Balance
from costmon.domain.subscription import Subscription
from costmon.pricing import fx
from costmon.state import fold
from costmon.state.charges import nothing_known
from costmon.state.forecast import Forecaster, budget_forecasts
from costmon.testing.samples import inventory, report, resource

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
TODAY = NOW.date()
MONTH = dt.date(2026, 11, 1)
DAY = dt.timedelta(days=1)
RATES = fx.rates()


def total(day, billed="10", *, account="vercel", provider="vercel", currency="USD", basis="billed"):
    amount = Decimal(billed)
    name = day.isoformat()
    return ChargeTotal(name, account, provider, currency, basis, name, amount, amount, 1)


def days(number, billed="10", *, until=TODAY, **facts):
    """Return so many days before `until`, each charged the same."""
    return [total(until - back * DAY, billed, **facts) for back in range(1, number + 1)]


def fresh(account="vercel", provider="vercel", *, complete=TODAY - DAY, zone="UTC", at=NOW):
    return ChargeFreshness(
        account=account,
        provider=provider,
        observed_at=at,
        known_since=NOW - 200 * DAY,
        complete_through=None,
        last_complete_day=complete,
        day_zone=zone,
        gaps=(),
    )


def charges(*totals, read=(), rates=(), today=TODAY):
    return replace(
        nothing_known(NOW, today),
        is_loaded=True,
        past_days=tuple(sorted(totals)),
        freshness=tuple(read),
        past_rates=tuple(rates),
    )


def forecast(state, *, accounts=(), entries=(), now=NOW):
    maker = Forecaster(subscriptions=entries, rates=RATES, currency="USD")
    return maker.added_to(state, accounts, now).forecast


def entry(amount="20", *, provider="openai", renews_on=dt.date(2026, 1, 25), **facts):
    values = {"name": "Pro", "service": "Pro", "currency": "USD", "per": "month"}
    return Subscription(
        **{**values, **facts}, amount=Decimal(amount), provider=provider, renews_on=renews_on
    )


def live(*resources, observed_at=NOW, **facts):
    """Return an account of which an inventory was read, and no charges."""
    snapshot = fold.first((("digitalocean", "digitalocean"),), {}, now=observed_at, demo=False)
    seen = inventory(resources, observed_at=observed_at, **facts)
    return fold.fetched(snapshot, report(started_at=observed_at), seen, observed_at).accounts


def test_before_the_ledger_was_read_there_is_no_forecast():
    state = nothing_known(NOW, TODAY)

    assert forecast(state) is None


def test_nothing_that_costs_is_a_forecast_of_nothing_known():
    found = forecast(charges())

    assert (found.accounts, found.vendors, found.total.month.point) == ((), (), None)


def test_each_account_of_each_vendor_and_the_total_is_forecast():
    found = forecast(
        charges(
            *days(60),
            *days(60, "3", account="work", provider="openai"),
            *days(60, "2", account="home", provider="openai"),
            read=[fresh(), fresh("work", "openai"), fresh("home", "openai")],
        )
    )

    assert [(it.provider, it.account, it.month.point) for it in found.accounts] == [
        ("openai", "home", 60),
        ("openai", "work", 90),
        ("vercel", "vercel", 300),
    ]
    assert [(it.provider, it.sum.month.point) for it in found.vendors] == [
        ("openai", 150),
        ("vercel", 300),
    ]
    assert found.total.month[:2] == (300, 450)


def test_currencies_of_a_vendor_are_kept_apart_and_the_total_names_its_rate():
    found = forecast(
        charges(*days(60), *days(60, currency="EUR"), read=[fresh()]),
    )

    assert [(it.sum.currency, it.sum.month.point) for it in found.vendors] == [
        ("EUR", 300),
        ("USD", 300),
    ]
    assert found.total.month.point > 300
    assert len(found.total.rates) == 1


def test_a_vendor_that_says_nothing_about_completeness_is_taken_to_be_three_days_late():
    late = [*days(57, until=TODAY - 3 * DAY), total(TODAY - 3 * DAY, "2"), total(TODAY - DAY, "1")]

    (found,) = forecast(charges(*late, read=[fresh(complete=None)])).accounts

    # The 18th counts as complete with 2, the 19th to the 21st as predicted.
    assert found.month.charged == 17 * 10 + 3
    assert found.month.point > 17 * 10 + 2 + 11 * Decimal("7.5")


def test_the_present_day_is_the_vendors():
    state = charges(*days(60), read=[fresh(zone="Pacific/Auckland")])

    (found,) = forecast(state).accounts

    assert found.today == dt.date(2026, 11, 22)


def test_plan_fees_are_not_spread_over_days():
    fees = [total(day, "25", basis="plan") for day in (dt.date(2026, 10, 1), dt.date(2026, 11, 1))]

    (found,) = forecast(charges(*days(60), *fees, read=[fresh()])).accounts

    assert found.month == (225, 325, 325, 325)


def test_manual_entries_are_exact_from_the_first_day_on_and_not_counted_twice():
    booked = total(dt.date(2026, 11, 5), "8", account="manual", provider="openai", basis="manual")

    (found,) = forecast(
        charges(booked, read=[fresh("manual", "openai")]),
        entries=(entry(), entry("8", name="Plus", renews_on=dt.date(2026, 1, 5))),
    ).accounts

    assert (found.account, found.month) == ("manual", (8, 28, 28, 28))
    assert found.reason is None


def test_manual_entries_that_were_not_read_yet_are_forecast_whole():
    (found,) = forecast(charges(), entries=(entry(renews_on=dt.date(2026, 1, 5)),)).accounts

    assert found.month == (0, 20, 20, 20)


def test_a_vendor_with_an_account_and_an_entry_by_hand_has_one_sum():
    found = forecast(
        charges(*days(60, account="work", provider="openai"), read=[fresh("work", "openai")]),
        entries=(entry(),),
    )

    ((provider, total_of),) = found.vendors
    assert (provider, total_of.month.point) == ("openai", 320)


def test_live_resources_cost_their_rate_until_the_month_ends():
    old = resource("1", monthly="30", created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    young = resource("2", monthly="67.2", created_at=NOW)

    (found,) = forecast(charges(), accounts=live(old, young)).accounts

    # The rule of DigitalOcean: a month is 28 days, and each began when it was made.
    rest = dt.datetime(2026, 12, 1, tzinfo=dt.UTC) - NOW
    expected = 30 + Decimal(rest.total_seconds()) / 3600 * Decimal("0.1")
    assert abs(found.month.point - expected) < Decimal("0.01")
    assert found.day.point == Decimal("97.2") / 30
    assert found.reason == ("no range: too little history: 0 of at least 21 days of observed rates")


def test_the_balance_of_the_vendor_counts_what_has_been_deleted_since():
    balance = Balance(
        month_to_date_usage=Decimal(50),
        currency="USD",
        generated_at=NOW,
    )
    plain = forecast(charges(), accounts=live(resource("1", monthly="28"))).accounts[0].month

    (found,) = forecast(
        charges(), accounts=live(resource("1", monthly="28"), balance=balance)
    ).accounts

    assert found.month.charged == 50
    assert found.month.point == 50 + plain.point - plain.charged


def test_the_range_of_live_resources_is_how_their_rate_has_changed():
    rates = [
        PastRate("digitalocean", TODAY - back * DAY, Decimal(20 if back > 30 else 30))
        for back in range(1, 61)
        if back != 40  # Was not observed.
    ]

    (found,) = forecast(charges(rates=rates), accounts=live(resource("1", monthly="30"))).accounts

    assert found.reason is None
    assert found.month.low <= found.month.point < found.month.high
    assert found.tests


def test_an_inventory_of_last_month_has_no_forecast_of_this_one():
    seen = live(resource("1", monthly="30"), observed_at=dt.datetime(2026, 10, 31, tzinfo=dt.UTC))

    (found,) = forecast(charges(), accounts=seen).accounts

    assert found.month.point is None
    assert found.reason == "what this month has cost so far is not known"


def test_an_account_whose_charges_are_read_is_not_forecast_from_its_inventory_too():
    found = forecast(
        charges(
            *days(60, account="digitalocean", provider="digitalocean"),
            read=[fresh("digitalocean", "digitalocean")],
        ),
        accounts=live(resource("1", monthly="30")),
    )

    assert [it.month.point for it in found.accounts] == [300]


def cap(scope, limit="250", period="month", currency="USD"):
    return Cap(Budget(scope, limit, period, currency), DEFAULT_LEVELS, enforce=False)


def test_budgets_by_month_are_compared_with_the_forecast_of_their_scope():
    found = forecast(
        charges(
            *days(60),
            *days(60, "1", account="work", provider="openai"),
            read=[fresh(), fresh("work", "openai")],
        )
    )
    caps = [
        cap(scope)
        for scope in ("global", "provider:vercel", "account:work", "service:Edge", "provider:aws")
    ]

    forecasts = budget_forecasts([*caps, cap("global", period="day")], found, RATES)

    assert {it.name: int(it.percent) for it in forecasts} == {
        "global month": 132,
        "provider:vercel month": 120,
        "account:work month": 12,
    }


def test_without_a_forecast_no_budget_has_one():
    assert budget_forecasts([cap("global")], None, RATES) == ()
    assert (
        budget_forecasts([cap("global")], forecast(charges(*days(5), read=[fresh()])), RATES) == ()
    )
