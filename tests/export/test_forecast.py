"""Forecasts, as Prometheus reads them."""

from decimal import Decimal

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.export.forecast import ForecastCollector
from costmon.export.prometheus import exposition
from costmon.pricing import fx
from costmon.state.charges import nothing_known
from costmon.state.forecast import Forecaster
from tests.state.test_forecast import NOW, TODAY, charges, days, fresh

RATES = fx.rates()
MONTH = "costmon_forecast_month_cost_usd"


def collector(state, *caps):
    maker = Forecaster(subscriptions=(), rates=RATES, currency="EUR")
    known = maker.added_to(state, (), NOW)
    return ForecastCollector(charges=lambda: known, caps=caps, rates=RATES)


def everything():
    state = charges(*days(150), read=[fresh()])
    cap = Cap(Budget("provider:vercel", "400", "month", "USD"), DEFAULT_LEVELS, enforce=False)
    return collector(state, cap)


def samples(made, accept=""):
    parse = openmetrics if accept else text_string_to_metric_families
    text = exposition([made], accept)[0].decode()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_the_median_the_range_the_past_error_and_the_part_of_the_budget_are_exported(accept):
    assert samples(everything(), accept) == {
        (MONTH, "vercel", "0.1"): 300,
        (MONTH, "vercel", "0.5"): 300,
        (MONTH, "vercel", "0.9"): 300,
        ("costmon_forecast_day_cost_usd", "vercel", "0.1"): 10,
        ("costmon_forecast_day_cost_usd", "vercel", "0.5"): 10,
        ("costmon_forecast_day_cost_usd", "vercel", "0.9"): 10,
        ("costmon_forecast_error_ratio", "vercel"): 0,
        ("costmon_budget_forecast_ratio", "provider:vercel month"): 0.75,
    }


def test_what_has_too_little_history_has_no_sample():
    assert samples(collector(charges(*days(5), read=[fresh()]))) == {}
    assert samples(collector(nothing_known(NOW, TODAY))) == {}


def test_all_currencies_of_a_vendor_are_one_figure_in_usd():
    state = charges(*days(60), *days(60, currency="EUR"), read=[fresh()])
    euros = RATES.convert(Decimal(300), "EUR", "USD")
    assert euros is not None

    assert samples(collector(state))[MONTH, "vercel", "0.5"] == pytest.approx(
        300 + float(euros.amount)
    )
