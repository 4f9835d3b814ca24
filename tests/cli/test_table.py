"""Tables that no name from outside can break."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costmon.cli.table import cell, table, when


def test_columns_are_aligned_and_numbers_stand_right():
    text = table(("name", "cost"), [("a", Decimal("1.5")), ("bcd", Decimal(100))], right=("cost",))

    assert text.splitlines() == ["name    cost", "a       1.50", "bcd   100.00"]


def test_the_unknown_is_no_zero():
    assert cell(None) == "?"
    assert cell(Decimal(0)) == "0.00"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5))
def test_any_name_stays_in_its_line(rows):
    text = table(("a", "b"), rows)

    assert len(text.split("\n")) == len(rows) + 1
    assert all(character.isprintable() for character in text.replace("\n", ""))


def test_a_long_name_is_cut():
    assert len(cell("x" * 1_000_000)) == 60


def test_times_are_shown_in_the_time_zone_of_people():
    assert when("2026-07-01T10:00:00Z", "Europe/Paris") == "2026-07-01 12:00:00 CEST"
    assert when("2026-07-01T10:00:00Z", "UTC") == "2026-07-01 10:00:00 UTC"
    assert when(None, "UTC") == "?"
