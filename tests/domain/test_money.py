"""Exact amounts."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.money import brief, from_nano, shown, to_nano


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_nano_units_come_back_exact(nano):
    assert to_nano(from_nano(nano)) == nano


@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False))
def test_nano_rounding_is_at_most_half_a_nano_unit(amount):
    assert abs(from_nano(to_nano(amount)) - amount) <= Decimal("5e-10")


def test_a_tie_goes_to_the_even_nano_unit():
    assert to_nano(Decimal("0.0000000005")) == 0
    assert to_nano(Decimal("0.0000000015")) == 2


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_refused(amount):
    with pytest.raises(ValueError, match="not a valid amount"):
        to_nano(Decimal(amount))


@pytest.mark.parametrize(
    ("amount", "text"), [("150", "150.00"), ("1E+2", "100.00"), ("1e-9", "0.00"), ("2.675", "2.68")]
)
def test_amounts_are_shown_with_two_decimals(amount, text):
    assert str(shown(Decimal(amount))) == text


def test_small_amounts_are_not_told_as_nothing():
    told = [brief(it) for it in (0, 0.004, 0.1, 1234.5, -0.02)]

    assert told == ["0.00", "0.004", "0.10", "1,234.50", "-0.02"]
