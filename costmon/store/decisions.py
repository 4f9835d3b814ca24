"""Circuits and budgets as somebody decided them, and the record of who did."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

import structlog
from sqlalchemy import Connection, Row, delete, insert, select

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.change import AlertChange, BudgetChange, Change, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.money import from_nano, to_nano
from costmon.domain.policy import PolicyBudget
from costmon.errors import InputError
from costmon.store.changes import from_text, to_text
from costmon.store.packing import readable
from costmon.store.schema import audit, budget, circuit
from costmon.store.text import storable, storable_key

_CHANGE_CHARACTERS = 100_000
_LEAST_PERCENT = from_nano(1)

log = structlog.get_logger("costmon.store")


def apply_change(connection: Connection, change: Change) -> bool:
    """Write a change and its record; `False`, and nothing is changed, when that was done before."""
    change_id = storable_key(change.id)
    if connection.execute(select(audit.c.id).where(audit.c.change_id == change_id)).first():
        return False
    kind, scope, decided = _subject(change)
    if isinstance(decided, Circuit):
        _write_circuit(connection, decided)
    elif isinstance(decided, BudgetChange):
        _write_budget(connection, decided)
    connection.execute(
        insert(audit).values(
            change_id=change_id,
            kind=kind,
            scope=storable_key(scope),
            author=storable(decided.author),
            changed_at=decided.changed_at,
            change=storable(to_text(change), _CHANGE_CHARACTERS),
        )
    )
    return True


def _subject(change: Change) -> tuple[str, str, Circuit | BudgetChange | AlertChange]:
    """Return what a change is about, and what was decided."""
    match change:
        case CircuitChange(circuit=circuit):
            return "circuit", circuit.scope, circuit
        case BudgetChange():
            return "budget", change.scope, change
        case AlertChange():  # only recorded: the alerter's memory has it already
            return "alert", change.condition, change


def read_circuits(connection: Connection) -> tuple[Circuit, ...]:
    """Return the last decision about every scope, by scope."""
    rows = connection.execute(select(circuit).order_by(circuit.c.scope))
    return tuple(Circuit(**row) for row in rows.mappings())


def read_acknowledged(connection: Connection) -> tuple[tuple[str, dt.datetime], ...]:
    """Return which conditions somebody has acknowledged and when, oldest first."""
    texts = connection.scalars(
        select(audit.c.change).where(audit.c.kind == "alert").order_by(audit.c.changed_at)
    )
    changes = readable(texts, "decision", from_text)
    return tuple(
        (one.condition, one.changed_at)
        for one in changes
        if isinstance(one, AlertChange) and one.snoozed_until is None
    )


def read_budgets(connection: Connection) -> tuple[PolicyBudget, ...]:
    """Return the budgets that were set by API, by scope and period.

    A row that is not a valid budget (edited by hand?) is logged and left out.
    """
    rows = connection.execute(select(budget).order_by(budget.c.scope, budget.c.period))
    found = []
    for row in rows:
        try:
            found.append(_budget(row))
        except InputError as error:
            log.error(
                "store.budget_unreadable", scope=row.scope, period=row.period, error=str(error)
            )
    return tuple(found)


def _write_circuit(connection: Connection, decided: Circuit) -> None:
    scope = storable_key(decided.scope)
    connection.execute(delete(circuit).where(circuit.c.scope == scope))
    connection.execute(
        insert(circuit).values(
            scope=scope,
            state=decided.state,
            reason=storable(decided.reason),
            author=storable(decided.author),
            changed_at=decided.changed_at,
            expires_at=decided.expires_at,
            revision=decided.revision,
            rule=None if decided.rule is None else storable_key(decided.rule),
            cause=decided.cause,
            openings=decided.openings,
            trial_ends_at=decided.trial_ends_at,
        )
    )


def _write_budget(connection: Connection, change: BudgetChange) -> None:
    scope, period = storable_key(change.scope), storable_key(change.period)
    connection.execute(delete(budget).where(budget.c.scope == scope, budget.c.period == period))
    if change.budget is None:
        return
    decided = change.budget.budget
    connection.execute(
        insert(budget).values(
            scope=scope,
            period=period,
            limit_amount=_exact(decided.limit),
            currency=storable_key(decided.currency or "USD"),
            author=storable(change.author),
            changed_at=change.changed_at,
            **_levels(decided.levels),
        )
    )


def _levels(levels: Thresholds | None) -> Mapping[str, Decimal | None]:
    if levels is None:
        return {"warn": None, "block": None}
    # A percentage that rounds to 0 would not be one.
    return {
        "warn": max(_exact(levels.warn), _LEAST_PERCENT),
        "block": max(_exact(levels.block), _LEAST_PERCENT),
    }


def _exact(amount: Decimal) -> Decimal:
    return from_nano(to_nano(amount))


def _budget(row: Row[tuple[object, ...]]) -> PolicyBudget:
    levels = None if row.warn is None else Thresholds(row.warn, row.block)
    return PolicyBudget(
        Budget(row.scope, row.limit_amount, row.period, row.currency, levels), "api", row.author
    )
