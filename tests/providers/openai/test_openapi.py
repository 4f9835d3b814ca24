"""OpenAI's own specification, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples of the specification are of 2024-11-01.
NOW = dt.datetime(2024, 11, 1, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def openai(url):
    with openapi.provider("openai", url, {"token": "sk-admin-example"}) as provider:
        yield provider


def test_costs_of_the_specification_are_read(openai):
    window = next(openai.charges("work", NOW, NOW))

    assert [row.billed_cost for row in window.charges] == [Decimal("0.06")]
    assert window.charges[0].billing_currency == "USD"


def test_usage_of_the_specification_is_read(openai):
    used = {one.quota: one.used for one in openai.usage("work", NOW).quantities}

    assert used["input_tokens"] == 1_000
    assert used["cached_input_tokens"] == 400
    assert used["images"] == 2
    assert used["code_interpreter_sessions"] == 1
