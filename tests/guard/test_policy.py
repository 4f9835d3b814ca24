"""Which limits hold: the closest budget, own budgets, tiers, thresholds, vendors, circuits."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.guard import (
    Budget,
    BudgetRefused,
    CircuitRefused,
    Guard,
    RateRefused,
    Thresholds,
    TierRefused,
)
from costmon.testing.clock import START, FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def room(guard, scope):
    return guard.remaining(scope)


def test_the_closest_budget_wins(clock):
    guard = Guard(
        budgets=[
            Budget("host:*", "10"),
            Budget("host:*.example.com", "20"),
            Budget("host:*.deep.example.com", "25"),
            Budget("host:api.example.com", "30"),
        ],
        clock=clock,
    )

    found = {
        host: room(guard, f"host:{host}")
        for host in ("x.test", "a.example.com", "b.deep.example.com", "api.example.com")
    }

    assert found == {
        "x.test": 10,
        "a.example.com": 20,
        "b.deep.example.com": 25,
        "api.example.com": 30,
    }
    # The domain itself is not below itself, and a name that only ends alike is another one.
    assert room(guard, "host:example.com") == 10
    assert room(guard, "host:badexample.com") == 10


def test_each_period_has_its_own_closest_budget(clock):
    guard = Guard(
        budgets=[Budget("host:*", "10", "day"), Budget("host:x.test", "1", "hour")], clock=clock
    )
    for _ in range(10):
        guard.reserve("host:x.test", "1").settle()
        clock.advance(3600)

    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("host:x.test", "1")
    assert (caught.value.period, caught.value.limit) == ("day", Decimal(10))


def test_every_value_of_a_pattern_has_the_whole_limit_for_itself(clock):
    guard = Guard(budgets=[Budget("key:*", "1")], clock=clock)

    guard.reserve("key:a", "1")
    guard.reserve("key:b", "1")

    with pytest.raises(BudgetRefused):
        guard.reserve("key:a", "0.1")


def test_an_own_budget_takes_the_place_of_the_limits(clock):
    guard = Guard(budgets=[Budget("host:*", "10", "day")], clock=clock)
    guard.reserve("host:x.test", "9").settle()

    guard.configure("host:x.test", custom_budget="50")
    guard.reserve("host:x.test", "40").settle()

    assert room(guard, "host:x.test") == 1
    assert room(guard, "host:y.test") == 10


def test_an_own_budget_without_any_other_is_a_month_s(clock):
    guard = Guard(clock=clock)
    guard.configure("key:k", custom_budget="5")

    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("key:k", "6")

    assert (caught.value.period, caught.value.limit) == ("month", Decimal(5))


def test_premium_is_warned_and_never_refused_for_money(clock):
    guard = Guard(budgets=[Budget("global", "1"), Budget("host:*", "1")], clock=clock)
    told: list[Any] = []
    guard.subscribe(told.append)
    guard.configure("host:x.test", tier="premium")

    for _ in range(5):
        guard.reserve("host:x.test", "1").settle()

    assert guard.spent("host:x.test") == 5
    assert {(one.kind, one.scope) for one in told} == {
        ("warn", "host:x.test"),
        ("warn", "global"),
    }
    with pytest.raises(BudgetRefused):
        guard.reserve("host:y.test", "0.1")


def test_premium_with_a_rate_still_keeps_to_the_rate(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="premium", rate_limit=1)
    guard.reserve("host:x.test", "1")

    with pytest.raises(RateRefused):
        guard.reserve("host:x.test", "1")


def test_limited_has_a_quarter_of_its_own_limits_and_not_of_others(clock):
    guard = Guard(budgets=[Budget("global", "10"), Budget("host:*", "4")], clock=clock)
    guard.configure("host:x.test", tier="limited")

    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("host:x.test", "1.01")
    guard.reserve("host:x.test", "1")
    guard.reserve("host:y.test", "4")

    assert (caught.value.scope, caught.value.limit) == ("host:x.test", Decimal(1))


def test_limited_may_be_called_sixty_times_in_any_minute(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="limited")
    for _ in range(30):
        guard.reserve("host:x.test", "0.01").settle()
    clock.advance(30)
    for _ in range(30):
        guard.reserve("host:x.test", "0.01").settle()

    with pytest.raises(RateRefused) as caught:
        guard.reserve("host:x.test", "0.01")
    clock.advance(31.5)
    again = [guard.reserve("host:x.test", "0.01") for _ in range(30)]
    with pytest.raises(RateRefused):
        guard.reserve("host:x.test", "0.01")

    assert len(again) == 30
    assert (caught.value.scope, caught.value.limit) == ("host:x.test", 60)
    assert 0 < (caught.value.retry_after_s or 0) <= 61
    assert (
        str(caught.value) == "host:x.test may be called 60 times a minute; wait, or raise the limit"
    )


def test_a_call_that_was_not_made_gives_its_place_in_the_rate_back(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", rate_limit=1)

    guard.reserve("host:x.test", "1").release()

    assert guard.reserve("host:x.test", "1").state == "held"


def test_a_rate_of_its_own_takes_the_place_of_the_tier_s(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="limited", rate_limit=2)

    guard.reserve("host:x.test", "0")
    guard.reserve("host:x.test", "0")

    with pytest.raises(RateRefused):
        guard.reserve("host:x.test", "0")


def test_blocked_is_refused_whatever_it_costs(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="blocked")

    with pytest.raises(TierRefused) as caught:
        guard.reserve(["key:k", "host:x.test"], "0")

    assert caught.value.scope == "host:x.test"
    assert "blocked" in str(caught.value)
    assert guard.refused()[0].reason == "tier"


def test_blocked_wins_over_premium(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="blocked")
    guard.configure("key:k", tier="premium")

    with pytest.raises(TierRefused):
        guard.reserve(["key:k", "host:x.test"], "0")


def test_an_unknown_scope_is_standard(clock):
    guard = Guard(clock=clock)

    assert guard.config("host:x.test") is None
    assert guard.configure("host:x.test", custom_budget=1).tier == "standard"


def test_what_is_not_given_stays_configured(clock):
    guard = Guard(clock=clock)
    guard.configure("host:X.test", tier="limited", custom_budget="5")
    clock.advance(60)
    guard.configure("host:x.test", rate_limit=7)

    config = guard.config("host:x.test:443")

    assert config is not None
    assert (config.tier, config.custom_budget, config.rate_limit) == ("limited", Decimal(5), 7)
    assert (config.created_at, config.modified_at) == (START, START + dt.timedelta(minutes=1))
    assert guard.configs() == (config,)
    guard.unconfigure("host:x.test")
    assert guard.configs() == ()


@pytest.mark.parametrize(("block", "passes"), [("100", "1"), ("95", "0.95"), ("0.5", "0.005")])
def test_calls_are_refused_from_the_block_threshold_on(clock, block, passes):
    guard = Guard(budgets=[Budget("global", "1")], thresholds=Thresholds(80, block), clock=clock)

    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("global", str(Decimal(passes) + Decimal("0.000000001")))
    guard.reserve("global", passes)

    assert caught.value.limit == Decimal(passes)
    assert room(guard, "global") == 0


def test_a_budget_s_own_levels_win_over_the_guard_s(clock):
    told: list[Any] = []
    guard = Guard(
        budgets=[Budget("global", "100", levels=Thresholds(10, 50))],
        thresholds=Thresholds(80, 95),
        clock=clock,
    )
    guard.subscribe(told.append)

    guard.reserve("global", "9.9").settle()
    assert told == []
    guard.reserve("global", "0.1").settle()
    assert [one.kind for one in told] == ["warn"]
    assert room(guard, "global") == 40


def test_a_call_to_a_known_host_is_also_spending_at_its_vendor(clock):
    guard = Guard(budgets=[Budget("provider:openai", "1")], clock=clock)

    lease = guard.reserve("host:https://api.OpenAI.com/v1/chat", "0.6")
    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("host:eu.api.openai.com", "0.6")

    assert lease.scopes == ("host:api.openai.com", "provider:openai", "global")
    assert caught.value.scope == "provider:openai"


def circuit(scope, *, state="open", expires_at=None):
    return Circuit(scope, state, "runaway loop", "ana", START, expires_at, 1)


def obey(guard, *circuits, budgets=()):
    guard._rulebook.apply(
        Policy("r1", tuple(PolicyBudget(one, "api", "ana") for one in budgets), circuits)
    )


@pytest.mark.parametrize(
    ("opened", "scopes", "refused"),
    [
        ("global", ["host:x.test"], "global"),
        ("host:x.test", ["key:k", "host:X.test:443"], "host:x.test"),
        ("host:*", ["host:y.test"], "host:y.test"),
        ("host:*.example.com", ["host:a.example.com"], "host:a.example.com"),
        ("provider:openai", ["host:api.openai.com"], "provider:openai"),
        ("host:*.example.com", ["host:example.com"], None),
        ("key:a", ["key:b"], None),
    ],
)
def test_an_open_circuit_stops_what_it_covers(clock, opened, scopes, refused):
    guard = Guard(clock=clock)
    obey(guard, circuit(opened))

    if refused is None:
        guard.reserve(scopes, "0")
        return
    with pytest.raises(CircuitRefused) as caught:
        guard.reserve(scopes, "0")

    error = caught.value
    assert (error.scope, error.circuit, error.author) == (refused, opened, "ana")
    assert error.retry_after_s is None
    assert "runaway loop" in str(error)


def test_an_open_circuit_stops_premium_too(clock):
    guard = Guard(clock=clock)
    guard.configure("host:x.test", tier="premium")
    obey(guard, circuit("global"))

    with pytest.raises(CircuitRefused):
        guard.reserve("host:x.test", "0")


def test_a_circuit_closes_by_itself_when_its_time_is_over(clock):
    guard = Guard(clock=clock)
    obey(guard, circuit("global", expires_at=START + dt.timedelta(seconds=90)))

    with pytest.raises(CircuitRefused) as caught:
        guard.reserve("key:k", "1")
    clock.advance(89.5)
    with pytest.raises(CircuitRefused):
        guard.reserve("key:k", "1")
    clock.advance(0.5)
    guard.reserve("key:k", "1")

    assert caught.value.retry_after_s == 90


def test_a_closed_circuit_stops_nothing(clock):
    guard = Guard(clock=clock)
    obey(guard, circuit("global"))
    with pytest.raises(CircuitRefused):
        guard.reserve("key:k", "1")

    obey(guard, circuit("global", state="closed"))

    guard.reserve("key:k", "1")


def test_the_service_s_budget_wins_over_the_store_s_and_that_over_the_program_s(clock):
    guard = Guard(budgets=[Budget("global", "1"), Budget("key:k", "1")], clock=clock)
    guard.set_budget(Budget("global", "2"))
    assert room(guard, "global") == 2

    obey(guard, budgets=[Budget("global", "3", "month", "USD"), Budget("key:k", "9", "day", "EUR")])

    assert room(guard, "global") == 3
    assert {(b.scope, b.period): b.limit for b in guard.budgets()} == {
        ("global", "month"): 3,
        ("key:k", "month"): 1,
    }
