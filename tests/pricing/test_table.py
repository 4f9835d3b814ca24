"""A dated list that the user's own prices extend and override."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.pricing import PriceTable

TABLE = PriceTable(
    currency="USD",
    as_of=dt.date(2026, 6, 29),
    source="a price page",
    listed={"database:small": Decimal(15), "volume:gib": Decimal("0.10")},
)


def price(table, kind, slug):
    found = table.price(kind, slug)
    assert found is not None
    return found.amount, found.basis


def test_a_listed_price_is_a_list_price():
    assert price(TABLE, "database", "small") == (Decimal(15), "list_price")


def test_what_nobody_lists_is_unknown_and_not_zero():
    assert TABLE.price("database", "large") is None


def test_the_user_adds_a_slug():
    extended = TABLE.extended({"database:large": Decimal(99)})

    assert price(extended, "database", "large") == (Decimal(99), "manual")
    assert price(extended, "database", "small") == (Decimal(15), "list_price")


def test_the_users_price_wins():
    assert price(TABLE.extended({"database:small": Decimal(9)}), "database", "small") == (
        Decimal(9),
        "manual",
    )


def test_a_free_price_of_the_user_is_a_price():
    assert price(TABLE.extended({"database:small": Decimal(0)}), "database", "small")[0] == 0


def test_extending_leaves_the_original_as_it_was():
    TABLE.extended({"database:small": Decimal(9)})

    assert price(TABLE, "database", "small")[0] == Decimal(15)


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity"])
def test_what_is_no_price_is_refused_by_name(amount):
    with pytest.raises(ValueError, match="database:small"):
        TABLE.extended({"database:small": Decimal(amount)})
