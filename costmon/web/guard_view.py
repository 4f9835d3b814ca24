"""What the page about guards shows, made of the published values; the template only places it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, TypeVar

from costmon.domain.circuit import Circuit
from costmon.domain.policy import Policy, PolicyBudget
from costmon.domain.spend import Notice, RefusalNote
from costmon.state.budget_status import BudgetStatus, Flight, budget_statuses, flights, is_away
from costmon.state.freshness import age_s
from costmon.state.guard_state import GuardSeen, GuardState, SpendTotal, unpriced_totals

MOST_ROWS = 100

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Generic[Row]):
    """The first rows of a table, and how many more there are."""

    shown: tuple[Row, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetRow:
    """One line of the table of scopes.

    Attributes:
        status: What it shows.
        spent: Per cent of the limit, for the bar; 0 without one.
        held: Per cent of the limit beside `spent`.
        over: The window has ended: the figures are those of the one before.
        full: Nothing is left.
        age_s: Seconds since it was reported.
    """

    status: BudgetStatus
    spent: int
    held: int
    over: bool
    full: bool
    age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardRow:
    """One guard, and whether it still reports."""

    guard: GuardSeen
    age_s: int
    away: bool
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitRow:
    """One circuit, and whether it stops calls."""

    circuit: Circuit
    is_open: bool
    half_open: bool
    expired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Something that a guard reported, and its program."""

    app: str
    note: RefusalNote | Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A form that was not accepted, with what was typed into it.

    Attributes:
        form: Which one.
        fault: Why it was not.
        fields: What was typed.
    """

    form: str
    fault: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardOverview:
    """Everything the page shows; `known` tells whether budgets and circuits have been read."""

    known: bool
    open_circuits: int
    away: int
    guards: Rows[GuardRow]
    scopes: Rows[BudgetRow]
    circuits: Rows[CircuitRow]
    budgets: Rows[PolicyBudget]
    flights: Rows[Flight]
    refusals: Rows[Said]
    notices: Rows[Said]
    unpriced: Rows[tuple[str, SpendTotal]]


def guard_overview(state: GuardState, policy: Policy | None, now: dt.datetime) -> GuardOverview:
    """Return what the page shows at `now`."""
    apps = {seen.guard: seen.app for seen in state.guards}
    circuits = [
        CircuitRow(
            circuit=circuit,
            is_open=circuit.is_open(now),
            half_open=circuit.current_state(now) == "half-open",
            expired=circuit.state == "open" and not circuit.is_open(now),
        )
        for circuit in (policy.circuits if policy else ())
    ]
    circuits.sort(key=lambda row: (not row.is_open, row.circuit.scope))
    return GuardOverview(
        known=policy is not None,
        open_circuits=sum(row.is_open for row in circuits),
        away=sum(is_away(seen, now) for seen in state.guards),
        guards=_rows([_guard(seen, now) for seen in state.guards]),
        scopes=_rows([_budget_status(status, now) for status in budget_statuses(state)]),
        circuits=_rows(circuits),
        budgets=_rows(policy.budgets if policy else ()),
        flights=_rows(flights(state, now)),
        refusals=_rows([Said(app=apps.get(name, name), note=it) for name, it in state.refusals]),
        unpriced=_rows(unpriced_totals(state)),
        notices=_rows([Said(app=apps.get(name, name), note=it) for name, it in state.notices]),
    )


def _rows(found: Sequence[Row]) -> Rows[Row]:
    return Rows(shown=tuple(found[:MOST_ROWS]), hidden=max(0, len(found) - MOST_ROWS))


def _guard(seen: GuardSeen, now: dt.datetime) -> GuardRow:
    return GuardRow(
        guard=seen,
        age_s=age_s(seen.seen_at, now),
        away=is_away(seen, now),
        refused=sum(seen.refused.values()),
    )


def _budget_status(status: BudgetStatus, now: dt.datetime) -> BudgetRow:
    spent = _percent(status.spent, status.limit)
    both = _percent(status.spent + status.held, status.limit)
    return BudgetRow(
        status=status,
        spent=spent,
        held=both - spent,
        over=status.is_over(now),
        full=status.remaining == 0,
        age_s=age_s(status.seen_at, now),
    )


def _percent(part: Decimal, limit: Decimal | None) -> int:
    if limit is None:
        return 0
    return min(100, int(part * 100 / limit)) if limit else 100
