"""What the month and the day will have cost, as the API answers it."""

import datetime as dt

from costmon.domain.budget import Budget
from costmon.domain.cap import DEFAULT_LEVELS, Cap
from costmon.state.forecast import Forecaster
from tests.state.test_forecast import NOW, charges, days, fresh

FORECAST = "/api/v1/costs/forecast"


def publish(world, *totals, read=None):
    state = charges(*totals, read=[fresh()] if read is None else read)
    maker = Forecaster(subscriptions=(), rates=world.rates, currency="USD")
    world.charges.publish(maker.added_to(state, (), NOW))


def test_before_charges_were_read_there_is_no_answer(world):
    answer = world.client().get(FORECAST)

    assert (answer.status_code, answer.json["error"]) == (404, "Not found")


def test_the_forecast_of_each_vendor_and_the_total_has_a_range_and_a_past_error(world):
    publish(world, *days(60, "10.5"))
    world.caps = (
        Cap(Budget("provider:vercel", "400", "month", "USD"), DEFAULT_LEVELS, enforce=False),
    )

    answer = world.client().get(FORECAST).json

    month = {"charged": "210", "forecast": "315", "low": "315", "high": "315"}
    (vendor,) = answer["data"]["vendors"]
    assert (vendor["provider"], vendor["forecast"]["month"]) == ("vercel", month)
    assert answer["data"]["total"]["month"] == month
    assert answer["data"]["total"]["day"]["forecast"] == "10.5"
    assert answer["data"]["total"]["error"] == 0
    assert answer["data"]["total"]["tests"] == [
        {"month": "2026-10-01", "forecast": "325.5", "actual": "325.5"}
    ]
    (account,) = answer["data"]["accounts"]
    assert (account["account"], account["today"], account["reason"]) == (
        "vercel",
        "2026-11-21",
        None,
    )
    assert answer["data"]["budgets"] == [
        {
            "scope": "provider:vercel",
            "period": "month",
            "currency": "USD",
            "limit": "400",
            "forecast": "315",
            "percent": 78.75,
        }
    ]
    assert answer["meta"] == {
        "source": "ledger",
        "made_at": "2026-11-21T12:00:00Z",
        "month": "2026-11-01",
        "demo": False,
    }


def test_with_too_little_history_there_is_null_and_the_reason(world):
    publish(world, *days(20), read=[fresh()])

    total = world.client().get(FORECAST).json["data"]["total"]

    assert total["month"] == {"charged": "200", "forecast": None, "low": None, "high": None}
    assert total["error"] is None
    assert total["reasons"] == [
        "vercel: too little history: 20 of at least 21 complete days of charges"
    ]


def test_a_request_makes_no_forecast_of_its_own(world):
    publish(world, *days(60))
    world.clock.advance(dt.timedelta(days=3).total_seconds())

    assert world.client().get(FORECAST).json["meta"]["made_at"] == "2026-11-21T12:00:00Z"
