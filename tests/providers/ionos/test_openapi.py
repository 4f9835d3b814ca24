"""A specification of IONOS Cloud's billing, served by prism."""

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
def ionos(url):
    with openapi.provider("ionos", url, {"token": "example"}) as provider:
        yield provider


def test_months_of_the_specification_are_invoiced_or_priced(ionos):
    november, october = ionos.charges("work", NOW, NOW - dt.timedelta(days=1))

    assert sum(row.billed_cost for row in november.charges) == Decimal("12.1")
    assert {row.basis for row in november.charges} == {"list_price"}
    assert [gap.kind for gap in november.gaps] == ["meter VX0003"]
    assert sum(row.billed_cost for row in october.charges) == Decimal("16.3")
    assert {row.basis for row in october.charges} == {"billed"}
    assert october.gaps == ()


def test_a_day_of_the_specification_is_read(ionos):
    (cores,) = ionos.usage("work", NOW).quantities

    assert (cores.quota, cores.used, cores.unit) == ("used_on_day:VC0001", 36, "1hour")
