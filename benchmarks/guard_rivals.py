"""The guard and what others put in front of calls, as loops that can be timed.

`make bench` installs the libraries; one that is not installed has a row that says so.
"""

import importlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from costmon.guard import Budget, Guard

CENT = "0.01"
PLENTY = "1000000"
_USD = {"value": 1, "currency": "USD"}

Loop = Callable[[int], None]
Allowed = Callable[[], Callable[[], None] | None]


class Contender(NamedTuple):
    """Something that stands in front of calls.

    Attributes:
        name: The library and what is called.
        module: The module that must be installed.
        open: Lets every call pass: makes a loop over that many calls of nothing.
        capped: Lets about ten calls of a cent pass: makes a question that is answered with what
            is to be done after the call, or `None` when it may not be made. `None`: it knows
            neither money nor counts.
    """

    name: str
    module: str
    open: Callable[[], Loop]
    capped: Callable[[], Allowed] | None


def _nothing() -> None:
    return None


def guard_loop(scopes: str | tuple[str, ...] | list[str]) -> Loop:
    """Return a loop of reserve and settle on a guard with a budget for each scope."""
    guard = Guard(
        budgets=[
            Budget("global", PLENTY, "month"),
            Budget("host:*", PLENTY, "month"),
            Budget("key:*", PLENTY, "month"),
        ]
    )

    def loop(count: int) -> None:
        for _ in range(count):
            guard.reserve(scopes, CENT).settle(CENT)

    return loop


def _guard_open() -> Loop:
    return guard_loop("global")


def _guard_capped() -> Allowed:
    from costmon.guard import BudgetRefused  # noqa: PLC0415 - beside its use, as of the others

    guard = Guard(budgets=[Budget("global", "0.10", "month")])

    def ask() -> Callable[[], None] | None:
        with suppress(BudgetRefused):
            lease = guard.reserve("global", CENT)
            return lambda: lease.settle(CENT)
        return None

    return ask


def _pybreaker() -> Loop:
    call = importlib.import_module("pybreaker").CircuitBreaker().call

    def loop(count: int) -> None:
        for _ in range(count):
            call(_nothing)

    return loop


def _circuitbreaker() -> Loop:
    wrapped = importlib.import_module("circuitbreaker").circuit(_nothing)

    def loop(count: int) -> None:
        for _ in range(count):
            wrapped()

    return loop


def _fixed_window(calls: int) -> Callable[[], bool]:
    limits = importlib.import_module("limits")
    limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
    item = limits.RateLimitItemPerMonth(calls)
    return lambda: bool(limiter.hit(item, "global"))


def _limits() -> Loop:
    limits = importlib.import_module("limits")
    limiter = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
    hit, item = limiter.hit, limits.RateLimitItemPerMonth(10**9)

    def loop(count: int) -> None:
        for _ in range(count):
            hit(item, "global")

    return loop


def _limits_capped() -> Allowed:
    hit = _fixed_window(10)
    return lambda: _nothing if hit() else None


def _agentguard(cap_usd: float) -> Any:
    return importlib.import_module("agentguard").BudgetGuard(max_cost_usd=cap_usd)


def _agentguard_open() -> Loop:
    guard = _agentguard(1e9)

    def loop(count: int) -> None:
        for _ in range(count):
            guard.check()
            guard.consume(cost_usd=0.01)

    return loop


def _agentguard_capped() -> Allowed:
    guard = _agentguard(0.10)
    exceeded = importlib.import_module("agentguard").BudgetExceeded

    def consume() -> None:
        with suppress(exceeded):
            guard.consume(cost_usd=0.01)

    def ask() -> Callable[[], None] | None:
        with suppress(exceeded):
            guard.check()
            return consume
        return None

    return ask


def _tracker(cap_usd: float) -> Any:
    return importlib.import_module("agent_budget_guard.tracking.tracker").SpendTracker(cap_usd)


def _tracker_open() -> Loop:
    tracker = _tracker(1e9)

    def loop(count: int) -> None:
        for _ in range(count):
            tracker.commit(tracker.check_and_reserve(0.01), 0.01)

    return loop


def _tracker_capped() -> Allowed:
    tracker = _tracker(0.10)
    exceeded = importlib.import_module("agent_budget_guard").BudgetExceededError

    def ask() -> Callable[[], None] | None:
        with suppress(exceeded):
            reserved = tracker.check_and_reserve(0.01)
            return lambda: tracker.commit(reserved, 0.01)
        return None

    return ask


def _task_guard(cents: int) -> Any:
    budgetguard = importlib.import_module("budgetguard")
    guard = budgetguard.BudgetGuard()
    policy = budgetguard.BudgetPolicy(max_spend={"value": cents, "currency": "USD"})
    guard.open("task", policy)
    return guard


def _task_guard_open() -> Loop:
    guard = _task_guard(10**12)

    def loop(count: int) -> None:
        for _ in range(count):
            guard.check("task", amount=_USD)
            guard.record("task", amount=_USD)

    return loop


def _task_guard_capped() -> Allowed:
    guard = _task_guard(10)
    denied = importlib.import_module("budgetguard").BudgetGuardDenied

    def ask() -> Callable[[], None] | None:
        with suppress(denied):
            guard.check("task", amount=_USD)
            return lambda: guard.record("task", amount=_USD)
        return None

    return ask


PYBREAKER = Contender("pybreaker call", "pybreaker", _pybreaker, None)
GUARD = Contender("costmon.guard reserve + settle", "costmon.guard", _guard_open, _guard_capped)
OTHERS = (
    Contender("circuitbreaker call", "circuitbreaker", _circuitbreaker, None),
    Contender("limits fixed window hit", "limits", _limits, _limits_capped),
    Contender("agentguard47 check + consume", "agentguard", _agentguard_open, _agentguard_capped),
    Contender(
        "agent-budget-guard reserve + commit", "agent_budget_guard", _tracker_open, _tracker_capped
    ),
    Contender(
        "budget-guard-agents check + record", "budgetguard", _task_guard_open, _task_guard_capped
    ),
)
