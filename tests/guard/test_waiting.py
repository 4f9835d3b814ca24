"""Calls that wait for room: premium ones first, then first come first served, and not for ever."""

import threading
from typing import Any

import pytest

from costmon.guard import Budget, BudgetRefused, Guard, RateRefused, TierRefused
from costmon.testing.clock import FakeClock


@pytest.fixture
def guard():
    made = Guard(budgets=[Budget("global", "1", "total")])
    made.set_budget(Budget("key:wide", "100", "total"))
    return made


class Caller(threading.Thread):
    """A call that waits; `order` is in which order they were let in."""

    def __init__(self, guard, scopes, order, *, amount="1", wait=20.0):
        super().__init__()
        self._guard, self._scopes, self._order = guard, scopes, order
        self._amount, self._wait = amount, wait
        self.lease: Any = None
        self.error: Exception | None = None

    def run(self):
        try:
            self.lease = self._guard.reserve(self._scopes, self._amount, wait=self._wait)
            self._order.append(self._scopes)
        except Exception as error:
            self.error = error


def until_waiting(guard, number):
    spun = threading.Event()
    for _ in range(2000):
        if len(guard._waiting) == number:
            return
        spun.wait(0.005)
    raise AssertionError(f"{len(guard._waiting)} wait, not {number}")


def test_a_call_waits_until_another_gives_its_room_back(guard):
    first = guard.reserve("key:a", "1")
    order: list[Any] = []
    waiting = Caller(guard, "key:b", order)
    waiting.start()
    until_waiting(guard, 1)

    first.release()
    waiting.join(10)

    assert waiting.lease.state == "held"
    assert order == ["key:b"]


def test_room_that_settling_frees_is_seen_too(guard):
    first = guard.reserve("key:a", "1")
    order: list[Any] = []
    waiting = Caller(guard, "key:b", order, amount="0.5")
    waiting.start()
    until_waiting(guard, 1)

    first.settle("0.5")
    waiting.join(10)

    assert waiting.lease.state == "held"


def test_a_wait_ends_when_its_time_is_over():
    clock = FakeClock()
    guard = Guard(budgets=[Budget("global", 0, "total")], clock=clock)
    waiting = Caller(guard, "key:a", [], wait=30)
    waiting.start()
    until_waiting(guard, 1)

    clock.advance(30)
    waiting.join(10)

    assert isinstance(waiting.error, BudgetRefused)
    assert len(guard._waiting) == 0


def test_who_does_not_wait_is_refused_at_once(guard):
    guard.reserve("key:a", "1")

    with pytest.raises(BudgetRefused):
        guard.reserve("key:b", "1")


def test_those_who_wait_are_let_in_in_the_order_they_came(guard):
    lease = guard.reserve("key:a", "1")
    order: list[Any] = []
    callers: list[Any] = []
    for number in range(6):
        callers.append(Caller(guard, f"key:{number}", order))
        callers[-1].start()
        until_waiting(guard, number + 1)

    for number in range(6):
        lease.release()
        callers[number].join(10)
        lease = callers[number].lease

    assert order == [f"key:{number}" for number in range(6)]


def test_premium_calls_are_first_although_they_came_last(guard):
    # Their money is not limited, but their rate is: that is what they wait for.
    guard.configure("key:gold", tier="premium")
    guard.configure("host:x.test", rate_limit=1)
    lease = guard.reserve("host:x.test", "0")
    order: list[Any] = []
    callers = [
        Caller(guard, ("key:a", "host:x.test"), order, amount="0"),
        Caller(guard, ("key:b", "host:x.test"), order, amount="0"),
        Caller(guard, ("key:gold", "host:x.test"), order, amount="0"),
    ]
    for number, caller in enumerate(callers):
        caller.start()
        until_waiting(guard, number + 1)

    for place in (2, 0, 1):
        lease.release()
        callers[place].join(10)
        lease = callers[place].lease

    assert [scopes[0] for scopes in order] == ["key:gold", "key:a", "key:b"]


def test_a_call_that_fits_passes_one_that_does_not(guard):
    guard.reserve("key:a", "0.5")
    order: list[Any] = []
    large, small = (
        Caller(guard, "key:l", order, wait=0.3),
        Caller(guard, "key:s", order, amount="0.5"),
    )
    large.start()
    until_waiting(guard, 1)
    small.start()

    small.join(10)
    large.join(10)

    assert small.lease.state == "held"
    assert isinstance(large.error, BudgetRefused)


def test_a_higher_budget_lets_those_in_who_wait(guard):
    guard.reserve("key:a", "1")
    waiting = Caller(guard, "key:b", [])
    waiting.start()
    until_waiting(guard, 1)

    guard.set_budget(Budget("global", "2", "total"))
    waiting.join(10)

    assert waiting.lease.state == "held"


def test_a_scope_that_is_blocked_meanwhile_is_refused_as_such(guard):
    guard.reserve("key:a", "1")
    waiting = Caller(guard, "key:b", [])
    waiting.start()
    until_waiting(guard, 1)

    guard.configure("key:b", tier="blocked")
    waiting.join(10)

    assert isinstance(waiting.error, TierRefused)


def test_a_rate_can_be_waited_for():
    clock = FakeClock()
    guard = Guard(clock=clock)
    guard.configure("key:a", rate_limit=1)
    guard.reserve("key:a", "1").settle()
    with pytest.raises(RateRefused):
        guard.reserve("key:a", "1")
    waiting = Caller(guard, "key:a", [], wait=200)
    waiting.start()
    until_waiting(guard, 1)

    clock.advance(62)
    waiting.join(10)

    assert waiting.lease.state == "held"
