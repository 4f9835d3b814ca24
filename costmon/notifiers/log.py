"""The service's own log as a channel: always there, needs nothing."""

import logging

import structlog

from costmon.alerts.alert import Alert, Severity

_LEVELS: dict[Severity, int] = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "critical": logging.CRITICAL,
}


class LogChannel:
    """Writes each alert as one structured log line, the event being the alert's own."""

    name = "log"

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def send(self, alert: Alert) -> None:
        """Log the alert at the level of its severity."""
        self._log.log(
            _LEVELS[alert.severity],
            alert.event,
            **alert.facts,
            alert_id=alert.id,
            condition=alert.condition,
            text=alert.text,
            raised_at=alert.raised_at.isoformat(),
            since=alert.since.isoformat(),
            alert_state=alert.state,
        )
