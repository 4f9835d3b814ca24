"""GitHub's own specification, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples of the specification are of August 2023; AI credits began in June 2026.
NOW = dt.datetime(2023, 8, 21, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def github(url):
    options = {"org": "acme", "user": "octocat"}
    with openapi.provider("github", url, {"token": "github_pat_example"}, options) as provider:
        yield provider


def test_charges_of_the_specification_are_read(github):
    window = next(github.charges("work", NOW, NOW))

    assert [row.billed_cost for row in window.charges] == [Decimal("0.8"), Decimal("0.8")]
    assert [row.billing_account_id for row in window.charges] == ["acme", "octocat"]


def test_credits_and_budgets_of_the_specification_are_read(github, monkeypatch):
    monkeypatch.setattr("costmon.providers.github.provider._CREDITS_SINCE", NOW.replace(year=2020))

    reading = github.usage("work", NOW)

    used = {(one.quota, one.project): one.used for one in reading.quantities}
    assert used["ai_credits", "acme"] == 100
    assert used["budget:actions_linux", "acme"] == Decimal("0.8")
    assert {gap.kind for gap in reading.gaps} >= {"budget:actions", "budget:packages"}
