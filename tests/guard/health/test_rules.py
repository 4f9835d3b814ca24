"""By which figures a host is judged."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.guard.health.evidence import NOTHING, Evidence, of_call
from costmon.guard.health.rules import HEALTHY, QUARANTINED, USUAL, HealthRules


def after(*calls: tuple[bool, float]) -> Evidence:
    evidence = NOTHING
    for ok, latency_s in calls:
        evidence = evidence.plus(of_call(ok=ok, latency_s=latency_s, at_s=1e9))
    return evidence


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1000)), max_size=80))
def test_a_score_is_between_0_and_1(calls):
    assert 0 <= USUAL.score(after(*calls)) <= 1


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 10)), max_size=60))
def test_another_failure_never_makes_a_score_better(calls):
    before = after(*calls)

    # A failure that says nothing of latency: what is known of latency fades, and may be forgotten.
    worse = before.plus(of_call(ok=False, latency_s=None, at_s=1e9))._replace(
        latencies=before.latencies
    )

    assert USUAL.score(worse) <= USUAL.score(before) + 1e-9


def test_the_weights_are_those_of_the_reference():
    evidence = after(*[(True, 0.001)] * 200)._replace(row=4)
    rate = evidence.success_rate

    score = USUAL.score(evidence)

    assert score == pytest.approx(0.4 * rate + 0.3 * (1 - 0.4) + 0.3 * (1 - 0.00125 / 5))


def test_latency_is_not_held_against_a_host_before_five_answers_are_known():
    assert USUAL.score(after(*[(True, 60.0)] * 4)) > HEALTHY
    assert USUAL.score(after(*[(True, 60.0)] * 5)) < HEALTHY


def test_a_slow_host_is_unhealthy_and_not_condemned():
    slow = after(*[(True, 60.0)] * 500)

    assert QUARANTINED <= USUAL.score(slow) < HEALTHY
    assert not USUAL.condemn(slow)


def test_a_host_of_language_models_may_be_slow():
    assert HealthRules(slow_s=100).score(after(*[(True, 30.0)] * 500)) > HEALTHY


def test_five_failures_in_a_row_condemn_at_once_whatever_was_before():
    assert USUAL.condemn(after(*[(True, 0.1)] * 500, *[(False, 0.1)] * 5))
    assert not USUAL.condemn(after(*[(True, 0.1)] * 500, *[(False, 0.1)] * 4))


@pytest.mark.parametrize(
    "rules",
    [
        {"failures_in_row": 0},
        {"enough_calls": 46},
        {"failing_rate": 1.1},
        {"slow_s": 0},
        {"open_s": math.nan},
        {"open_s": 60, "longest_open_s": 59},
        {"probe_s": True},
        {"probe_s": "120"},
    ],
)
def test_figures_out_of_range_are_refused_by_name(rules):
    with pytest.raises(InputError, match=list(rules)[-1]):
        HealthRules(**rules)
