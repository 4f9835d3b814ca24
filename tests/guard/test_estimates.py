"""`strict` holds worst cases; `adaptive` what calls like it needed, within a bound."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.guard import Budget, BudgetError, BudgetRefused, Guard
from costmon.testing.clock import FakeClock

_SETTINGS = settings(max_examples=60, deadline=None)


def made(estimates, limit="1"):
    return Guard(budgets=[Budget("global", limit, "total")], estimates=estimates, clock=FakeClock())


def test_strict_holds_the_worst_case():
    guard = made("strict")
    for _ in range(50):
        guard.reserve("model:m", "0.5").settle("0.001")

    assert guard.reserve("model:m", "0.5").estimate == Decimal("0.5")


def test_strict_refuses_a_worst_case_that_does_not_fit_a_budget_that_is_hardly_used():
    guard = made("strict")

    with pytest.raises(BudgetRefused):
        guard.reserve("model:m", "1.1")


def test_adaptive_does_not_let_a_worst_case_block_a_budget_that_is_hardly_used():
    guard = made("adaptive")

    lease = guard.reserve("model:m", "25")
    lease.settle("0.002")

    assert lease.estimate == Decimal("0.5")
    assert guard.spent("global") == Decimal("0.002")


def test_adaptive_does_not_let_one_call_pin_the_whole_rest():
    guard = made("adaptive")

    first, second = guard.reserve("model:m", "25"), guard.reserve("model:m", "25")

    # Each gets half of what is left; then the budget is more than half in use.
    assert (first.estimate, second.estimate) == (Decimal("0.5"), Decimal("0.25"))
    with pytest.raises(BudgetRefused):
        guard.reserve("model:m", "25")


def test_adaptive_learns_after_twenty_calls_what_calls_like_it_need():
    guard = made("adaptive", "100")
    for _ in range(19):
        guard.reserve("model:m", "1").settle("0.01")
    before = guard.reserve("model:m", "1")
    before.settle("0.02")

    after = guard.reserve("model:m", "1")

    assert (before.estimate, after.estimate) == (1, Decimal("0.02"))


def test_adaptive_learns_each_chain_and_activity_by_itself():
    guard = made("adaptive", "100")
    for _ in range(30):
        guard.reserve("model:m", "1").settle("0.01")

    assert guard.reserve("model:other", "1").estimate == 1
    assert guard.reserve("model:m", "1", activity="image").estimate == 1
    assert guard.reserve("model:m", "2").estimate == Decimal("0.02")


def test_adaptive_holds_more_again_once_calls_cost_more():
    guard = made("adaptive", "1000")
    for _ in range(100):
        guard.reserve("model:m", "1").settle("0.01")
    for _ in range(3):
        guard.reserve("model:m", "1").settle("0.8")

    assert guard.reserve("model:m", "1").estimate == Decimal("0.8")


def test_what_was_released_teaches_nothing():
    guard = made("adaptive", "100")
    for _ in range(30):
        guard.reserve("model:m", "1").release()

    assert guard.reserve("model:m", "1").estimate == 1


def test_there_are_two_ways_of_estimating():
    with pytest.raises(BudgetError, match="strict or adaptive"):
        Guard(estimates="psychic")  # type: ignore[arg-type]  # that is the point


@_SETTINGS
@given(
    calls=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(0, 100), st.booleans()), max_size=40
    )
)
def test_strict_never_overspends_when_worst_cases_are_true(calls):
    guard, open_ = made("strict"), []
    for nano, share, at_once in calls:
        try:
            lease = guard.reserve("model:m", Decimal(nano).scaleb(-9))
        except BudgetRefused:
            continue
        open_.append((lease, Decimal(nano * share // 100).scaleb(-9)))
        if at_once:
            lease, actual = open_.pop(0)
            lease.settle(actual)
        assert guard.spent("global") + guard.held("global") <= 1
    for lease, actual in open_:
        lease.settle(actual)
    assert guard.spent("global") <= 1


@_SETTINGS
@given(
    calls=st.lists(
        st.tuples(st.integers(1, 10**9), st.integers(0, 100), st.booleans()), max_size=60
    )
)
def test_adaptive_overspends_by_no_more_than_what_calls_cost_above_their_estimates(calls):
    guard, open_, above = made("adaptive"), [], Decimal(0)

    def end(lease, actual):
        nonlocal above
        above += max(Decimal(0), actual - lease.estimate)
        lease.settle(actual)

    for nano, share, at_once in calls:
        try:
            lease = guard.reserve("model:m", Decimal(nano).scaleb(-9))
        except BudgetRefused:
            continue
        open_.append((lease, Decimal(nano * share // 100).scaleb(-9)))
        if at_once:
            end(*open_.pop(0))
        assert guard.spent("global") + guard.held("global") <= 1 + above
    for lease, actual in open_:
        end(lease, actual)
    assert guard.spent("global") <= 1 + above
