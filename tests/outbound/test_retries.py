"""Whether, when and how often a failed GET is tried again."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import (
    ProviderAuthError,
    ProviderNetworkError,
    ProviderPermissionError,
    ProviderRateLimitError,
    ProviderSchemaError,
    ProviderServerError,
    ProviderTimeoutError,
)
from costmon.outbound.protocol import OutboundLimits
from costmon.outbound.retries import Retries

LIMITS = OutboundLimits()


def failure(kind, retry_after_s=None):
    return kind(
        provider="x", endpoint="GET /x", detail="no", hint="none", retry_after_s=retry_after_s
    )


def retries(seed=1, **changes):
    limits = OutboundLimits(**changes)
    return Retries(
        limits=limits, rng=random.Random(seed), started_s=100.0, attempts=limits.attempts
    )


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        (ProviderServerError, True),
        (ProviderTimeoutError, True),
        (ProviderNetworkError, True),
        (ProviderRateLimitError, True),
        (ProviderAuthError, False),
        (ProviderPermissionError, False),
        (ProviderSchemaError, False),
    ],
)
def test_only_what_may_succeed_is_tried_again(kind, again):
    assert (retries().pause_after(failure(kind), 100.0) is not None) == again


def test_it_ends_after_four_attempts():
    attempts = retries()

    pauses = [attempts.pause_after(failure(ProviderServerError), 100.0) for _ in range(4)]

    assert [pause is None for pause in pauses] == [False, False, False, True]


def test_what_the_vendor_asks_for_is_waited_to_the_second():
    assert retries().pause_after(failure(ProviderRateLimitError, 42.0), 100.0) == 42.0


def test_a_pause_that_ends_beyond_the_budget_is_not_begun():
    asked = failure(ProviderRateLimitError, 42.0)

    assert retries().pause_after(asked, 100.0 + 33.0) == 42.0
    assert retries().pause_after(asked, 100.0 + 33.1) is None


def test_a_burst_limit_of_a_minute_fits_into_the_budget():
    assert retries().pause_after(failure(ProviderRateLimitError, 60.0), 110.0) == 60.0


@given(st.integers(), st.integers(1, 20))
def test_pauses_are_drawn_from_a_range_that_doubles_up_to_a_bound(seed, failed):
    attempts = retries(seed, attempts=100)
    pause_s = 0.0
    for _ in range(failed):
        found = attempts.pause_after(failure(ProviderServerError), 100.0)
        assert found is not None
        pause_s = found

    assert 0.0 <= pause_s <= min(8.0, 0.5 * 2 ** (failed - 1))


def test_pauses_use_the_whole_range():
    drawn = [retries(seed).pause_after(failure(ProviderServerError), 100.0) for seed in range(200)]

    assert min(pause for pause in drawn if pause is not None) < 0.05
    assert max(pause for pause in drawn if pause is not None) > 0.45
