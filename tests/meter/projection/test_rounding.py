from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.projection.rounding import CENT, apportioned

AMOUNTS = st.integers(-(10**12), 10**12).map(lambda cents: Decimal(cents) * CENT)
WEIGHTS = st.lists(st.integers(0, 10**30), min_size=1, max_size=30)


@given(AMOUNTS, WEIGHTS)
def test_parts_add_up_to_the_amount(total, weights):
    assert sum(apportioned(total, weights)) == total


@given(AMOUNTS, WEIGHTS.filter(any))
def test_no_part_is_a_cent_or_more_from_its_exact_share(total, weights):
    for part, weight in zip(apportioned(total, weights), weights, strict=True):
        exact = Fraction(total) * weight / sum(weights)

        assert abs(Fraction(part) - exact) < Fraction(1, 100)


@given(AMOUNTS, WEIGHTS)
def test_who_weighs_more_does_not_get_less(total, weights):
    parts = apportioned(abs(total), weights)
    by_weight = sorted(zip(weights, parts, strict=True))

    # Of equals, the first get the cents that are left.
    assert all(
        one[1] <= other[1] + (CENT if one[0] == other[0] else 0)
        for one, other in pairwise(by_weight)
    )


def test_what_weighs_nothing_gets_nothing_beside_what_does():
    assert apportioned(Decimal("0.05"), [0, 1, 0]) == (Decimal(0), Decimal("0.05"), Decimal(0))


def test_where_nothing_weighs_anything_all_are_equal():
    assert apportioned(Decimal("0.05"), [0, 0]) == (Decimal("0.03"), Decimal("0.02"))


def test_a_finer_step_is_possible():
    parts = apportioned(Decimal("1.0000000001"), [1, 1, 1], step=Decimal("1E-10"))

    assert sum(parts) == Decimal("1.0000000001")
