"""The preset for federation keeps what the reference's README promises."""

from decimal import Decimal

import pytest

from costmon.domain.spend import Notice
from costmon.errors import BudgetError, ScopeError
from costmon.guard.errors import BudgetRefused, RateRefused, TierRefused
from costmon.guard.presets import federation
from costmon.guard.retries.policy import RetryPolicy
from costmon.testing.clock import FakeClock


@pytest.fixture
def guard():
    with federation(
        total_budget="1000",
        per_instance="10",
        overrides={"Mastodon.social": "50"},
        clock=FakeClock(),
    ) as guard:
        yield guard


def spend(guard, host, amount):
    guard.reserve(f"host:{host}", amount).settle()


def test_an_instance_is_refused_from_95_per_cent_of_its_budget_on(guard):
    spend(guard, "a.example", "9.5")

    with pytest.raises(BudgetRefused, match=r"host:a\.example"):
        spend(guard, "a.example", "0.01")
    spend(guard, "b.example", "9.5")


def test_people_are_told_from_80_per_cent_on(guard):
    told: list[Notice] = []
    guard.subscribe(told.append)

    spend(guard, "a.example", "7.99")
    assert told == []
    spend(guard, "a.example", "0.01")

    assert [(notice.kind, notice.scope) for notice in told] == [("warn", "host:a.example")]


def test_an_override_replaces_the_budget_of_each_instance(guard):
    spend(guard, "mastodon.social", "47.5")

    with pytest.raises(BudgetRefused):
        spend(guard, "mastodon.social", "0.01")


def test_the_total_is_enforced_besides_all_others(guard):
    for number in range(100):
        spend(guard, f"h{number}.example", "9.5")

    with pytest.raises(BudgetRefused, match="global"):
        spend(guard, "another.example", "0.01")


def test_a_premium_instance_is_exempt(guard):
    guard.configure("host:a.example", tier="premium")

    spend(guard, "a.example", "500")
    spend(guard, "a.example", "1")

    assert guard.spent("host:a.example") == 501


def test_a_limited_instance_has_a_quarter_and_a_rate(guard):
    guard.configure("host:a.example", tier="limited")

    with pytest.raises(BudgetRefused):
        spend(guard, "a.example", "2.51")
    for _ in range(60):
        spend(guard, "a.example", "0.001")
    with pytest.raises(RateRefused):
        spend(guard, "a.example", "0.001")


def test_a_blocked_instance_is_refused(guard):
    guard.configure("host:a.example", tier="blocked")

    with pytest.raises(TierRefused):
        spend(guard, "a.example", 0)


def test_the_readme_s_premium_instance(guard):
    policy = RetryPolicy(max_retries=5, initial_backoff=0.5, max_backoff=30, backoff_factor=1.5)
    guard.configure(
        "host:mastodon.social", tier="premium", custom_budget="50", retry_policy=policy.to_text()
    )

    assert guard.retries.policy_of("Mastodon.Social") == (5, 0.5, 30, 1.5, "full")
    assert guard.config("host:mastodon.social").custom_budget == Decimal(50)


def test_the_readme_s_limited_instance_says_only_how_often_and_waits_all_the_same(guard):
    guard.configure("host:a.example", tier="limited", retry_policy='{"max_retries": 1}')

    policy = guard.retries.policy_of("a.example")

    assert policy.max_retries == 1
    assert policy.longest_wait_s(0) == 1
    assert guard.retries.policy_of("unknown.example") == (3, 1, 30, 2, "full")


@pytest.mark.parametrize(("period", "spelled"), [("daily", "day"), ("hourly", "hour")])
def test_periods_may_be_spelled_as_the_reference_does(period, spelled):
    with federation(period=period, clock=FakeClock()) as guard:
        assert {budget.period for budget in guard.budgets()} == {spelled}


def test_bad_figures_are_refused():
    with pytest.raises(BudgetError):
        federation(period="weekly")
    with pytest.raises(ScopeError):
        federation(overrides={"a b": 1})
