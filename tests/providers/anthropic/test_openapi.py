"""A specification of Anthropic's admin API that was written by hand, served by prism."""

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples are of 2026-11-19.
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module", params=["analytics", "reports"])
def url(request, tmp_path_factory):
    """Serve both generations of the API, or the older one alone."""
    whole = json.loads(SPECIFICATION.read_text("utf-8"))
    if request.param == "reports":
        whole["paths"] = {
            path: there for path, there in whole["paths"].items() if "/analytics/" not in path
        }
    served = tmp_path_factory.mktemp("anthropic") / "openapi.json"
    served.write_text(json.dumps(whole), "utf-8")
    with openapi.mocked(served) as url:
        yield url


@pytest.fixture
def anthropic(url):
    with openapi.provider("anthropic", url, {"token": "sk-ant-admin-example"}) as provider:
        yield provider


def test_costs_of_the_specification_are_read_in_cents(anthropic):
    window = next(anthropic.charges("work", NOW, NOW))

    assert [row.billed_cost for row in window.charges] == [Decimal("1.2378912")]
    assert window.charges[0].billing_currency == "USD"


def test_usage_of_the_specification_is_read(anthropic):
    used = {one.quota: one.used for one in anthropic.usage("work", NOW).quantities}

    assert used["output_tokens"] == 40_112
