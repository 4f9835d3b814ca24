"""The page at `/alerts`."""

from collections.abc import Sequence

import flask

from costmon.alerts.memory import OpenAlert
from costmon.web.finding_view import Findings

SNOOZES = (
    ("3600", "for an hour"),
    ("14400", "for 4 hours"),
    ("86400", "for a day"),
    ("604800", "for a week"),
)
"""Seconds, and their labels."""

_MOST_SHOWN = 200


def alerts_page(
    alerts: Sequence[OpenAlert] | None, findings: Findings | None, fault: str | None
) -> flask.Response:
    """Return the page; 400 when a form was not accepted.

    Args:
        alerts: What is open; `None`: not known yet.
        findings: What detection has found; `None`: it cannot be read.
        fault: Why a form was not accepted; `None`: none was sent, or it was.
    """
    rows = () if alerts is None else alerts
    text = flask.render_template(
        "costmon/alerts.html",
        known=alerts is not None,
        alerts=rows[:_MOST_SHOWN],
        hidden=max(0, len(rows) - _MOST_SHOWN),
        count=len(rows),
        findings=findings,
        explained=[] if findings is None else [one.finding.id for one in findings.opened],
        fault=fault,
        snoozes=SNOOZES,
    )
    return flask.Response(
        text.encode("utf-8", "replace"),
        200 if fault is None else 400,
        {"Cache-Control": "no-store"},
        content_type="text/html; charset=utf-8",
    )
