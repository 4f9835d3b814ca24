"""What is particular to counters in memory: shared sums of rolling windows, time and memory."""

import gc
import sys
import tracemalloc
from typing import Any

import pytest

from costmon.guard import Budget, BudgetRefused, Guard
from costmon.guard.stores.base import Hold, Refusal
from costmon.guard.stores.memory import MemoryStore
from costmon.testing.clock import FakeClock
from tests.guard.stores.makers import NOON, line, plan


def test_a_late_thread_does_not_make_others_forget_their_window_after_a_clock_was_set_back():
    store = MemoryStore(clock=FakeClock())

    def rolling(at):
        return plan(line("key:k", 100, period="rolling:2h", at=at), line(limit=1000))

    early, back, late = rolling(NOON - 7000), rolling(NOON), rolling(NOON + 4000)
    hold = store.reserve(early, 60, 600.0)
    assert isinstance(hold, Hold)
    store.settle(hold, 60)
    assert isinstance(store.reserve(back, 1, 600.0), Hold)

    # The clock was set back from `late` to `back`; this thread had read it before.
    assert isinstance(store.reserve(late, 80, 600.0), Hold)

    assert isinstance(store.reserve(back, 1, 600.0), Refusal)
    assert isinstance(store.reserve(late, 19, 600.0), Hold)
    assert isinstance(store.reserve(late, 1, 600.0), Refusal)


SCOPES = 1_000
"""More than the guard keeps plans of."""


def _run(guard, number):
    guard.reserve(f"tag:run={number}", "0.01").settle()


def _calls(work):
    """Return how many functions `work` calls: its cost, independent of the machine."""
    count = 0

    def note(frame, event, _):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("period", [None, "total", "rolling:1h"])
def test_a_call_costs_the_same_after_thousands_of_scopes(period):
    budgets = [Budget("global", "1000")] + ([Budget("tag:*", "1", period)] if period else [])
    guard = Guard(budgets=budgets, clock=FakeClock())

    first = _calls(lambda: [_run(guard, number) for number in range(100)])
    for number in range(100, SCOPES):
        _run(guard, number)
    last = _calls(lambda: [_run(guard, number) for number in range(SCOPES, SCOPES + 100)])

    assert last <= 1.5 * first


@pytest.mark.parametrize("period", ["total", "rolling:1h"])
def test_a_scope_needs_little_memory(period):
    guard = Guard(budgets=[Budget("tag:*", "1", period)], clock=FakeClock())
    _run(guard, 0)

    tracemalloc.start()
    try:
        for number in range(1, 1001):
            _run(guard, number)
        guard._forget_routes()
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert size / 1000 < 2048


@pytest.mark.parametrize(("period", "most"), [("day", 6), ("rolling:1h", 7)])
def test_a_scope_that_is_used_once_leaves_only_its_figures_behind(period, most):
    """Python collects all objects each time that a quarter more have lived for long."""
    guard = Guard(budgets=[Budget("tag:*", "1", period)], clock=FakeClock())
    for number in range(SCOPES):
        _run(guard, number)
    before = len(gc.get_objects())

    for number in range(SCOPES, 2 * SCOPES):
        _run(guard, number)

    assert (len(gc.get_objects()) - before) / SCOPES <= most


def test_the_objects_of_a_call_are_not_kept_for_the_next_one():
    guard = Guard(budgets=[Budget("tag:*", "1", "day")], clock=FakeClock())
    before = len(gc.get_objects())

    for number in range(SCOPES):
        _run(guard, number)

    assert (len(gc.get_objects()) - before) / SCOPES <= 8


def test_budgets_of_scopes_that_were_used_once_are_shown_and_enforced():
    guard = Guard(budgets=[Budget("tag:*", "1", "day")], clock=FakeClock())

    for number in range(SCOPES):
        guard.reserve(f"tag:run={number}", "0.7").settle()

    recent = {f"tag:run={number}" for number in range(SCOPES - 30, SCOPES)}
    assert recent <= {gauge.scope for gauge in guard.gauges()}
    for number in range(SCOPES):
        with pytest.raises(BudgetRefused):
            guard.reserve(f"tag:run={number}", "0.7")


def test_scopes_that_were_used_long_ago_are_forgotten_without_being_asked():
    clock = FakeClock()
    guard = Guard(budgets=[Budget("tag:*", "1", "day")], clock=clock)
    for number in range(100):
        _run(guard, number)
    held = guard.reserve("tag:run=held", "0.01", ttl=86_400)

    clock.advance(41 * 86_400)
    _run(guard, 100)

    store: Any = guard.store
    counters = store._counters
    assert set(counters._usage) == {"tag:run=100", "global"}
    assert len(counters._buckets) <= 2
    assert held.state == "expired"
