"""Rolling budgets: no interval of their length ever holds more than the limit."""

import datetime as dt
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from costmon.guard import Budget, BudgetRefused, Guard
from costmon.testing.clock import FakeClock

_SETTINGS = settings(max_examples=60, deadline=None)
_LENGTHS = {"rolling:60s": 60, "rolling:90m": 5400, "rolling:24h": 86_400, "rolling:7s": 7}


@_SETTINGS
@given(
    period=st.sampled_from(sorted(_LENGTHS)),
    calls=st.lists(
        st.tuples(st.floats(0, 0.4), st.integers(1, 60), st.integers(0, 100)), max_size=60
    ),
)
def test_no_interval_of_its_length_ever_holds_more_than_the_limit(period, calls):
    clock, length = FakeClock(), _LENGTHS[period]
    guard = Guard(budgets=[Budget("key:k", "1", period)], clock=clock)
    spent = []
    for share, cents, part in calls:
        clock.advance(share * length)
        try:
            lease = guard.reserve("key:k", Decimal(cents) / 100)
        except BudgetRefused:
            continue
        actual = Decimal(cents * part) / 10_000
        lease.settle(actual)
        spent.append((clock.epoch_s(), actual))

    for at, _ in spent:
        assert sum(cost for when, cost in spent if at <= when < at + length) <= 1


@_SETTINGS
@given(calls=st.lists(st.tuples(st.floats(-0.9, 0.4), st.integers(1, 60)), max_size=60))
def test_a_clock_that_is_set_back_gives_no_room(calls):
    """By less than the window: what was spent later than now still counts."""
    clock, length = FakeClock(), 60
    guard = Guard(budgets=[Budget("key:k", "1", "rolling:60s")], clock=clock)
    spent, latest = [], clock.epoch_s()
    for share, cents in calls:
        if share < 0:
            clock.step(max(share * length, latest - 0.9 * length - clock.epoch_s()))
        else:
            clock.advance(share * length)
        latest = max(latest, clock.epoch_s())
        try:
            guard.reserve("key:k", Decimal(cents) / 100).settle()
        except BudgetRefused:
            continue
        now = clock.epoch_s()
        spent.append((now, Decimal(cents) / 100))
        assert sum(cost for when, cost in spent if when > now - length) <= 1


def test_a_rolling_budget_is_whole_again_a_little_after_its_length():
    clock = FakeClock()
    guard = Guard(budgets=[Budget("key:k", "1", "rolling:1h")], clock=clock)
    guard.reserve("key:k", "1").settle()

    clock.advance(3600 + 60)

    assert guard.remaining("key:k") == 1
    assert guard.reserve("key:k", "1").state == "held"


def test_a_rolling_budget_frees_room_bit_by_bit():
    clock = FakeClock()
    guard = Guard(budgets=[Budget("key:k", "1", "rolling:1h")], clock=clock)
    for _ in range(10):
        guard.reserve("key:k", "0.1").settle()
        clock.advance(300)

    clock.advance(600)
    assert guard.remaining("key:k") == 0
    clock.advance(60)
    assert guard.remaining("key:k") == Decimal("0.1")
    clock.advance(300)
    assert guard.remaining("key:k") == Decimal("0.2")


def test_a_day_of_a_zone_begins_at_its_midnight():
    clock = FakeClock(dt.datetime(2026, 10, 24, 21, 59, tzinfo=dt.UTC))
    guard = Guard(budgets=[Budget("global", "1", "day")], zone="Europe/Berlin", clock=clock)
    guard.reserve("global", "1").settle()

    clock.advance(60)
    guard.reserve("global", "1").settle()
    # This day has 25 hours.
    clock.advance(25 * 3600 - 1)
    assert guard.remaining("global") == 0
    clock.advance(1)
    assert guard.remaining("global") == 1


def test_a_month_of_a_zone_begins_at_its_midnight_too():
    clock = FakeClock(dt.datetime(2026, 11, 30, 18, 29, 59, tzinfo=dt.UTC))
    guard = Guard(budgets=[Budget("global", "1", "month")], zone="Asia/Kolkata", clock=clock)
    guard.reserve("global", "1").settle()

    clock.advance(1)

    assert guard.remaining("global") == 1
