"""What one guard changes, another guard on the same store obeys with its next call."""

from decimal import Decimal

import pytest

from costmon.guard import Budget, BudgetRefused, Guard, RateRefused, Thresholds, TierRefused
from costmon.testing.clock import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture(params=["memory", "sqlite"])
def two(request, clock, tmp_path):
    """Two guards on one store: of one process, or as two processes would have them."""
    budgets = [Budget("global", "10", "day"), Budget("host:*", "5", "day")]
    if request.param == "memory":
        one = Guard(budgets=budgets, clock=clock)
        other = Guard(one.store, budgets, clock=clock)
    else:
        url = f"sqlite:///{tmp_path / 'guard.db'}"
        one, other = Guard(url, budgets, clock=clock), Guard(url, budgets, clock=clock)
    # Both have their plans and settings in hand.
    one.reserve("host:x.test", "0.1").release()
    other.reserve("host:x.test", "0.1").release()
    yield one, other
    one.close()
    other.close()


def test_a_lower_budget_holds_at_once(two):
    one, other = two
    one.set_budget(Budget("host:*", "1", "day"))

    with pytest.raises(BudgetRefused) as caught:
        other.reserve("host:x.test", "1.01")

    assert caught.value.limit == 1
    assert other.remaining("host:x.test") == 1


def test_a_higher_budget_holds_at_once(two):
    one, other = two
    with pytest.raises(BudgetRefused):
        other.reserve("host:x.test", "6")

    one.set_budget(Budget("host:x.test", "8", "day"))

    # The first is refused by what was known; it is not asked again for each refusal.
    other.reserve("host:x.test", "6").settle()
    assert other.spent("host:x.test") == 6


def test_a_new_budget_knows_what_was_spent_before(two):
    one, other = two
    other.reserve(["key:k", "host:x.test"], "3").settle()

    one.set_budget(Budget("key:k", "4", "day"))

    with pytest.raises(BudgetRefused) as caught:
        other.reserve("key:k", "2")
    assert (caught.value.spent, caught.value.limit) == (Decimal(3), Decimal(4))


def test_a_removed_budget_limits_nothing_any_more(two):
    one, other = two
    one.remove_budget("host:*", "day")
    one.remove_budget("global", "daily")

    other.reserve("host:x.test", "100")

    assert other.budgets() == ()


def test_a_budget_that_comes_back_knows_what_was_spent_meanwhile(two):
    one, other = two
    other.reserve("host:x.test", "2").settle()
    one.remove_budget("host:*", "day")
    other.reserve("host:x.test", "2").settle()

    one.set_budget(Budget("host:*", "5", "day"))

    assert other.spent("host:x.test", "day") == 4
    with pytest.raises(BudgetRefused):
        other.reserve("host:x.test", "2")


def test_a_tier_holds_at_once_and_unblocking_too(two):
    one, other = two
    one.configure("host:x.test", tier="blocked")
    with pytest.raises(TierRefused):
        other.reserve("host:x.test", "1")

    one.configure("host:x.test", tier="standard")
    other.reserve("host:x.test", "1")


def test_a_rate_holds_at_once(two):
    one, other = two
    one.configure("host:x.test", rate_limit=1)
    other.reserve("host:x.test", "1")

    with pytest.raises(RateRefused):
        other.reserve("host:x.test", "1")
    one.unconfigure("host:x.test")
    other.reserve("host:x.test", "1")


def test_an_own_budget_holds_at_once(two):
    one, other = two
    one.configure("host:x.test", custom_budget="0.5")

    with pytest.raises(BudgetRefused):
        other.reserve("host:x.test", "0.6")


def test_thresholds_hold_at_once(two):
    one, other = two
    one.set_thresholds(Thresholds(50, 90))

    with pytest.raises(BudgetRefused) as caught:
        other.reserve("global", "9.1")

    assert caught.value.limit == 9


def test_premium_is_seen_although_the_call_was_refused_by_what_was_known(two):
    one, other = two
    other.reserve("host:x.test", "5").settle()
    with pytest.raises(BudgetRefused):
        other.reserve("host:x.test", "1")

    one.configure("host:x.test", tier="premium")

    other.reserve("host:x.test", "1").settle()
    assert other.spent("host:x.test") == 6


def test_what_one_has_spent_the_other_knows(two):
    one, other = two
    one.reserve("host:x.test", "3").settle()
    other.reserve("host:x.test", "1")

    assert (other.spent("host:x.test"), one.held("host:x.test")) == (3, 1)
    with pytest.raises(BudgetRefused):
        other.reserve("host:x.test", "1.01")
    assert one.remaining("host:x.test") == Decimal(1)


def test_a_lease_of_one_can_be_ended_by_the_other(two):
    one, other = two
    lease = one.reserve("host:x.test", "3")

    other.lease(lease.id).settle("1")
    lease.settle("2")

    assert one.spent("host:x.test") == 1


def test_a_budget_changed_under_a_call_in_flight_still_counts_it(two):
    one, other = two
    lease = other.reserve("host:x.test", "3")
    one.set_budget(Budget("host:*", "2", "day"))

    assert one.remaining("host:x.test") == 0
    lease.settle("1")

    assert one.remaining("host:x.test") == 1


def test_what_a_program_without_a_budget_spends_counts_for_another_ones(tmp_path):
    url = f"sqlite:///{tmp_path / 'guard.db'}"
    with Guard(url) as free, Guard(url, [Budget("host:*", "1", "day")]) as bound:
        free.reserve("host:a.example", "0.10").settle()
        bound.reserve("host:a.example", "0.10").settle()
        free.reserve("host:a.example", "0.75").settle()

        left = bound.remaining("host:a.example", "day")
        with pytest.raises(BudgetRefused):
            bound.reserve("host:a.example", "0.10")
        free.reserve("host:a.example", "5").settle()

    assert left == Decimal("0.05")
