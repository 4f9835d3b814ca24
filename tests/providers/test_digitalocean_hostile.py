"""Whatever comes, the answer is a whole inventory or a typed error: nothing else, ever."""

import copy
import datetime as dt
import json
from decimal import Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from costmon.domain.resource import Inventory
from costmon.errors import ProviderError, ProviderSchemaError
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do

NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
ACCOUNT = do.full_account()
ACCOUNT[do.DROPLETS]["links"] = {"pages": {}}


def places(value, trail=()):
    yield trail
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from places(inner, (*trail, key))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from places(inner, (*trail, index))


PLACES = [(path, trail) for path, answer in ACCOUNT.items() for trail in places(answer) if trail]

hostile = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(10**17, 10**60),
    st.floats(),
    st.text(),
    st.sampled_from(
        [
            "sNaN",
            "-Infinity",
            "1e999999",
            "-0",
            "\ud800",
            "\x00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:60Z",
            "x" * 5_000,
        ]
    ),
    st.recursive(
        st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
)


def outcome(answers):
    encoded = {path: json.dumps(answer).encode() for path, answer in answers.items()}
    return outcome_of_bytes(encoded)


def outcome_of_bytes(encoded):
    try:
        return DigitalOcean(FakeOutbound(encoded), {}).inventory("work", NOW)
    except ProviderError as error:
        return error


def assert_sound(found):
    if isinstance(found, ProviderSchemaError):
        assert found.provider == "digitalocean"
        assert found.endpoint.startswith("GET /v2/")
        assert found.path is not None
        assert found.path.startswith("$")
        return
    assert isinstance(found, Inventory)
    for failure in found.failed:
        assert failure.reason == "schema"
        assert "GET /v2/" in failure.message
        assert " at $" in failure.message
        assert failure.kind not in {resource.kind for resource in found.resources}
    for resource in found.resources:
        assert resource.monthly_cost is not None or resource.unpriced is not None
        if resource.monthly_cost is not None:
            assert resource.monthly_cost.is_finite()
            assert resource.monthly_cost >= 0
        for value in (resource.id, resource.name, resource.size, resource.region, resource.status):
            assert value is None or len(value) <= 1_100
            assert value is None or "\x00" not in value
            (value or "").encode()


@settings(max_examples=400)
@given(st.sampled_from(PLACES), hostile)
@example((do.DROPLETS, ("droplets", 0, "name")), "\ud800\ud800")
def test_one_value_of_another_kind_is_an_inventory_or_an_error(place, value):
    path, trail = place
    answers = copy.deepcopy(ACCOUNT)
    holder = answers[path]
    for step in trail[:-1]:
        holder = holder[step]
    holder[trail[-1]] = value

    assert_sound(outcome(answers))


@settings(max_examples=100)
@given(st.sampled_from(PLACES))
def test_one_value_that_is_missing_is_an_inventory_or_an_error(place):
    path, trail = place
    answers = copy.deepcopy(ACCOUNT)
    holder = answers[path]
    for step in trail[:-1]:
        holder = holder[step]
    del holder[trail[-1]]

    assert_sound(outcome(answers))


@settings(max_examples=200)
@given(st.sampled_from(sorted(ACCOUNT)), st.integers(0, 10_000), st.binary(max_size=12))
def test_broken_bytes_are_an_inventory_or_an_error(path, position, noise):
    encoded = {known: json.dumps(answer).encode() for known, answer in ACCOUNT.items()}
    body = encoded[path]
    position %= len(body)
    encoded[path] = body[:position] + noise + body[position + len(noise) :]

    assert_sound(outcome_of_bytes(encoded))


@settings(max_examples=100)
@given(st.lists(st.decimals(min_value=0, max_value=10_000, places=5), max_size=12))
def test_the_sum_of_an_account_is_the_sum_of_its_prices(prices):
    droplets = [
        do.droplet(number, size={"price_monthly": str(price)})
        for number, price in enumerate(prices)
    ]
    answers = {**do.empty_account(), do.DROPLETS: do.listing("droplets", droplets)}

    found = outcome(answers)

    assert isinstance(found, Inventory)
    total = sum((resource.monthly_cost or 0 for resource in found.resources), Decimal(0))
    assert total == sum(prices, Decimal(0))
