"""A specification of Wasabi's stats API that was written by hand, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The examples are of 2026-11-19.
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
KEYS = {"access_key": "EXAMPLE", "secret_key": "example"}

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def wasabi(url):
    with openapi.provider("wasabi", url, KEYS) as provider:
        yield provider


def test_the_days_of_the_specification_are_estimated(wasabi):
    window = next(wasabi.charges("work", NOW, dt.datetime(2026, 11, 20, tzinfo=dt.UTC)))

    services = {row.service_name for row in window.charges}
    assert {"Active storage", "Deleted storage"} <= services
    assert window.complete_through == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def test_usage_of_the_specification_is_read(wasabi):
    used = {(one.quota, one.project): one.used for one in wasabi.usage("work", NOW).quantities}

    assert used["storage_active", None] == Decimal("322.122547344")
    assert used["storage_deleted", None] == Decimal("10.737418240")
    assert used["storage_active", "backups"] == Decimal("322.122547344")
    assert used["requests", None] == 510
