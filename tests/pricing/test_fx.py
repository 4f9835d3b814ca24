"""Exchange rates name themselves and their day; what has none is not converted."""

import datetime as dt
from decimal import Decimal

from costmon.domain.fx import Rate, Rates
from costmon.pricing import fx

OWN = {"USD": Rate(Decimal("0.8"), dt.date(2026, 11, 20), "costmon.toml")}


def test_an_amount_in_its_own_currency_is_not_touched():
    assert fx.rates().convert(Decimal("0.1"), "USD", "USD") == (Decimal("0.1"), None)


def test_the_rate_and_its_day_are_named():
    converted = fx.rates(OWN).convert(Decimal(10), "USD", "EUR")

    assert converted == (Decimal("8.0"), "1 USD = 0.8 EUR (costmon.toml, 2026-11-20)")


def test_two_currencies_meet_in_the_base_and_name_the_older_day():
    rates = Rates("EUR", {**OWN, "GBP": Rate(Decimal("1.6"), dt.date(2026, 1, 2), "ECB")})

    assert rates.convert(Decimal(2), "GBP", "USD") == (
        Decimal(4),
        "1 GBP = 2 USD (ECB, 2026-01-02)",
    )


def test_a_currency_without_a_rate_is_not_converted():
    assert fx.rates().convert(Decimal(1), "XTS", "EUR") is None


def test_the_rates_that_come_with_costmon_have_a_day_and_a_source():
    assert all(rate.value > 0 and rate.source and rate.as_of for rate in fx.rates().rates.values())
