"""Render the console's answers: tables for people, without a newline at their end."""

import datetime as dt
from collections.abc import Sequence

from costmon.console.messages import CircuitDecided, GuardStatus
from costmon.console.table import table
from costmon.domain.child import ChildStatus
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget


def render_children(children: Sequence[ChildStatus]) -> str:
    """Return the tree of children as an aligned table."""
    if not children:
        return "no children"
    return table(
        ("name", "state", "generation", "restarts", "mailbox", "last error"),
        [
            (
                child.name,
                child.state,
                str(child.generation),
                str(child.restarts),
                str(child.mailbox),
                child.last_error or "-",
            )
            for child in children
        ],
        right=("generation", "restarts", "mailbox"),
    )


def render_circuits(circuits: Sequence[Circuit], now: dt.datetime) -> str:
    """Return circuits as an aligned table."""
    if not circuits:
        return "no circuit has been opened yet"
    return table(
        ("scope", "state", "since", "until", "author", "reason"),
        [
            (
                circuit.scope,
                circuit.current_state(now),
                _moment(circuit.changed_at),
                _moment(circuit.ends_at(now) or circuit.expires_at),
                circuit.author,
                circuit.reason,
            )
            for circuit in circuits
        ],
    )


def render_circuit_answer(scope: str, answer: CircuitDecided) -> str:
    """Return the result of opening or closing a circuit."""
    if not answer.confirmed:
        return f"accepted for {scope}: run circuits() to check"
    if answer.circuit is None:
        return f"{scope} has never been opened"
    circuit = answer.circuit
    until = f" until {_moment(circuit.expires_at)}" if circuit.expires_at else ""
    return f"{scope} is {circuit.state}{until}"


def render_budgets(budgets: Sequence[PolicyBudget]) -> str:
    """Return budgets as an aligned table."""
    if not budgets:
        return "no budgets"
    return table(
        ("scope", "period", "limit", "", "warn", "block", "by"),
        [
            (
                told.budget.scope,
                told.budget.period,
                f"{told.budget.limit:f}",
                told.budget.currency or "",
                f"{told.budget.levels.warn:f} %" if told.budget.levels else "-",
                f"{told.budget.levels.block:f} %" if told.budget.levels else "-",
                told.author or told.source,
            )
            for told in budgets
        ],
        right=("limit", "warn", "block"),
    )


def render_guards(guards: Sequence[GuardStatus]) -> str:
    """Return guards as an aligned table."""
    if not guards:
        return "no guard has reported in the last 24 hours"
    return table(
        ("app", "host", "pid", "seen", "budgets", "in flight", "refused"),
        [
            (
                guard.app,
                guard.host,
                str(guard.pid),
                f"{guard.age_s:.0f} s ago",
                str(guard.scopes),
                str(guard.leases),
                str(guard.refused),
            )
            for guard in guards
        ],
        right=("pid", "seen", "budgets", "in flight", "refused"),
    )


def _moment(moment: dt.datetime | None) -> str:
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S %Z}"
