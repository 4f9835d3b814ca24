"""Buckets: no value is lost, none is far off, and merging is adding."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.meter.histogram import bounds, bucket_of, merged, middle, quantile

_SETTINGS = settings(max_examples=200, deadline=None)
_VALUES = st.one_of(st.integers(0, 200), st.integers(0, 10**6), st.integers(0, 2**63))
_SHARES = st.sampled_from((0.0, 0.05, 0.5, 0.9, 0.95, 0.99, 1.0)) | st.floats(0, 1)


def counted(values):
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    return counts


@_SETTINGS
@given(_VALUES)
def test_a_value_lies_within_the_bounds_of_its_bucket(value):
    least, above = bounds(bucket_of(value))

    assert least <= value < above


@_SETTINGS
@given(_VALUES)
def test_the_middle_of_a_bucket_is_within_a_64th_of_each_of_its_values(value):
    assert abs(middle(bucket_of(value)) - value) * 64 <= value


@_SETTINGS
@given(st.integers(0, 2_000))
def test_buckets_follow_each_other_without_a_gap(bucket):
    assert bounds(bucket)[1] == bounds(bucket + 1)[0]
    assert bucket_of(bounds(bucket)[0]) == bucket


@_SETTINGS
@given(st.lists(_VALUES, min_size=2, max_size=2))
def test_a_greater_value_never_lies_in_a_lower_bucket(values):
    low, high = sorted(values)

    assert bucket_of(low) <= bucket_of(high)


@_SETTINGS
@given(st.integers(0, 62))
def test_powers_of_two_are_where_a_bucket_begins(power):
    assert bounds(bucket_of(1 << power))[0] == 1 << power


def test_what_is_below_zero_counts_as_zero():
    assert bucket_of(-1) == bucket_of(-(10**12)) == bucket_of(0) == 0


def test_a_day_in_nanoseconds_needs_few_buckets():
    assert bucket_of(86_400 * 10**9) < 1_400


@_SETTINGS
@given(st.lists(_VALUES), st.lists(_VALUES), st.lists(_VALUES))
def test_merging_gives_in_any_order_what_counting_all_at_once_gives(one, two, three):
    first, second, third = counted(one), counted(two), counted(three)
    whole = counted(one + two + three)

    assert merged([first, second, third]) == whole
    assert merged([third, first, second]) == whole
    assert merged([merged([first, second]), third]) == whole
    assert merged([first, merged([second, third])]) == whole


def test_merging_changes_nothing_of_what_it_was_given():
    first, second = {1: 1}, {1: 2, 7: 1}
    merged([first, second])

    assert (first, second) == ({1: 1}, {1: 2, 7: 1})


def test_nothing_merges_to_nothing():
    assert merged([]) == {}


@_SETTINGS
@given(st.lists(_VALUES, min_size=1), _SHARES)
def test_a_quantile_is_within_a_64th_of_the_value_of_the_nearest_rank(values, share):
    exact = sorted(values)[max(1, math.ceil(round(share * len(values), 9))) - 1]
    found = quantile(counted(values), share)

    assert found is not None
    assert abs(found - exact) * 64 <= exact


@_SETTINGS
@given(st.lists(_VALUES, min_size=1), _SHARES, _SHARES)
def test_a_greater_share_never_has_a_lower_quantile(values, one, other):
    low, high = (quantile(counted(values), share) for share in sorted((one, other)))

    assert low is not None
    assert high is not None
    assert low <= high


def test_the_median_of_two_values_is_the_lower_one():
    assert quantile(counted([3, 9]), 0.5) == 3


def test_the_99th_percentile_of_a_hundred_values_is_not_the_greatest():
    values = [1] * 99 + [31]

    assert quantile(counted(values), 0.99) == 1
    assert quantile(counted(values), 1.0) == 31


@pytest.mark.parametrize("percent", range(1, 101))
def test_a_percentile_of_a_hundred_different_buckets_is_that_bucket(percent):
    # 0.55 * 100 is 55.00000000000001: rounding up as it stands would take the 56th.
    assert quantile(dict.fromkeys(range(100), 1), percent / 100) == middle(percent - 1)


def test_no_values_have_no_quantile():
    assert quantile({}, 0.5) is None
    assert quantile({3: 0}, 0.5) is None
