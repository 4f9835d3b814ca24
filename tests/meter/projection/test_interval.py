import random
from statistics import mean, stdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.meter.projection.interval import half_width_ns, thousandths_of_t
from tests.meter.projection.parts import MS, US


def half_width(values):
    squares = sum(value * value for value in values) // US**2
    return half_width_ns(len(values), sum(values), squares)


# From tables of Student's distribution, two-sided 95 %.
@pytest.mark.parametrize(
    ("degrees", "t"), [(1, 12.706), (4, 2.776), (30, 2.042), (40, 2.021), (120, 1.980)]
)
def test_t_is_that_of_the_tables(degrees, t):
    assert thousandths_of_t(degrees) / 1000 == pytest.approx(t, rel=0.002)


def test_t_falls_to_that_of_the_normal_distribution():
    found = [thousandths_of_t(degrees) for degrees in range(1, 5000)]

    assert found == sorted(found, reverse=True)
    assert found[-1] == 1961


@given(st.lists(st.integers(100 * US, 10_000 * MS), min_size=2, max_size=50))
def test_the_interval_is_students(values):
    expected = thousandths_of_t(len(values) - 1) / 1000 * stdev(values) / len(values) ** 0.5

    assert half_width(values) == pytest.approx(expected, rel=0.01, abs=5 * US)


def test_one_request_has_no_interval():
    assert half_width([5 * MS]) is None
    assert half_width([]) is None


def test_equal_requests_have_an_interval_of_nothing():
    assert half_width([50 * MS] * 1000) == 0


def test_squares_that_were_rounded_down_below_what_is_possible_do_no_harm():
    assert half_width_ns(1000, 1000 * 50 * MS, 0) == 0


def test_95_of_100_intervals_hold_the_true_mean():
    rng = random.Random(4)
    held = 0
    for _ in range(1000):
        values = [int(rng.gauss(20 * MS, 4 * MS)) for _ in range(12)]
        held += abs(mean(values) - 20 * MS) <= half_width(values)

    assert 930 <= held <= 970
