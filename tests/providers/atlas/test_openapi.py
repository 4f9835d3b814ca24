"""Atlas's own specification, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi
from tests.providers.atlas.answers import ORG

SPECIFICATION = Path(__file__).with_name("openapi.json")
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


def test_the_pending_invoice_of_the_specification_is_read(url):
    keys = {"public_key": "example", "private_key": "example"}
    with openapi.provider("atlas", url, keys, {"org_id": ORG}) as provider:
        (window,) = provider.charges("work", NOW, NOW)

    assert [row.billed_cost for row in window.charges] == [Decimal("1.92")]
    assert window.gaps == ()
