"""Amounts: exact, never negative, never a float's noise."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.amount import HIGHEST, amount_of, currency_of, nano_even, nano_up
from costmon.errors import AmountError

exact = st.decimals(0, HIGHEST, places=9)


@given(amount=exact)
def test_an_amount_is_kept_exactly(amount):
    assert amount_of(amount) == amount_of(str(amount)) == amount
    assert nano_even(amount) == nano_up(amount) == int(amount * 10**9)


@given(amount=st.decimals(0, HIGHEST, places=14))
def test_what_is_held_is_never_less_than_what_is_spent(amount):
    assert 0 <= nano_up(amount) - nano_even(amount) <= 1
    assert nano_up(amount) >= amount * 10**9


@given(amount=st.floats(0, 1e9))
def test_a_float_means_its_shortest_decimal_form(amount):
    assert amount_of(amount) == Decimal(repr(amount))


@given(anything=st.one_of(st.text(), st.floats(), st.integers(), st.booleans(), st.none()))
def test_anything_is_an_amount_or_refused(anything):
    try:
        amount = amount_of(anything)
    except AmountError:
        return
    assert 0 <= amount <= HIGHEST
    assert not amount.is_signed()


def test_half_a_nano_is_rounded_to_even_and_held_in_full():
    assert (nano_even("0.0000000005"), nano_even("0.0000000015")) == (0, 2)
    assert nano_up("0.0000000001") == 1


@pytest.mark.parametrize(("written", "code"), [("usd", "USD"), ("EUR", "EUR"), ("cHf", "CHF")])
def test_a_currency_is_upper_case(written, code):
    assert currency_of(written) == code


@pytest.mark.parametrize("written", ["", "US", "USDT", "U5D", "ÄÖÜ", None, 1])
def test_what_is_no_currency_is_refused(written):
    with pytest.raises(AmountError):
        currency_of(written)
