"""The JSON answers about alerts."""

from typing import Annotated, Any

from msgspec import Meta as Describe

from costmon.alerts.alert import AlertState, Severity
from costmon.alerts.memory import OpenAlert
from costmon.api.schemas.answers import Meta
from costmon.intake.answer import Answer, Moment

_Author = Annotated[str, Describe(description="Ignored: the author is who was authenticated.")]


_Reason = Annotated[str, Describe(description="Why: at most 500 characters; kept in the audit.")]


class AlertAnswer(Answer, frozen=True):
    """An open alert: what was told last, and what somebody decided about it."""

    id: str
    condition: str
    event: str
    severity: Severity
    state: AlertState
    title: str
    text: str
    labels: dict[str, str]
    facts: dict[str, Any]
    since: Moment
    told_at: Moment
    acknowledged_by: str | None
    acknowledged_at: Moment | None
    snoozed_by: str | None
    snoozed_until: Moment | None


class AlertsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/alerts`: the most severe first."""

    data: list[AlertAnswer]
    meta: Meta


class AcknowledgeBody(Answer, frozen=True, forbid_unknown_fields=True):
    """Nothing more is told until the alert gets more severe or is over."""

    author: _Author = ""
    reason: _Reason = ""


class SnoozeBody(Answer, frozen=True, forbid_unknown_fields=True):
    """Nothing is told for so many seconds, unless the alert gets more severe or is over."""

    duration_s: int
    author: _Author = ""
    reason: _Reason = ""


def alert_answer(known: OpenAlert) -> AlertAnswer:
    """Return an open alert as the API shows it."""
    alert = known.alert
    return AlertAnswer(
        id=known.id,
        condition=alert.condition,
        event=alert.event,
        severity=alert.severity,
        state=alert.state,
        title=alert.title,
        text=alert.text,
        labels=dict(alert.labels),
        facts=dict(alert.facts),
        since=alert.since,
        told_at=alert.raised_at,
        acknowledged_by=known.acknowledged_by,
        acknowledged_at=known.acknowledged_at,
        snoozed_by=known.snoozed_by,
        snoozed_until=known.snoozed_until,
    )
