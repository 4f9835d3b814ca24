"""From figures to money, and what is shown where there is no price."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.errors import InputError
from costmon.meter.dashboard.answers import answer_of
from costmon.meter.dashboard.projecting import projector
from costmon.meter.dashboard.query import DashboardQuery, parse_query
from costmon.meter.price_list import prices_of
from costmon.testing.clock import FakeClock
from tests.meter.dashboard.samples import measured


def told(query="", snapshot=None, prices=prices_of):
    services = (measured(4) if snapshot is None else snapshot,)
    return answer_of(services, parse_query(query), projector(prices, FakeClock()))["data"]


def test_the_routes_of_a_real_projection_add_up_to_its_cost():
    projection = told()["projection"]

    routes = sum(Decimal(route["monthly_usd"]) for route in projection["routes"])

    assert routes == Decimal(projection["monthly_usd"])
    assert routes > 0


def test_more_users_cost_more():
    few = told("users=1000")["projection"]
    many = told("users=1000000")["projection"]

    assert Decimal(many["monthly_usd"]) > 100 * Decimal(few["monthly_usd"])
    assert many["target_users"] == 1_000_000


@pytest.mark.parametrize("error", [InputError("ACME is unknown"), OSError("own.csv is missing")])
def test_prices_that_cannot_be_used_are_said_and_what_is_measured_is_shown(error):
    def broken(_options):
        raise error

    view = told(prices=broken)

    assert view["unprojected"] == {
        "state": "no_prices",
        "text": f"No usable prices: {error}.",
    }
    assert len(view["seen"]) == 4


def test_the_age_of_prices_is_that_of_today():
    clock = FakeClock(dt.datetime(2040, 1, 1, tzinfo=dt.UTC))

    data = answer_of((measured(1),), DashboardQuery(), projector(prices_of, clock))["data"]

    assert data["projection"]["prices_stale"]
