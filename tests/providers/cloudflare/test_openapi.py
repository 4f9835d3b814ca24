"""The document of Cloudflare's paths, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi
from tests.providers.cloudflare.answers import ACCOUNT

SPECIFICATION = Path(__file__).with_name("openapi.json")
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def cloudflare():
    options = {"account_id": ACCOUNT}
    with (
        openapi.mocked(SPECIFICATION) as url,
        openapi.provider("cloudflare", url, {"token": "example"}, options) as provider,
    ):
        yield provider


def test_billable_usage_of_the_document_is_read(cloudflare):
    (window,) = cloudflare.charges("work", NOW, None)

    assert [row.billed_cost for row in window.charges] == [Decimal("0.75")]


def test_analytics_of_the_document_are_read(cloudflare):
    used = {one.quota: one.used for one in cloudflare.usage("work", NOW).quantities}

    assert used["r2_class_a_operations"] == 12_045
    assert used["worker_requests"] == 1_234
