"""What guards are answered, as JSON: the policy, and what became of a report.

Amounts are text without an exponent, as in reports: a guard written in any language gets them
exactly.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

import msgspec

from costmon.domain.circuit import Circuit, CircuitState, OpeningCause
from costmon.domain.policy import BudgetSource, Policy, PolicyBudget
from costmon.state.meters import Known

WAITING_S = 60
"""Longest a client may wait for a change."""

RETRY_AFTER_S = 5
"""Seconds that a client is asked to wait when it cannot be answered now."""

Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
"""An aware time, UTC."""

_encoder = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The base of all answers: frozen, and invisible to the garbage collector for speed."""


class BudgetAnswer(Answer, frozen=True):
    """A budget, who said so, and when it warns and refuses, in per cent of its limit.

    `limit`, `warn` and `block` are exact figures as text. Levels that are null are the guard's own.
    """

    scope: str
    limit: str
    period: str
    currency: str | None
    warn: str | None
    block: str | None
    source: BudgetSource
    author: str | None


class CircuitAnswer(Answer, frozen=True):
    """What was last decided about one scope; an open one ends by itself at `expires_at`.

    `rule`, `cause` and `openings` (how often in a row) are of an opening by a rule; then calls pass
    after `expires_at`, and until `trial_ends_at` it can open again at once, for twice as long.
    """

    scope: str
    state: CircuitState
    reason: str
    author: str
    changed_at: Moment
    expires_at: Moment | None
    rule: str | None
    cause: OpeningCause | None
    openings: int
    trial_ends_at: Moment | None


class PolicyData(Answer, frozen=True):
    """Everything that guards enforce; `revision` changes with it."""

    revision: str
    budgets: list[BudgetAnswer]
    circuits: list[CircuitAnswer]


class PolicyAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/guard/policy`."""

    data: PolicyData


class ReportTaken(Answer, frozen=True):
    """What the guard may forget, and which policy holds.

    `confirmed` is the highest sequence of this guard whose rows are in the database.
    """

    confirmed: int | None
    policy: str | None


class ReportAnswer(Answer, frozen=True):
    """The answer of `POST /api/v1/guard/reports`."""

    data: ReportTaken


class ControlAnswer(Answer, frozen=True):
    """What is wanted of a recording; the newest one wins, by `issued_at` (seconds since 1970)."""

    recording: str
    is_recording: bool
    issued_at: float


class MeterTaken(Answer, frozen=True):
    """What a metered worker is told.

    `epoch` names this run of the service: to another one everything is sent again. `known` is the
    last part that was received before this one. A worker that is `gone` counts as ended, and its
    reports are ignored.
    """

    epoch: str
    known: int | None
    gone: bool
    control: ControlAnswer | None


class MeterAnswer(Answer, frozen=True):
    """The answer to a part of a metered worker's report."""

    data: MeterTaken


class Problem(Answer, frozen=True):
    """An error: the reason, and what to do."""

    error: str
    message: str


def encode_policy(policy: Policy) -> bytes:
    """Return the body with everything that a guard enforces."""
    return _encoder.encode(
        PolicyAnswer(
            data=PolicyData(
                revision=policy.revision,
                budgets=[budget_answer(budget) for budget in policy.budgets],
                circuits=[circuit_answer(circuit) for circuit in policy.circuits],
            )
        )
    )


def encode_taken(confirmed: int | None, policy: Policy | None) -> bytes:
    """Return the body that a guard gets for its report.

    Args:
        confirmed: Highest sequence of the guard that is in the database; `None`: none yet.
        policy: What holds; `None` while that is not known.
    """
    revision = None if policy is None else policy.revision
    return _encoder.encode(ReportAnswer(data=ReportTaken(confirmed=confirmed, policy=revision)))


def encode_metered(epoch: str, known: Known) -> bytes:
    """Return the body that a metered worker gets for a part of its report.

    Args:
        epoch: Names this run of the service.
        known: What was known of the worker before.
    """
    control = None if known.control is None else ControlAnswer(*known.control)
    return _encoder.encode(
        MeterAnswer(
            data=MeterTaken(epoch=epoch, known=known.part, gone=known.is_gone, control=control)
        )
    )


def encode_problem(error: str, message: str) -> bytes:
    """Return the body of an error: the reason, and what to do."""
    return _encoder.encode(Problem(error=error, message=message))


def budget_answer(told: PolicyBudget) -> BudgetAnswer:
    """Return a budget as it is told."""
    budget = told.budget
    return BudgetAnswer(
        scope=budget.scope,
        limit=plain(budget.limit),
        period=budget.period,
        currency=budget.currency,
        warn=plain(budget.levels.warn) if budget.levels else None,
        block=plain(budget.levels.block) if budget.levels else None,
        source=told.source,
        author=told.author,
    )


def circuit_answer(circuit: Circuit) -> CircuitAnswer:
    """Return a circuit as it is told."""
    return CircuitAnswer(
        scope=circuit.scope,
        state=circuit.state,
        reason=circuit.reason,
        author=circuit.author,
        changed_at=circuit.changed_at,
        expires_at=circuit.expires_at,
        rule=circuit.rule,
        cause=circuit.cause,
        openings=circuit.openings,
        trial_ends_at=circuit.trial_ends_at,
    )


def plain(amount: Decimal) -> str:
    """Return an amount as text, exactly, without an exponent."""
    return format(amount, "f")
