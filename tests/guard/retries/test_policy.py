"""Policies of retries and their texts."""

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.guard.retries.policy import RetryPolicy

POLICIES = st.builds(
    lambda retries, initial, more, factor, jitter: RetryPolicy(
        retries, initial, initial + more, factor, jitter
    ),
    st.integers(0, 100),
    st.floats(0, 1000),
    st.floats(0, 10_000),
    st.floats(1, 100),
    st.sampled_from(["full", "none"]),
)


def test_the_usual_policy_is_that_of_the_reference_with_jitter():
    assert RetryPolicy() == (3, 1.0, 30.0, 2.0, "full")


def test_without_jitter_waits_grow_up_to_the_longest():
    policy = RetryPolicy(7, jitter="none")

    waits = [policy.wait_s(retry, random.Random(1)) for retry in range(7)]

    assert waits == [1, 2, 4, 8, 16, 30, 30]


@given(POLICIES, st.integers(0, 99), st.integers())
def test_every_wait_is_within_its_bounds_and_the_bounds_never_shrink(policy, retry, seed):
    wait_s = policy.wait_s(retry, random.Random(seed))

    assert 0 <= wait_s <= policy.longest_wait_s(retry) <= policy.max_backoff
    assert policy.longest_wait_s(retry) <= policy.longest_wait_s(retry + 1)


@given(POLICIES, st.integers(0, 99), st.floats(0, 1e6))
def test_what_the_host_asks_for_is_kept_up_to_the_longest(policy, retry, asked_s):
    wait_s = policy.wait_s(retry, random.Random(1), asked_s)

    assert min(asked_s, policy.max_backoff) <= wait_s <= policy.max_backoff


def test_full_jitter_spreads_waits_over_the_whole_time():
    policy = RetryPolicy(1, initial_backoff=10, max_backoff=10)
    rng = random.Random(1)

    waits = sorted(policy.wait_s(0, rng) for _ in range(1000))

    assert waits[0] < 0.5
    assert waits[-1] > 9.5
    assert 4.5 < waits[500] < 5.5


@given(POLICIES)
def test_a_policy_survives_its_text(policy):
    assert RetryPolicy.from_text(policy.to_text()) == policy


def test_a_part_of_a_policy_gets_the_usual_values():
    assert RetryPolicy.from_text('{"max_retries": 1}') == RetryPolicy(1, 1.0, 30.0, 2.0, "full")
    assert RetryPolicy.from_text("{}") == RetryPolicy()


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", "{", '{"retries": 3}', '{"max_retries": "3"}', None]
)
def test_what_is_no_policy_is_refused(text):
    with pytest.raises(InputError):
        RetryPolicy.from_text(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"max_retries": -1},
        {"max_retries": 101},
        {"max_retries": 1.5},
        {"max_retries": True},
        {"initial_backoff": -1},
        {"initial_backoff": math.nan},
        {"initial_backoff": 31},
        {"initial_backoff": "1"},
        {"max_backoff": math.inf},
        {"backoff_factor": 0},
        {"backoff_factor": 101},
        {"jitter": "some"},
        {"jitter": None},
    ],
)
def test_figures_out_of_range_are_refused(fields):
    with pytest.raises(InputError):
        RetryPolicy(**fields)
    if not any(isinstance(value, float) for value in fields.values()):
        with pytest.raises(InputError):
            RetryPolicy.from_text(json.dumps(fields))
