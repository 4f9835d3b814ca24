"""How many retries there may be."""

import threading
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import InputError
from costmon.guard.errors import RetryRefused
from costmon.guard.retries.budget import RetryBudget
from costmon.testing.clock import FakeClock


def taken(budget, times, amount=None):
    """Return how many of so many retries were let through."""
    passed = 0
    for _ in range(times):
        try:
            budget.take("host:a.example", amount)
        except RetryRefused:
            continue
        passed += 1
    return passed


def test_a_quiet_program_has_the_floor():
    budget = RetryBudget(FakeClock())

    assert taken(budget, 50) == 10


def test_a_busy_program_has_a_fifth_of_its_calls_besides():
    budget = RetryBudget(FakeClock())
    for _ in range(1000):
        budget.count_call()

    assert taken(budget, 1000) == 210


def test_what_left_the_window_counts_no_more():
    clock = FakeClock()
    budget = RetryBudget(clock, window_s=10)
    for _ in range(100):
        budget.count_call()
    assert taken(budget, 100) == 30

    clock.advance(11)

    assert budget.retries == 0
    assert taken(budget, 100) == 10


def test_a_refusal_says_what_allows_and_when_to_come_back():
    clock = FakeClock()
    budget = RetryBudget(clock)
    taken(budget, 10)

    with pytest.raises(RetryRefused, match="10 retries in 60 s are the most for 0 calls") as caught:
        budget.take("host:a.example")
    clock.advance(caught.value.retry_after_s or 0)

    assert taken(budget, 1) == 1


def test_money_caps_retries():
    budget = RetryBudget(FakeClock(), max_retry_cost="0.05")

    assert taken(budget, 10, "0.02") == 2
    assert budget.cost == Decimal("0.04")
    with pytest.raises(RetryRefused, match=r"may cost 0\.05"):
        budget.take("host:a.example", "0.02")
    assert taken(budget, 1, "0.01") == 1


def test_capped_money_needs_to_know_the_price():
    budget = RetryBudget(FakeClock(), max_retry_cost=0)

    with pytest.raises(InputError, match="max_retry_cost"):
        budget.take("host:a.example")


@pytest.mark.parametrize(
    "wrong", [{"share": 1.1}, {"share": -1}, {"floor": -1}, {"window_s": 9}, {"window_s": 61}]
)
def test_figures_out_of_range_are_refused(wrong):
    with pytest.raises(InputError):
        RetryBudget(FakeClock(), **wrong)


@given(
    st.lists(
        st.one_of(st.just("call"), st.just("retry"), st.floats(0, 70).map(lambda wait: wait)),
        max_size=150,
    ),
    st.integers(0, 5),
)
def test_when_a_retry_is_let_through_the_window_has_room_for_it(steps, floor):
    clock = FakeClock()
    budget = RetryBudget(clock, floor=floor)
    calls, retries = [], []
    for step in steps:
        if isinstance(step, float):
            clock.advance(step)
        elif step == "call":
            budget.count_call()
            calls.append(clock.monotonic_s())
        elif taken(budget, 1):
            now_s = clock.monotonic_s()
            retries.append(now_s)
            # A step of a 60th: what is counted is at least the last minute, at most a second more.
            in_window = sum(at_s > now_s - 60 for at_s in retries)
            counted = sum(at_s > now_s - 61.001 for at_s in calls)
            assert in_window <= floor + 0.2 * counted


def test_threads_together_never_take_more_than_the_budget():
    budget = RetryBudget(FakeClock(), max_retry_cost="0.15")
    passed = []

    def work():
        for _ in range(50):
            budget.count_call()
        passed.append(taken(budget, 50, "0.001"))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(passed) == budget.retries <= 10 + 0.2 * 16 * 50
    assert budget.cost <= Decimal("0.15")
