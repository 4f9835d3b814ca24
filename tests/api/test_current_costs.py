import datetime as dt
import json
import re
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.api.current_costs import encode_current
from costmon.api.schemas.costs import CurrentCosts
from costmon.api.schemas.resources import shown_id
from costmon.domain.resource import Balance, Gap, NotPriced
from costmon.state import fold
from costmon.testing.clock import START
from costmon.testing.samples import inventory, report, resource


def encoded(*resources, **facts):
    snapshot = fold.first((("digitalocean", "digitalocean"),), {}, now=START, demo=False)
    return encode_current(fold.fetched(snapshot, report(), inventory(resources, **facts), START))


def test_it_says_what_the_architecture_promises():
    data = encoded(resource("7", monthly="150"))

    assert b'"total_monthly":150.00,"total_daily":5.00,"total_hourly":0.21,' in data
    shown = json.loads(data)
    assert shown["currency"] == "USD"
    assert shown["droplet_count"] == 1
    assert shown["as_of"] == "2026-11-21T10:00:00Z"
    [droplet] = shown["droplets"]
    assert droplet["id"] == 7
    assert (droplet["name"], droplet["size"], droplet["region"], droplet["status"]) == (
        "web-7",
        "s-1vcpu-2gb",
        "nyc3",
        "active",
    )
    assert (droplet["monthly_cost"], droplet["daily_cost"], droplet["hourly_cost"]) == (
        150,
        5,
        0.21,
    )
    assert droplet["basis"] == "list_price"


def test_estimate_and_bill_stand_side_by_side_with_their_difference():
    balance = Balance(month_to_date_usage=Decimal("50.00"), currency="USD", generated_at=START)

    [account] = json.loads(encoded(resource(monthly="67.20"), balance=balance))["providers"]

    assert account["month_to_date_estimate"] == 49.0
    assert account["month_to_date_usage"] == 50.0
    assert account["difference"] == 1.0
    assert "destroyed this month, transfer, tax" in account["difference_explanation"]


def test_a_bill_of_last_month_has_no_difference():
    october = START - dt.timedelta(days=30)
    balance = Balance(month_to_date_usage=Decimal("50.00"), currency="USD", generated_at=october)

    [account] = json.loads(encoded(balance=balance))["providers"]

    assert account["month_to_date_usage"] == 50.0
    assert account["difference"] is None


def test_the_headline_is_digitaloceans_and_other_vendors_stand_beside_it():
    accounts = (("one", "digitalocean"), ("two", "digitalocean"), ("three", "hetzner"))
    snapshot = fold.first(accounts, {}, now=START, demo=False)
    for name, provider in accounts:
        seen = inventory(
            [resource("1", account=name, provider=provider)], account=name, provider=provider
        )
        snapshot = fold.fetched(snapshot, report(name, account=name), seen, START)

    shown = json.loads(encode_current(snapshot))

    assert (shown["total_monthly"], shown["droplet_count"], shown["resource_count"]) == (24, 2, 2)
    assert [row["account"] for row in shown["droplets"]] == ["one", "two"]
    assert [(row["kind"], row["provider"]) for row in shown["resources"]] == [
        ("droplet", "hetzner")
    ]
    assert [row["monthly"] for row in shown["providers"]] == [12, 12, 12]


def test_without_a_digitalocean_account_the_headline_is_zero_and_the_others_are_there():
    snapshot = fold.first((("hz", "hetzner"),), {}, now=START, demo=False)
    seen = inventory([resource(account="hz", provider="hetzner")], account="hz", provider="hetzner")

    shown = json.loads(encode_current(fold.fetched(snapshot, report(account="hz"), seen, START)))

    assert (shown["total_monthly"], shown["droplet_count"]) == (0, 0)
    assert [row["monthly_cost"] for row in shown["resources"]] == [12]


def test_while_digitalocean_has_not_been_read_there_is_no_headline():
    accounts = (("do", "digitalocean"), ("hz", "hetzner"))
    snapshot = fold.first(accounts, {}, now=START, demo=False)
    seen = inventory([resource(account="hz", provider="hetzner")], account="hz", provider="hetzner")

    assert encode_current(fold.fetched(snapshot, report(account="hz"), seen, START)) == b""


def test_an_unknown_price_is_null():
    [droplet] = json.loads(encoded(resource(monthly=None, unpriced="no price known")))["droplets"]

    assert droplet["monthly_cost"] is None
    assert droplet["hourly_cost"] is None
    assert droplet["month_to_date_estimate"] is None
    assert droplet["unpriced"] == "no price known"


def test_what_is_no_droplet_is_listed_apart():
    shown = json.loads(encoded(resource("a", kind="volume"), resource("1")))

    assert [row["kind"] for row in shown["resources"]] == ["volume"]
    assert [row["id"] for row in shown["droplets"]] == [1]


def test_gaps_and_what_cannot_be_priced_are_named():
    data = encoded(
        gaps=(Gap(kind="database", reason="not visible with this token"),),
        not_priced=(NotPriced(kind="spaces", reason="no API"),),
    )

    [account] = json.loads(data)["providers"]
    assert account["gaps"] == [{"kind": "database", "reason": "not visible with this token"}]
    assert account["not_priced"] == [{"kind": "spaces", "reason": "no API"}]


def test_waste_is_summed_by_reason_most_expensive_first():
    off = "powered off, still charged in full"
    shown = json.loads(
        encoded(
            resource("1", monthly="6", waste=off),
            resource("2", monthly="4", waste=off),
            resource("3", kind="volume", monthly="50", waste="attached to nothing"),
        )
    )

    assert [(w["kind"], w["count"], w["monthly_cost"]) for w in shown["waste"]] == [
        ("volume", 1, 50),
        ("droplet", 2, 10),
    ]


def test_waste_without_a_known_price_is_null_and_not_free():
    off = "powered off, still charged in full"

    shown = json.loads(encoded(resource("1", monthly=None, unpriced="no price known", waste=off)))

    assert [(w["count"], w["monthly_cost"]) for w in shown["waste"]] == [(1, None)]


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000])
def test_chunks_are_joined_without_a_seam(count):
    shown = json.loads(encoded(*(resource(str(n)) for n in range(1, count + 1))))

    assert [row["id"] for row in shown["droplets"]] == list(range(1, count + 1))


@given(st.text(st.characters(exclude_categories=()), max_size=50))
def test_any_name_survives_encoding(name):
    data = encoded(resource(name=name, details=(("note", name),)))

    [droplet] = json.loads(data)["droplets"]
    mendable = name.encode("utf-8", "replace").decode()
    assert droplet["name"] == mendable
    assert droplet["details"] == {"note": mendable}


def test_half_a_surrogate_pair_spoils_no_other_name():
    shown = json.loads(encoded(resource("1", name="half \ud800"), resource("2", name="schön ✓")))

    assert [row["name"] for row in shown["droplets"]] == ["half ?", "schön ✓"]


def test_a_name_of_a_megabyte_is_encoded():
    [droplet] = json.loads(encoded(resource(name="x" * 1_000_000)))["droplets"]

    assert len(droplet["name"]) == 1_000_000


@given(st.lists(st.decimals("0", "99999999", places=9, allow_nan=False), max_size=20))
def test_money_is_a_number_with_two_decimals(prices):
    data = encoded(*(resource(str(n), monthly=price) for n, price in enumerate(prices)))

    figures = re.findall(rb'"(?:\w+_cost|total_\w+|month_to_date_estimate)":([^,}]+)', data)
    assert figures
    assert all(re.fullmatch(rb"\d+\.\d\d", figure) for figure in figures)


def test_the_encoded_bytes_are_what_the_type_describes():
    data = encoded(
        resource("1", created_at=START - dt.timedelta(days=1)), resource("v", kind="volume")
    )

    decoded = msgspec.json.decode(data, type=CurrentCosts)

    assert decoded.total_monthly == Decimal("24.00")
    assert set(json.loads(data)) == set(CurrentCosts.__struct_fields__)


@pytest.mark.parametrize(
    ("given_id", "shown"),
    [
        ("0", 0),
        ("512345678", 512345678),
        ("007", "007"),
        ("-1", "-1"),
        ("", ""),
        ("٣", "٣"),
        ("9" * 15, 999999999999999),
        ("9" * 16, "9" * 16),
        ("506f78a4-e098", "506f78a4-e098"),
    ],
)
def test_an_id_is_a_number_only_when_that_loses_nothing(given_id, shown):
    assert shown_id(given_id) == shown
