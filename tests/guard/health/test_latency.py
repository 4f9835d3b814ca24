"""The histogram of latencies and its published bound."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.guard.health.latency import BUCKETS, NONE, LatencyHistogram, bucket_of, lower_s, one

SECONDS = st.floats(min_value=0, max_value=131, allow_nan=False)


def histogram(latencies) -> LatencyHistogram:
    made = NONE
    for latency in latencies:
        made = made.plus(one(latency))
    return made


@given(st.lists(SECONDS, min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_quantile_is_within_an_eighth_of_the_true_one(latencies, share):
    exact = sorted(latencies)[max(0, math.ceil(len(latencies) * share - 1e-9) - 1)]

    found = histogram(latencies).quantile(share)

    assert found is not None
    assert abs(found - exact) <= max(exact * 0.125, 0.00125) + 1e-12


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_two_parts_together_are_the_whole(first, second):
    assert histogram(first).plus(histogram(second)) == histogram(first + second)


@given(st.floats(min_value=0, max_value=1e9))
def test_every_latency_has_a_bucket_that_contains_it(seconds):
    bucket = bucket_of(seconds)

    assert 0 <= bucket < BUCKETS
    assert lower_s(bucket) <= seconds
    assert bucket == BUCKETS - 1 or seconds < lower_s(bucket + 1)


def test_no_answers_have_no_quantile():
    assert NONE.quantile(0.95) is None


def test_what_faded_away_takes_no_memory():
    assert one(1.0).plus(NONE, fade=1e-6) == NONE


@pytest.mark.parametrize("seconds", [-0.001, math.nan, math.inf])
def test_what_is_no_latency_is_refused(seconds):
    with pytest.raises(InputError, match="not a latency"):
        one(seconds)
