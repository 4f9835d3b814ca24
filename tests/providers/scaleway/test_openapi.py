"""A specification of Scaleway's billing, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi
from tests.providers.scaleway.answers import ORGANIZATION

SPECIFICATION = Path(__file__).with_name("openapi.json")
NOW = dt.datetime(2026, 11, 20, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


def test_consumption_of_the_specification_is_read_by_resource(url):
    options = {"organization_id": ORGANIZATION}
    with openapi.provider("scaleway", url, {"secret_key": "example"}, options) as scaleway:
        (charge,) = next(scaleway.charges("work", NOW, NOW)).charges

    assert (charge.billed_cost, charge.billing_currency) == (Decimal("12.34"), "EUR")
    assert (charge.resource_name, charge.service_name) == ("web", "PLAY2-MICRO")
    assert charge.charge_period_end == dt.datetime(2026, 11, 20, 9, 0, tzinfo=dt.UTC)
