"""A specification of Hostinger's subscriptions, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def hostinger(url):
    with openapi.provider("hostinger", url, {"token": "example"}) as provider:
        yield provider


def test_subscriptions_of_the_specification_are_resources(hostinger):
    inventory = hostinger.inventory("work", NOW)

    assert {one.name: one.monthly_cost for one in inventory.resources} == {
        "VPS small": Decimal("6.49"),
        "example.org": Decimal(1),
        "Mailbox": None,
    }


def test_periods_of_the_specification_are_charged_once(hostinger):
    rows = [row for window in hostinger.charges("work", NOW, None) for row in window.charges]

    assert {(row.resource_name, row.billed_cost, row.billing_currency) for row in rows} == {
        ("VPS small", Decimal("6.49"), "EUR"),
        ("example.org", Decimal(12), "EUR"),
    }
    assert len(rows) == 2
