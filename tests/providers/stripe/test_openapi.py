"""A specification of Stripe's balance transactions, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples of the specification are of 2025-11-19.
NOW = dt.datetime(2025, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def stripe(url):
    with openapi.provider("stripe", url, {"token": "rk_live_example"}) as provider:
        yield provider


def test_fees_of_the_specification_are_read(stripe):
    (charge,) = next(stripe.charges("work", NOW, NOW)).charges

    assert (charge.billed_cost, charge.billing_currency) == (Decimal("7.88"), "USD")


def test_the_volume_of_the_specification_is_read(stripe):
    used = {one.quota: one.used for one in stripe.usage("work", NOW).quantities}

    assert used == {"transactions": 1, "transaction_volume:USD": 20}
