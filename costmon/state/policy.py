"""Combine budgets of the file and decisions made since to the guards' policy: pure."""

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from costmon.domain.amount import nano_even
from costmon.domain.budget import Budget
from costmon.domain.change import AlertChange, BudgetChange, Change, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget

FORGOTTEN_AFTER = dt.timedelta(days=30)
"""A circuit closed for so long is no longer published; the audit keeps it."""
_REVISION_CHARACTERS = 16


class Decided(NamedTuple):
    """What people decided through the API.

    Attributes:
        circuits: The last decision about each scope.
        budgets: By scope and period.
    """

    circuits: Mapping[str, Circuit]
    budgets: Mapping[tuple[str, str], PolicyBudget]


def decided(circuits: Iterable[Circuit], budgets: Iterable[PolicyBudget]) -> Decided:
    """Return decisions by their subject."""
    return Decided(
        circuits={it.scope: it for it in circuits},
        budgets={(it.budget.scope, it.budget.period): it for it in budgets},
    )


def of_policy(policy: Policy) -> Decided:
    """Return the decisions that a policy was made of."""
    return decided(policy.circuits, (it for it in policy.budgets if it.source == "api"))


def after(before: Decided, change: Change) -> Decided:
    """Return the decisions once one more was taken; the same one twice is once."""
    match change:
        case CircuitChange(circuit=circuit):
            return before._replace(circuits={**before.circuits, circuit.scope: circuit})
        case BudgetChange(scope=scope, period=period, budget=budget):
            budgets = dict(before.budgets)
            budgets.pop((scope, period), None)
            if budget is not None:
                budgets[scope, period] = budget
            return before._replace(budgets=budgets)
        case AlertChange():
            return before


def policy_of(file: Sequence[Budget], taken: Decided, now: dt.datetime) -> Policy:
    """Return what guards enforce at `now`.

    The revision is a digest of the content, and of the states of the circuits at `now`: it changes
    when one expires, and is the same again after a restart.
    """
    budgets = {(it.scope, it.period): PolicyBudget(it, "file", None) for it in file}
    budgets |= taken.budgets
    shown_budgets = tuple(budgets[key] for key in sorted(budgets))
    circuits = tuple(
        circuit
        for _, circuit in sorted(taken.circuits.items())
        if circuit.is_open(now) or now - _ended_at(circuit) < FORGOTTEN_AFTER
    )
    content = repr(
        (
            [_content(it) for it in shown_budgets],
            circuits,
            [it.current_state(now) for it in circuits],
        )
    )
    revision = hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()
    return Policy(revision[:_REVISION_CHARACTERS], shown_budgets, circuits)


def next_expiry(circuits: Iterable[Circuit], now: dt.datetime) -> dt.datetime | None:
    """Return when the next circuit changes by itself; `None`: none does."""
    ends = (it.ends_at(now) for it in circuits)
    return min((end for end in ends if end is not None), default=None)


def _content(given: PolicyBudget) -> tuple[object, ...]:
    """Return what a budget says, the same whether it was typed or read from the database."""
    budget, source, author = given
    levels = budget.levels and [nano_even(percent) for percent in budget.levels]
    return (
        budget.scope,
        budget.period,
        budget.limit_nano,
        budget.currency,
        levels,
        source,
        author,
    )


def _ended_at(circuit: Circuit) -> dt.datetime:
    if circuit.state == "open" and circuit.expires_at is not None:
        return circuit.expires_at
    return circuit.changed_at
