"""DigitalOcean's own specification, served by prism."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pytest

from tests.providers import openapi

SPECIFICATION = Path(__file__).with_name("openapi.json")
# The preview of the specification's examples is of February 2020, its invoices of 2019.
NOW = dt.datetime(2020, 2, 23, 10, 0, tzinfo=dt.UTC)

pytestmark = openapi.needs_prism


@pytest.fixture(scope="module")
def url():
    with openapi.mocked(SPECIFICATION) as url:
        yield url


@pytest.fixture
def digitalocean(url):
    with openapi.provider("digitalocean", url, {"token": "dop_v1_example"}) as provider:
        yield provider


def test_invoices_of_the_specification_add_up_to_what_they_say(digitalocean):
    windows = list(digitalocean.charges("work", NOW, None))

    totals = {
        f"{window.start:%Y-%m}": sum(row.billed_cost for row in window.charges)
        for window in windows
    }
    # Every example has the same lines, of 46.79.
    assert totals == {
        "2020-02": Decimal("34.56"),
        "2019-12": Decimal("12.34"),
        "2019-11": Decimal("23.45"),
    }
    assert [row.billed_cost for row in windows[0].charges[:2]] == [
        Decimal("12.34"),
        Decimal("34.45"),
    ]


def test_usage_of_the_specification_is_read(digitalocean):
    reading = digitalocean.usage("work", NOW)

    limits = {one.quota: one.limit for one in reading.quantities}
    assert limits["droplets"] == 25
    assert limits["reserved_ips"] == 5


def test_the_inventory_of_the_specification_is_read(digitalocean):
    inventory = digitalocean.inventory("work", NOW)

    assert {one.kind for one in inventory.resources} >= {
        "droplet",
        "volume",
        "snapshot",
        "load_balancer",
        "database",
        "kubernetes_cluster",
        "app",
    }
    assert inventory.gaps == ()
