"""Write decisions about guards and alerts as text and back, for the journal and the audit."""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.change import AlertChange, BudgetChange, Change, CircuitChange
from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget


def to_text(change: Change) -> str:
    """Return a change as one line of JSON, in ASCII."""
    if isinstance(change, CircuitChange):
        circuit = change.circuit
        fields: dict[str, object] = {
            "kind": "circuit",
            "id": change.id,
            **circuit._asdict(),
            "changed_at": circuit.changed_at.isoformat(),
            "expires_at": circuit.expires_at and circuit.expires_at.isoformat(),
            "trial_ends_at": circuit.trial_ends_at and circuit.trial_ends_at.isoformat(),
        }
    elif isinstance(change, AlertChange):
        fields = {
            "kind": "alert",
            **change._asdict(),
            "changed_at": change.changed_at.isoformat(),
            "snoozed_until": change.snoozed_until and change.snoozed_until.isoformat(),
        }
    else:
        fields = {
            "kind": "budget",
            "id": change.id,
            "scope": change.scope,
            "period": change.period,
            "author": change.author,
            "changed_at": change.changed_at.isoformat(),
            "budget": change.budget and _budget_fields(change.budget.budget),
        }
    return json.dumps(fields)


def _budget_fields(budget: Budget) -> dict[str, object]:
    return {
        "limit": str(budget.limit),
        "currency": budget.currency,
        "levels": budget.levels and [str(percent) for percent in budget.levels],
    }


def from_text(text: str) -> Change:
    """Return the change that `to_text` made a text of.

    Raises:
        ValueError, KeyError, TypeError, InputError: It is not such a text.
    """
    fields: Mapping[str, Any] = json.loads(text)
    changed_at = dt.datetime.fromisoformat(fields["changed_at"])
    if fields["kind"] == "circuit":
        circuit = Circuit(
            scope=fields["scope"],
            state=fields["state"],
            reason=fields["reason"],
            author=fields["author"],
            changed_at=changed_at,
            expires_at=_moment(fields["expires_at"]),
            revision=fields["revision"],
            # Journals of earlier versions have none of these.
            rule=fields.get("rule"),
            cause=fields.get("cause"),
            openings=fields.get("openings", 0),
            trial_ends_at=_moment(fields.get("trial_ends_at")),
        )
        return CircuitChange(fields["id"], circuit)
    if fields["kind"] == "alert":
        return AlertChange(
            id=fields["id"],
            condition=fields["condition"],
            author=fields["author"],
            reason=fields["reason"],
            changed_at=changed_at,
            snoozed_until=_moment(fields["snoozed_until"]),
        )
    given = fields["budget"]
    budget = None
    if given is not None:
        levels = given["levels"]
        budget = PolicyBudget(
            Budget(
                fields["scope"],
                given["limit"],
                fields["period"],
                given["currency"],
                None if levels is None else Thresholds(*levels),
            ),
            "api",
            fields["author"],
        )
    return BudgetChange(
        id=fields["id"],
        scope=fields["scope"],
        period=fields["period"],
        budget=budget,
        author=fields["author"],
        changed_at=changed_at,
    )


def _moment(text: str | None) -> dt.datetime | None:
    return None if text is None else dt.datetime.fromisoformat(text)
