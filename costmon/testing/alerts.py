"""Alerts and conditions, each fact of which a test may choose."""

from typing import Any

from costmon.alerts.alert import Alert
from costmon.alerts.condition import Condition
from costmon.testing.clock import START


def alert(alert_id: str = "a1", **facts: Any) -> Alert:
    """Return an alert that says that the threshold is exceeded."""
    values: dict[str, Any] = {
        "event": "alerter.threshold_exceeded",
        "severity": "warning",
        "condition": "threshold:monthly",
        "title": "Monthly run-rate above the threshold",
        "text": "Too much.",
        "labels": {},
        "facts": {},
        "state": "opened",
        "since": START,
        "previous_severity": None,
        "raised_at": START,
    }
    return Alert(id=alert_id, **{**values, **facts})


def condition(cause: str, **facts: Any) -> Condition:
    """Return a condition that holds, escalates and does not repeat."""
    values: dict[str, Any] = {
        "name": "loop:openai",
        "state": "opened",
        "event": "alerter.loop_found",
        "resolved_event": "alerter.loop_over",
        "severity": "warning",
        "title": "A loop burns money",
        "text": "openai costs $40 per hour.",
        "resolved_text": "openai costs $1 per hour again.",
        "labels": {"provider": "openai"},
        "facts": {"hourly_usd": 40.0},
        "escalates": True,
        "repeats": False,
    }
    return Condition(cause=cause, **{**values, **facts})
