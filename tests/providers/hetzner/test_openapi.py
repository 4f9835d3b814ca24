"""A specification of Hetzner Cloud, served by prism."""

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
def hetzner(url):
    with openapi.provider("hetzner", url, {"token": "example"}) as provider:
        yield provider


def test_each_kind_of_the_specification_is_priced(hetzner):
    inventory = hetzner.inventory("work", NOW)

    # Every price of the specification is 1.00, and backups are a fifth of their server.
    assert {one.kind: one.monthly_cost for one in inventory.resources} == {
        "server": Decimal("1.2"),
        "volume": Decimal(42),
        "floating_ip": Decimal(1),
        "primary_ip": Decimal(1),
        "load_balancer": Decimal(1),
        "snapshot": Decimal("2.3"),
    }
    assert {one.region for one in inventory.resources if one.kind != "snapshot"} == {"fsn1"}
    assert (inventory.gaps, inventory.failed) == ((), ())


def test_traffic_of_the_specification_is_read(hetzner):
    reading = hetzner.usage("work", NOW)

    (sent,) = (one for one in reading.quantities if one.quota == "server_egress")
    assert (sent.used, sent.limit) == (Decimal("0.000123456"), Decimal("0.000654321"))
