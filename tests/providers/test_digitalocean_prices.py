"""DigitalOcean's own price list."""

import datetime as dt

import pytest

from costmon.providers.digitalocean.prices import DIGITALOCEAN


def test_digitaloceans_list_is_dated_and_sourced():
    assert DIGITALOCEAN.as_of <= dt.date(2026, 11, 21)
    assert DIGITALOCEAN.source
    assert DIGITALOCEAN.currency == "USD"


@pytest.mark.parametrize("key", DIGITALOCEAN.listed)
def test_every_listed_price_is_an_amount_of_a_kind(key):
    kind, _, slug = key.partition(":")

    assert kind
    assert slug
    assert DIGITALOCEAN.listed[key].is_finite()
    assert DIGITALOCEAN.listed[key] >= 0
