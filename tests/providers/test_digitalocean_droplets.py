"""What a droplet costs, and what is said when that is not known."""

import datetime as dt
import json
from decimal import Decimal

import pytest

from costmon.errors import (
    ProviderNotFoundError,
    ProviderPermissionError,
)
from costmon.providers.digitalocean.provider import DigitalOcean
from costmon.testing import FakeOutbound
from costmon.testing import digitalocean as do

FORBIDDEN = ProviderPermissionError(
    provider="digitalocean", endpoint="GET /v2/x", detail="no", hint="none"
)
NOW = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)


def encoded(answers):
    return {
        path: answer if isinstance(answer, Exception | bytes) else json.dumps(answer).encode()
        for path, answer in answers.items()
    }


def fetch(answers, prices=None):
    outbound = FakeOutbound(encoded({**do.empty_account(), **answers}))
    return DigitalOcean(outbound, prices or {}).inventory("work", NOW), outbound.asked


def failed_droplets(answers):
    """Return why the droplets could not be read, while everything else was."""
    inventory, _ = fetch(do.full_account() | answers)
    (failure,) = inventory.failed
    assert failure.kind == "droplet"
    assert {resource.kind for resource in inventory.resources} >= {"volume", "database"}
    assert "droplet" not in {resource.kind for resource in inventory.resources}
    return failure


def one(droplet, prices=None, **answers):
    listed = {do.DROPLETS: do.listing("droplets", [droplet])}
    inventory, _ = fetch({**listed, **answers}, prices)
    (resource,) = inventory.resources
    return resource


def policies(**plans):
    return {
        "policies": {
            number.removeprefix("d"): {
                "backup_enabled": True,
                "backup_policy": None if plan is None else {"plan": plan},
            }
            for number, plan in plans.items()
        },
        "meta": {"total": len(plans)},
    }


def test_the_price_is_the_one_the_api_names():
    resource = one(do.droplet(7))

    assert resource.monthly_cost == Decimal(12)
    assert (resource.kind, resource.id, resource.name) == ("droplet", "7", "web-7")
    assert (resource.region, resource.size, resource.status) == ("fra1", "s-1vcpu-2gb", "active")
    assert resource.created_at == dt.datetime(2026, 10, 2, 10, tzinfo=dt.UTC)
    assert (resource.currency, resource.basis) == ("USD", "list_price")
    assert (resource.unpriced, resource.waste) == (None, None)


def test_a_price_is_exact_to_the_last_digit():
    body = json.dumps(do.listing("droplets", [do.droplet()])).replace(
        "12.0", "12.00000000000000001"
    )

    resource = one(do.droplet(), **{do.DROPLETS: body.encode()})

    assert resource.monthly_cost == Decimal("12.00000000000000001")


def test_two_prices_of_one_size_are_both_kept():
    dear = do.droplet(2, size={"slug": "s-1vcpu-2gb", "price_monthly": 14})
    listed = do.listing("droplets", [do.droplet(1), dear, do.droplet(3)])

    inventory, _ = fetch({do.DROPLETS: listed})

    assert [found.monthly_cost for found in inventory.resources] == [12, 14, 12]


def test_a_powered_off_droplet_costs_in_full_and_is_waste():
    resource = one(do.droplet(status="off"))

    assert resource.monthly_cost == Decimal(12)
    assert resource.waste == "powered off, still charged in full"


@pytest.mark.parametrize(
    ("plan", "cost", "backups"), [("weekly", "14.4", "2.4"), ("daily", "15.6", "3.6")]
)
def test_known_backups_are_part_of_the_cost(plan, cost, backups):
    resource = one(do.droplet(7, features=["backups"]), **{do.POLICIES: policies(d7=plan)})

    assert resource.monthly_cost == Decimal(cost)
    assert resource.details == (("backups", plan), ("backup_monthly_cost", backups))
    assert resource.unpriced is None


def test_an_unknown_plan_has_no_known_price():
    resource = one(do.droplet(7, features=["backups"]), **{do.POLICIES: policies(d7="4-hourly")})

    assert resource.monthly_cost == Decimal(12)
    assert resource.unpriced == "backups: plan '4-hourly' has no known price"
    assert resource.details == (("backups", "4-hourly"),)


def test_the_user_can_price_a_plan():
    resource = one(
        do.droplet(7, features=["backups"]),
        {"backup:4-hourly": Decimal("0.5")},
        **{do.POLICIES: policies(d7="4-hourly")},
    )

    assert resource.monthly_cost == Decimal(18)
    assert resource.unpriced is None


@pytest.mark.parametrize(
    "answer",
    [
        policies(),
        policies(d7=None),
        {"policies": {"7": {"backup_enabled": False, "backup_policy": {"plan": "weekly"}}}},
    ],
)
def test_backups_whose_plan_is_not_visible_are_said_to_be_missing(answer):
    resource = one(do.droplet(7, features=["backups"]), **{do.POLICIES: answer})

    assert resource.monthly_cost == Decimal(12)
    assert resource.unpriced == "backups: their plan is not visible"


def test_policies_that_may_not_be_seen_are_a_gap():
    listed = do.listing("droplets", [do.droplet(7, features=["backups"])])

    inventory, _ = fetch({do.DROPLETS: listed, do.POLICIES: FORBIDDEN})

    assert [gap.kind for gap in inventory.gaps] == ["backup_policy"]
    assert inventory.resources[0].unpriced == "backups: their plan is not visible"


def test_neither_policies_nor_sizes_are_asked_for_when_nothing_needs_them():
    _, asked = fetch({do.DROPLETS: do.listing("droplets", [do.droplet(7)])})

    assert not [path for path in asked if "policies" in path or "/v2/sizes" in path]


def test_a_missing_size_is_looked_up():
    droplet = do.droplet(7)
    del droplet["size"]

    resource = one(droplet)

    assert (resource.monthly_cost, resource.unpriced) == (Decimal(12), None)


def test_a_size_nobody_lists_is_priced_by_the_user():
    droplet = do.droplet(7, size=None, size_slug="s-own", features=["backups"])

    resource = one(droplet, {"droplet:s-own": Decimal(50)}, **{do.POLICIES: policies(d7="weekly")})

    assert (resource.monthly_cost, resource.basis) == (Decimal(60), "manual")
    assert resource.unpriced is None


def test_a_size_without_any_price_is_unknown_and_not_free():
    droplet = do.droplet(7, size=None, size_slug="s-own", features=["backups"])

    resource = one(droplet, **{do.SIZES: FORBIDDEN, do.POLICIES: policies(d7="weekly")})

    assert resource.monthly_cost is None
    assert resource.unpriced == "the size has no known price"
    assert resource.details == (("backups", "weekly"),)


def test_only_what_every_token_may_see_is_required():
    required = {"id", "name", "size_slug", "status", "created_at"}
    bare = {key: value for key, value in do.droplet(7).items() if key in required}

    resource = one(bare)

    assert (resource.region, resource.monthly_cost) == (None, Decimal(12))


@pytest.mark.parametrize("field", ["id", "name", "size_slug", "status", "created_at"])
def test_a_required_field_that_is_missing_is_named(field):
    droplet = do.droplet(7)
    del droplet[field]
    listed = do.listing("droplets", [do.droplet(6), droplet])

    failure = failed_droplets({do.DROPLETS: listed})

    assert failure.reason == "schema"
    assert f"$.droplets[1].{field};" in failure.message


@pytest.mark.parametrize(
    "price",
    [
        "null",
        "-1",
        "-0.01",
        '"NaN"',
        '"-NaN"',
        '"sNaN"',
        '"Infinity"',
        "1e400",
        "true",
        "[]",
        '"x"',
        '""',
    ],
)
def test_a_droplet_without_a_usable_price_is_unpriced_and_the_others_are_not(price):
    listed = do.listing("droplets", [do.droplet(6), do.droplet(7, size={"price_monthly": 48})])
    body = json.dumps(listed).replace("12.0", price)

    inventory, _ = fetch({do.DROPLETS: body.encode()})

    odd, good = inventory.resources
    assert (odd.monthly_cost, odd.unpriced) == (None, "the vendor names no usable price for it")
    assert (good.monthly_cost, good.unpriced) == (Decimal(48), None)
    assert inventory.failed == ()


def test_a_droplet_whose_size_has_no_price_field_is_unpriced():
    resource = one(do.droplet(7, size={}))

    assert (resource.monthly_cost, resource.unpriced is None) == (None, False)


def test_a_price_of_absurdly_many_digits_is_cut_to_what_is_calculated_with():
    resource = one(do.droplet(size={"price_monthly": "12." + "3" * 5_000}))

    assert resource.monthly_cost == Decimal("12." + "3" * 26)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "7"},
        {"id": -7},
        {"id": 7.5},
        {"name": None},
        {"created_at": "yesterday"},
        {"created_at": "2026-11-02T10:00:00"},
        {"created_at": "2026-02-30T10:00:00Z"},
        {"features": "backups"},
        {"region": "fra1"},
    ],
)
def test_a_value_of_another_type_is_an_error_with_its_path(changes):
    failure = failed_droplets({do.DROPLETS: do.listing("droplets", [do.droplet(7) | changes])})

    assert failure.reason == "schema"
    assert f"$.droplets[0].{next(iter(changes))}" in failure.message


@pytest.mark.parametrize(
    ("given", "utc"),
    [
        ("2026-11-02T12:00:00+02:00", dt.datetime(2026, 11, 2, 10, tzinfo=dt.UTC)),
        ("2026-11-02T10:00:00.5Z", dt.datetime(2026, 11, 2, 10, 0, 0, 500000, tzinfo=dt.UTC)),
    ],
)
def test_a_time_becomes_utc(given, utc):
    created_at = one(do.droplet(created_at=given)).created_at

    assert created_at == utc
    assert created_at.tzinfo is dt.UTC


@pytest.mark.parametrize("given", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_at_the_edge_of_the_calendar_is_no_crash(given):
    assert one(do.droplet(created_at=given)).created_at is not None


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("a\tb\r\n\x1b[31m", "a\tb\r\n\x1b[31m"),
        (
            "сервер-\u202e\u062e\u0627\u062f\u0645-サーバ-🦈",
            "сервер-\u202e\u062e\u0627\u062f\u0645-サーバ-🦈",
        ),
        ("", ""),
        ("a\x00b", "a\ufffdb"),
        ("x" * 1_000, "x" * 1_000),
        ("x" * 1_000_000, "x" * 1_000 + "…"),
        ("half \ud83d of a pair", "half \ufffd of a pair"),
    ],
)
def test_a_hostile_name_is_data(given, kept):
    resource = one(do.droplet(name=given))

    assert resource.name == kept
    resource.name.encode()


@pytest.mark.parametrize("field", ["size_slug", "status"])
def test_other_texts_are_bounded_too(field):
    resource = one(do.droplet() | {field: "y" * 5_000})

    assert max(len(resource.size), len(resource.status)) == 1_001


def test_the_same_droplet_twice_on_a_page_is_counted_once():
    listed = do.listing("droplets", [do.droplet(7), do.droplet(7)])

    inventory, _ = fetch({do.DROPLETS: listed})

    assert len(inventory.resources) == 1


def test_one_droplet_can_be_fetched_by_its_id():
    outbound = FakeOutbound(encoded({"/v2/droplets/7": {"droplet": do.droplet(7)}}))

    found = DigitalOcean(outbound, {}).fetch_droplet("work", 7)

    assert found is not None
    assert (found.id, found.monthly_cost) == ("7", Decimal(12))


def test_a_droplet_that_does_not_exist_is_none():
    missing = ProviderNotFoundError(
        provider="digitalocean", endpoint="GET /v2/droplets/7", detail="no", hint="none"
    )

    found = DigitalOcean(FakeOutbound({"/v2/droplets/7": missing}), {}).fetch_droplet("work", 7)

    assert found is None


def test_a_single_droplet_with_a_bad_price_is_unpriced():
    bad = do.droplet(7, size={"price_monthly": -1})
    outbound = FakeOutbound(encoded({"/v2/droplets/7": {"droplet": bad}}))

    found = DigitalOcean(outbound, {}).fetch_droplet("work", 7)

    assert found is not None
    assert (found.monthly_cost, found.unpriced is None) == (None, False)
