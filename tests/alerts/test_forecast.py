"""A budget that will be exceeded is told once a month, however the forecast varies."""

import datetime as dt
from decimal import Decimal

from structlog.testing import capture_logs

from costmon.alerts.forecast import forecast_crossings
from costmon.alerts.memory import Memory
from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.domain.forecast import Estimate, ForecastSum
from costmon.domain.prediction import MonthTest
from costmon.notifiers.log import LogChannel
from costmon.state.forecast import BudgetForecast

NOW = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
NOVEMBER = dt.date(2026, 11, 1)


def expected(point, *, charged="10", limit="20", low=None, high=None, month=NOVEMBER, **facts):
    values = {"reasons": (), "left_out": (), "rates": (), "tests": ()}
    amounts = [None if it is None else Decimal(it) for it in (point, low, high)]
    estimate = Estimate(Decimal(charged), *amounts)
    return BudgetForecast(
        Cap(Budget("provider:vercel", limit, "month", "USD"), DEFAULT_LEVELS, enforce=False),
        ForecastSum(currency="USD", month=estimate, day=estimate, **{**values, **facts}),
        month,
    )


class Told:
    def __init__(self):
        self.memory = {}

    def see(self, *forecasts):
        crossings = forecast_crossings(forecasts, self.memory)
        for crossing in crossings:
            for name in crossing.crossed:
                self.memory[name] = Memory(
                    announced=True, said_at=NOW, suppressed=0, last_cause=crossing.cause
                )
        return [crossing.condition for crossing in crossings]


def test_the_median_decides_and_a_forecast_that_varies_about_the_limit_is_told_once():
    told = Told()

    seen = [len(told.see(expected(it, high="90"))) for it in (18, "19.99", 20, 19, 21, 15, 40)]

    assert seen == [0, 0, 1, 0, 0, 0, 0]


def test_the_next_month_and_another_limit_are_told_again():
    told = Told()
    told.see(expected(30))

    assert len(told.see(expected(30, month=dt.date(2026, 12, 1)))) == 1
    assert len(told.see(expected(30, limit="25"))) == 1


def test_a_budget_that_is_exceeded_already_has_been_told_as_such():
    assert Told().see(expected(30, charged="20")) == []


def test_what_is_not_forecast_is_not_told():
    assert Told().see(expected(None)) == []


def test_the_message_says_how_much_how_sure_and_what_to_do():
    test = MonthTest(dt.date(2026, 10, 1), Decimal(103), Decimal(100))

    (condition,) = Told().see(expected("25.006", low="22", high="30", tests=(test,)))

    assert condition.text == (
        "provider:vercel: 25.01 USD are forecast for this month (22.00 to 30.00 in 8 of 10 cases). "
        "The budget is 20.00 USD, of which 10.00 USD have been charged. "
        "Past forecasts were off by 3.0%. `costmon costs` shows what it is made of."
    )
    assert (condition.event, condition.severity) == ("alerter.budget_forecast_exceeded", "warning")
    assert condition.facts["budget_level"] == "forecast-100"


def test_the_message_says_what_is_missing():
    (condition,) = Told().see(
        expected(25, reasons=("work: too little history",), left_out=("XTS",), rates=("1 EUR = 2",))
    )

    assert "At least, because of work: too little history." in condition.text
    assert (
        "Converted at 1 EUR = 2. Not included, because there is no exchange rate: XTS."
        in condition.text
    )


def test_the_log_takes_what_is_told():
    (condition,) = Told().see(expected(25))

    with capture_logs() as lines:
        LogChannel().send(
            condition.alert(
                NOW,
                state="opened",
                severity=condition.severity,
                since=NOW,
                previous_severity=None,
            )
        )

    assert [line["budget"] for line in lines] == ["provider:vercel month"]


def test_a_level_of_charges_that_was_told_does_not_silence_the_forecast():
    told = Told()
    name = "budget:charges:provider:vercel month:80"
    told.memory[name] = Memory(
        announced=True, said_at=NOW, suppressed=0, last_cause="2026-11-01 of 20"
    )

    assert len(told.see(expected(25, charged="16"))) == 1
