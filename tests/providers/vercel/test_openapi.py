"""A specification of Vercel's charges that was written by hand, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples are of 2026-11-19.
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture(params=["team_example", "example-slug"])
def vercel(url, request):
    options = {"team_id": request.param}
    with openapi.provider("vercel", url, {"token": "example"}, options) as provider:
        yield provider


def test_charges_of_the_specification_are_read(vercel):
    window = next(vercel.charges("work", NOW, NOW))

    assert [(row.service_name, row.billed_cost, row.effective_cost) for row in window.charges] == [
        ("Fast Data Transfer", Decimal("0.0"), Decimal("0.19")),
        ("Function Invocations", Decimal("0.12"), Decimal("0.72")),
        ("Pro Plan", Decimal("20.0"), Decimal("20.0")),
    ]


def test_usage_of_the_specification_is_read(vercel):
    reading = vercel.usage("work", NOW)

    used = {one.quota: one.used for one in reading.quantities}
    assert used["function_invocations"] == 1_200_000
    # Deployments are not in the specification: 404, a gap.
    assert "deployments" in {gap.kind for gap in reading.gaps}
