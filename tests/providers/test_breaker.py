"""The breaker opens when it should, for as long as it should, and lets one probe through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.providers.breaker import Breaker


def failed(breaker, now_s, *, times=1, retryable=True):
    for _ in range(times):
        breaker = breaker.after_failure(now_s, retryable=retryable)
    return breaker


def test_it_is_closed_at_first():
    breaker = Breaker()

    assert breaker.state(0.0) == "closed"
    assert breaker.allows(0.0)


@pytest.mark.parametrize(("times", "state"), [(1, "closed"), (2, "closed"), (3, "open")])
def test_three_failures_in_a_row_open_it(times, state):
    assert failed(Breaker(), 10.0, times=times).state(10.0) == state


def test_a_success_in_between_starts_the_count_anew():
    breaker = failed(failed(Breaker(), 0.0, times=2).after_success(), 0.0, times=2)

    assert breaker.state(0.0) == "closed"


def test_what_cannot_succeed_soon_opens_it_at_once():
    assert failed(Breaker(), 0.0, retryable=False).state(0.0) == "open"


def test_a_wait_that_the_vendor_asks_for_opens_it_for_that_long():
    breaker = Breaker().after_failure(0.0, retryable=True, retry_after_s=1_800.0)

    assert breaker.probe_at_s == 1_800.0
    assert not breaker.allows(1_799.0)


def test_after_its_time_exactly_one_probe_is_let_through():
    breaker = failed(Breaker(), 0.0, times=3)

    assert not breaker.allows(59.9)
    assert breaker.state(60.0) == "half_open"
    assert breaker.allows(60.0)
    probing = breaker.asked()
    assert probing.state(60.0) == "half_open"
    assert not probing.allows(1e9)


def test_a_good_probe_closes_it():
    probing = failed(Breaker(), 0.0, times=3).asked()

    assert probing.after_success() == Breaker()


def test_bad_probes_double_the_time_up_to_a_quarter_of_an_hour():
    breaker, now_s, waits = failed(Breaker(), 0.0, times=3), 0.0, []
    for _ in range(7):
        assert breaker.probe_at_s is not None
        waits.append(breaker.probe_at_s - now_s)
        now_s = breaker.probe_at_s
        breaker = failed(breaker.asked(), now_s)

    assert waits == [60.0, 120.0, 240.0, 480.0, 900.0, 900.0, 900.0]


def test_a_closed_breaker_is_not_changed_by_asking():
    assert Breaker().asked() == Breaker()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["success", "failure", "hopeless"]),
            st.integers(0, 2_000),
        ),
        max_size=60,
    )
)
def test_it_never_lets_two_through_while_it_is_not_closed(steps):
    breaker, now_s, failures = Breaker(), 0.0, 0
    for outcome, passed_s in steps:
        now_s += passed_s
        if not breaker.allows(now_s):
            assert breaker.probe_at_s is not None
            assert breaker.state(now_s) == "open"
            assert breaker.probe_at_s - now_s <= 900.0
            continue
        breaker = breaker.asked()
        assert breaker.state(now_s) == "closed" or not breaker.allows(now_s)
        if outcome == "success":
            failures = 0
            breaker = breaker.after_success()
        else:
            failures += 1
            breaker = breaker.after_failure(now_s, retryable=outcome == "failure")
        assert breaker.failures == failures
        assert (breaker.state(now_s) == "closed") == (breaker.probe_at_s is None)
        if failures >= 3 or (failures and outcome == "hopeless"):
            assert breaker.state(now_s) == "open"


@given(st.integers(0, 10_000))
def test_an_outage_of_years_is_no_overflow(openings):
    breaker = failed(Breaker(openings=openings), 0.0, retryable=False)

    assert breaker.probe_at_s is not None
    assert 60.0 <= breaker.probe_at_s <= 900.0
