"""What calls say about a host, faded and in parts."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.guard.health.evidence import HALF_LIFE_S, NOTHING, Evidence, of_call

CALLS = st.lists(st.tuples(st.booleans(), st.floats(0, 60), st.floats(0, 3600)), max_size=60)


def evidence(calls, at_s=1e9) -> Evidence:
    folded = NOTHING
    for ok, latency_s, pause_s in calls:
        at_s += pause_s
        folded = folded.plus(of_call(ok=ok, latency_s=latency_s, at_s=at_s))
    return folded


@given(CALLS, CALLS)
def test_a_part_that_another_process_saw_adds_up_to_the_same(first, second):
    whole = evidence(first + second)
    start_s = 1e9 + sum(call[2] for call in first)

    parts = evidence(first).plus(evidence(second, at_s=start_s))

    assert parts.calls == whole.calls
    assert parts.row == whole.row
    assert parts.successes == pytest.approx(whole.successes)
    assert parts.failures == pytest.approx(whole.failures)
    assert parts.latencies.weight == pytest.approx(whole.latencies.weight, abs=0.05)


@given(CALLS)
def test_at_most_fifty_calls_count(calls):
    assert evidence(calls).weight <= 50
    assert evidence(calls).latencies.weight <= 100


@given(CALLS)
def test_a_success_rate_is_between_0_and_1(calls):
    assert 0 < evidence(calls).success_rate < 1


def test_the_failures_in_a_row_are_those_since_the_last_success():
    calls = [(False, 0, 0), (True, 0, 0), (False, 0, 0), (False, 0, 0)]

    assert evidence(calls).row == 2


def test_after_six_hours_a_call_counts_half():
    call = of_call(ok=False, latency_s=1.0, at_s=1e9)

    aged = call.aged(1e9 + HALF_LIFE_S)

    assert aged.failures == 0.5
    assert aged.latencies.weight == 0.5


def test_a_clock_that_was_set_back_makes_nothing_younger():
    late = of_call(ok=True, latency_s=None, at_s=1e9)
    early = of_call(ok=True, latency_s=None, at_s=1e9 - 7200)

    both = reduce(Evidence.plus, [late, early])

    assert both.at_s == 1e9
    assert both.successes == 1.98
    assert late.aged(1e9 - 7200) == late
