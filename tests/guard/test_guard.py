"""The guard's public face: what the documentation shows works as written."""

import datetime as dt
import logging
import pickle
import threading
from decimal import Decimal
from typing import Any

import pytest

import costmon.guard
from costmon.guard import (
    AmountError,
    Budget,
    BudgetRefused,
    CallRefused,
    Guard,
    GuardError,
    ScopeError,
)
from costmon.testing.clock import START, FakeClock


@pytest.fixture
def clock():
    return FakeClock()


def test_the_documented_example_works_as_written():
    guard = Guard(
        store="memory://",
        budgets=[
            Budget("global", "1000", "month"),
            Budget("host:*", "10", "month"),
            Budget("host:mastodon.social", "50", "month"),
            Budget("key:batch", "0.10", "hour"),
        ],
    )

    lease = guard.reserve(
        ["global", "host:api.example.com", "key:batch"], "0.02", ttl=60, key="job-17"
    )
    held = guard.held("global")
    lease.settle("0.013")

    assert held == Decimal("0.02")
    assert guard.spent("global") == Decimal("0.013")
    assert guard.held("global") == 0
    assert guard.remaining("global") == Decimal("999.987")
    assert guard.remaining("key:batch") == Decimal("0.087")
    assert guard.remaining("host:mastodon.social") == 50


def test_a_call_that_does_not_fit_is_refused_with_every_figure(clock):
    guard = Guard(budgets=[Budget("key:batch", "0.10", "hour")], clock=clock)
    guard.reserve("key:batch", "0.05").settle("0.04")
    guard.reserve("key:batch", "0.03")

    with pytest.raises(BudgetRefused) as caught:
        guard.reserve(["host:x.test", "key:batch"], "0.04")

    refused = caught.value
    assert (refused.scope, refused.period, refused.currency) == ("key:batch", "hour", "USD")
    assert (refused.limit, refused.spent, refused.held, refused.estimate) == (
        Decimal("0.10"),
        Decimal("0.04"),
        Decimal("0.03"),
        Decimal("0.04"),
    )
    assert refused.resets_at == START + dt.timedelta(hours=1)
    assert refused.retry_after_s == 3600
    assert str(refused) == (
        "the hour budget of key:batch has no room for 0.04 USD: limit 0.10, spent 0.04, held 0.03;"
        " resets at 2026-11-21 11:00:00 UTC; raise the budget, wait, or make the call cheaper"
    )


def test_a_refusal_survives_pickling(clock):
    guard = Guard(budgets=[Budget("global", 0, "total")], clock=clock)
    with pytest.raises(BudgetRefused) as caught:
        guard.reserve("global", "1")

    again = pickle.loads(pickle.dumps(caught.value))

    assert str(again) == str(caught.value)
    assert again.resets_at is None
    assert again.retry_after_s is None


def test_a_refused_call_changes_nothing_on_any_scope_of_its_chain(clock):
    guard = Guard(
        budgets=[Budget("global", "10"), Budget("host:*", "5"), Budget("key:k", "1")], clock=clock
    )

    with pytest.raises(BudgetRefused):
        guard.reserve(["host:x.test", "key:k"], "2")

    for scope in ("global", "host:x.test", "key:k"):
        assert guard.held(scope) == guard.spent(scope) == 0
    assert guard.leases() == ()


def test_one_scope_may_be_a_plain_text_and_global_is_always_counted(clock):
    guard = Guard(budgets=[Budget("global", "1")], clock=clock)

    lease = guard.reserve("host:x.test", "0.4")

    assert lease.scopes == ("host:x.test", "global")
    assert guard.held("global") == Decimal("0.4")


def test_a_scope_named_twice_is_counted_once(clock):
    guard = Guard(clock=clock)

    guard.reserve(["host:X.test:443", "host:x.test", "global", "global"], "0.4").settle()

    assert guard.spent("host:x.test") == guard.spent("global") == Decimal("0.4")


def test_a_scope_without_a_budget_is_counted_and_never_refused(clock):
    guard = Guard(clock=clock)

    guard.reserve("tag:team=blue", "8000000000").settle()

    assert guard.spent("tag:team=blue") == 8_000_000_000
    assert guard.remaining("tag:team=blue") is None


def test_amounts_below_a_cent_are_counted_exactly(clock):
    guard = Guard(budgets=[Budget("global", "0.000000010", "total")], clock=clock)

    for _ in range(10):
        guard.reserve("global", "0.000000001").settle()

    assert guard.spent("global") == Decimal("0.000000010")
    with pytest.raises(BudgetRefused):
        guard.reserve("global", "0.000000001")


def test_an_estimate_below_a_billionth_is_rounded_up_and_a_cost_to_the_nearest(clock):
    guard = Guard(clock=clock)

    lease = guard.reserve("global", "0.0000000001")
    assert guard.held("global") == Decimal("0.000000001")

    lease.settle("0.0000000004")
    assert guard.spent("global") == 0


def test_a_call_that_costs_nothing_passes_a_budget_that_is_used_up(clock):
    guard = Guard(budgets=[Budget("global", "1", "total")], clock=clock)
    guard.reserve("global", "1").settle()

    guard.reserve("global", "0").settle()

    assert guard.remaining("global") == 0


def test_scopes_of_a_block_are_added_to_every_call_in_it(clock):
    guard = Guard(budgets=[Budget("tag:run=17", "1", "total")], clock=clock)

    with guard.scoped("tag:run=17"), guard.scoped("key:inner"):
        lease = guard.reserve("host:x.test", "0.6")
        with pytest.raises(BudgetRefused):
            guard.reserve("host:y.test", "0.6")
    outside = guard.reserve("host:y.test", "0.6")

    assert lease.scopes == ("host:x.test", "tag:run=17", "key:inner", "global")
    assert outside.scopes == ("host:y.test", "global")


def test_a_budget_begins_anew_with_its_period(clock):
    guard = Guard(budgets=[Budget("global", "1", "hour")], clock=clock)
    guard.reserve("global", "1").settle()

    clock.advance(3599)
    with pytest.raises(BudgetRefused):
        guard.reserve("global", "0.01")
    clock.advance(1)
    guard.reserve("global", "1")

    assert guard.spent("global") == 0
    assert guard.held("global") == 1


def test_a_lease_belongs_to_the_period_it_was_made_in(clock):
    guard = Guard(budgets=[Budget("global", "1", "hour")], clock=clock)
    lease = guard.reserve("global", "1", ttl=7200)
    clock.advance(3600)

    assert guard.held("global") == 0
    guard.reserve("global", "1")
    lease.settle("0.7")

    assert guard.spent("global") == 0
    since = START.replace(minute=0)
    rows = guard.usage(since, since + dt.timedelta(hours=2), "global")
    assert [(row.hour, row.spent) for row in rows] == [(int(since.timestamp()), 700_000_000)]


def test_several_periods_of_one_scope_hold_at_once(clock):
    guard = Guard(
        budgets=[
            Budget("global", "1", "hour"),
            Budget("global", "1.5", "day"),
            Budget("global", "1.9", "total"),
        ],
        clock=clock,
    )
    guard.reserve("global", "1").settle()
    clock.advance(3600)
    guard.reserve("global", "0.5").settle()

    with pytest.raises(BudgetRefused) as day:
        guard.reserve("global", "0.1")
    clock.advance(86_400)
    guard.reserve("global", "0.4").settle()
    with pytest.raises(BudgetRefused) as total:
        guard.reserve("global", "0.1")

    assert (day.value.period, total.value.period) == ("day", "total")


def test_reset_forgets_what_was_spent_but_not_what_is_held_nor_what_happened(clock):
    guard = Guard(budgets=[Budget("global", "1", "total")], clock=clock)
    guard.reserve("global", "0.6").settle()
    guard.reserve("global", "0.3")

    assert guard.reset("global") == Decimal("0.6")

    assert guard.spent("global") == 0
    assert guard.held("global") == Decimal("0.3")
    assert guard.usage(START, START + dt.timedelta(hours=1), "global")[0].spent == 600_000_000


def test_figures_of_other_periods_can_be_asked_for(clock):
    guard = Guard(
        budgets=[Budget("global", "1", "hour"), Budget("global", "5", "day")], clock=clock
    )
    guard.reserve("global", "1").settle()
    clock.advance(3600)

    assert guard.spent("global", "hour") == 0
    assert guard.spent("global", "day") == 1
    assert guard.remaining("global", "daily") == 4


def test_status_says_how_everything_stands(clock):
    guard = Guard(budgets=[Budget("global", "1"), Budget("key:k", "0.5")], clock=clock)
    guard.reserve("key:k", "0.2").settle()
    lease = guard.reserve("key:k", "0.25", activity="chat")
    for _ in range(3):
        with pytest.raises(BudgetRefused):
            guard.reserve("key:k", "0.1")

    status = guard.status()

    assert status.scopes is not None
    assert status.leases is not None
    gauges = {gauge.scope: gauge for gauge in status.scopes}
    assert (gauges["key:k"].spent, gauges["key:k"].held) == (Decimal("0.2"), Decimal("0.25"))
    assert status.scopes[0].scope == "key:k"  # the most used one
    assert [(note.id, note.activity) for note in status.leases] == [(lease.id, "chat")]
    assert status.leases[0].expires_at == START + dt.timedelta(seconds=60)
    assert [(count.scope, count.reason, count.refused) for count in status.refused] == [
        ("key:k", "budget", 3)
    ]
    assert status.refusals[0].text.startswith("the month budget of key:k has no room for 0.10 USD")
    assert (status.store, status.currency, status.store_failures) == ("memory://", "USD", 0)


def test_top_names_who_spent_most(clock):
    guard = Guard(clock=clock)
    for host, cost in (("a.test", "1"), ("b.test", "3"), ("c.test", "2")):
        guard.reserve(f"host:{host}", cost).settle(bytes_in=10, failed=host == "b.test")

    uses = guard.top(3, START, START + dt.timedelta(hours=1))

    assert [(use.scope, use.spent) for use in uses] == [
        ("global", Decimal(6)),
        ("host:b.test", Decimal(3)),
        ("host:c.test", Decimal(2)),
    ]
    assert (uses[0].requests, uses[0].failed, uses[0].bytes_in) == (3, 1, 30)


def test_people_are_told_once_when_a_budget_reaches_its_warning(clock):
    guard = Guard(budgets=[Budget("global", "1", "hour")], clock=clock)
    told: list[Any] = []
    guard.subscribe(told.append)

    for _ in range(10):
        guard.reserve("global", "0.1").settle()

    assert [(one.kind, one.scope) for one in told] == [("warn", "global")]
    assert told[0].text == (
        "the hour budget of global has reached 0.80 USD, spent and held; its warning level is 0.80"
    )
    clock.advance(3600)
    guard.reserve("global", "0.9")
    assert len(told) == 2


def test_people_are_told_of_the_first_refusal_and_all_are_counted(clock):
    guard = Guard(budgets=[Budget("global", 0, "hour")], clock=clock)
    told: list[Any] = []
    guard.subscribe(told.append)

    for _ in range(100):
        with pytest.raises(BudgetRefused):
            guard.reserve("global", "1")

    assert [one.kind for one in told] == ["refused"]
    assert guard.refused()[0].refused == 100


def test_a_subscriber_that_raises_harms_nobody(clock, caplog):
    guard = Guard(budgets=[Budget("global", 0)], clock=clock)
    told: list[Any] = []

    def broken(notice):
        raise RuntimeError(notice.kind)

    guard.subscribe(broken)
    guard.subscribe(told.append)
    with caplog.at_level(logging.WARNING), pytest.raises(BudgetRefused):
        guard.reserve("global", "1")

    assert len(told) == 1
    assert "a subscriber of the guard failed" in caplog.text


def test_every_refusal_can_be_caught_as_one(clock):
    guard = Guard(budgets=[Budget("global", 0)], clock=clock)

    with pytest.raises(CallRefused):
        guard.reserve("global", "1")
    assert issubclass(CallRefused, GuardError)


def test_everything_exported_can_be_imported():
    for name in costmon.guard.__all__:
        assert getattr(costmon.guard, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        costmon.guard.Nothing  # noqa: B018 - it raises


def test_another_currency_is_counted_when_the_guard_is_made_for_it(clock):
    guard = Guard(budgets=[Budget("global", "1", currency="eur")], currency="eur", clock=clock)

    lease = guard.reserve("global", "0.5", currency="EUR")

    assert guard.currency == "EUR"
    with pytest.raises(AmountError, match="EUR"):
        lease.settle("0.5", currency="USD")
    assert lease.state == "held"


def test_an_unknown_scope_costs_an_error_and_nothing_else(clock):
    guard = Guard(clock=clock)

    with pytest.raises(ScopeError):
        guard.reserve(["host:x.test", "nonsense"], "1")

    assert guard.held("host:x.test") == 0


def test_sixty_four_threads_spend_at_most_the_cap():
    # The calls are 5 ms and $0.01 each, under a cap of $0.10, as in the comparison of guards.
    guard = Guard(budgets=[Budget("global", "0.10", "total")])
    gate, wake = threading.Barrier(64), threading.Event()
    sent = []

    def call():
        gate.wait()
        try:
            with guard.reserve("host:x.test", "0.01"):
                sent.append(1)
                wake.wait(0.005)
        except BudgetRefused:
            pass

    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(sent) == 10
    assert guard.spent("global") == Decimal("0.10")


def test_calls_at_three_times_their_estimate_overshoot_by_no_more_than_those_in_flight():
    guard = Guard(budgets=[Budget("global", "0.10", "total")])
    gate, wake, most = threading.Barrier(64), threading.Event(), 0
    counting = threading.Lock()
    in_flight = 0

    def call():
        nonlocal most, in_flight
        gate.wait()
        try:
            lease = guard.reserve("host:x.test", "0.01")
        except BudgetRefused:
            return
        with counting:
            in_flight += 1
            most = max(most, in_flight)
        wake.wait(0.005)
        with counting:
            in_flight -= 1
        lease.settle("0.03")

    threads = [threading.Thread(target=call) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Each of those in flight when the last one was let in may cost 0.02 more than was held.
    assert guard.spent("global") <= Decimal("0.10") + 10 * Decimal("0.02")
    assert guard.held("global") == 0


def test_ten_lost_calls_do_not_pin_the_budget(clock):
    guard = Guard(budgets=[Budget("global", "0.10", "hour")], clock=clock)
    for _ in range(10):
        guard.reserve("global", "0.01", ttl=30)
    with pytest.raises(BudgetRefused):
        guard.reserve("global", "0.01")

    clock.advance(30)
    assert guard.held("global") == 0
    assert guard.spent("global") == Decimal("0.10")
    clock.advance(3600)
    guard.reserve("global", "0.10")
