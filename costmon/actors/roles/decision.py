"""Turn a command about guards into a change, and a change into a log line."""

import datetime as dt
from collections.abc import Iterable, Mapping

from costmon.domain.change import BudgetChange, CircuitChange, GuardChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.messages import (
    CloseCircuit,
    GuardCommand,
    OpenCircuit,
    RemoveBudget,
    SetBudget,
)


def change_of(
    command: GuardCommand, now: dt.datetime, revision: int, before: Circuit | None
) -> GuardChange:
    """Return the change that a command asks for.

    Args:
        command: What somebody wants.
        before: What was decided last about the scope's circuit; `None`: nothing that is known.
        now: Aware UTC.
        revision: Of the circuit, if it is about one.
    """
    match command:
        case OpenCircuit(expires_at=expires_at):
            return _circuit_change(command, now, revision, expires_at)
        case CloseCircuit() if before is not None:
            circuit = before.closed(
                reason=command.reason, author=command.author, now=now, revision=revision
            )
            return CircuitChange(id=command.id, circuit=circuit)
        case CloseCircuit():
            return _circuit_change(command, now, revision, None)
        case SetBudget(budget=budget):
            given = PolicyBudget(budget, "api", command.author)
            return BudgetChange(
                id=command.id,
                scope=budget.scope,
                period=budget.period,
                budget=given,
                author=command.author,
                changed_at=now,
            )
        case RemoveBudget():
            return BudgetChange(
                id=command.id,
                scope=command.scope,
                period=command.period,
                budget=None,
                author=command.author,
                changed_at=now,
            )


def _circuit_change(
    command: OpenCircuit | CloseCircuit,
    now: dt.datetime,
    revision: int,
    expires_at: dt.datetime | None,
) -> CircuitChange:
    circuit = Circuit(
        scope=command.scope,
        state="open" if isinstance(command, OpenCircuit) else "closed",
        reason=command.reason,
        author=command.author,
        changed_at=now,
        expires_at=expires_at,
        revision=revision,
    )
    return CircuitChange(id=command.id, circuit=circuit)


def next_revision(known: Iterable[int], now: dt.datetime) -> int:
    """Return a number above all earlier ones, even when the database cannot be read.

    Microseconds since 1970, or one more than the highest known when the clock was set back.
    """
    return max(int(now.timestamp() * 1_000_000), max(known, default=0) + 1)


def logged(change: GuardChange) -> tuple[str, Mapping[str, object]]:
    """Return the event and the facts of the log line about a change."""
    match change:
        case CircuitChange(circuit=circuit):
            return f"policy.circuit_{'opened' if circuit.state == 'open' else 'closed'}", {
                "scope": circuit.scope,
                "reason": circuit.reason,
                "author": circuit.author,
                "expires_at": circuit.expires_at and circuit.expires_at.isoformat(),
                "rule": circuit.rule,
                "cause": circuit.cause,
                "openings": circuit.openings,
            }
        case BudgetChange(budget=given):
            return f"policy.budget_{'removed' if given is None else 'set'}", {
                "scope": change.scope,
                "period": change.period,
                "limit": None if given is None else str(given.budget.limit),
                "author": change.author,
            }
