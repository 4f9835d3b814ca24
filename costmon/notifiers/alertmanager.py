"""Alertmanager: each open alert is pushed, and pushed again, until it is over.

Source: https://prometheus.io/docs/alerting/latest/alerts_api/
Needs: the URL of an Alertmanager of version 0.16 or later.
"""

import base64
import datetime as dt
import json
from collections.abc import Iterable, Mapping
from typing import Any

from costmon.alerts.alert import Alert, Severity
from costmon.clock import Clock
from costmon.errors import NotifyError
from costmon.notifiers.base import seconds_of
from costmon.sender import Sender, SendError

LASTS = dt.timedelta(minutes=5)
"""For how long an alert fires without being pushed again: it ends when costmon ends."""

_GOOD = range(200, 300)
_FINAL = frozenset({400, 401, 403, 404, 405, 422})
_RESERVED = frozenset({"alertname", "severity", "condition"})
_SAID = 200


class AlertmanagerChannel:
    """Pushes alerts; their labels are those of the condition, `alertname` and `severity`.

    Args:
        name: What logs, metrics and `costmon notify test` call it.
        url: Its base URL.
        login: User and password for basic authentication; `None`: without.
        sender: The HTTP client.
        clock: Tells the time.
    """

    def __init__(
        self, name: str, url: str, login: tuple[str, str] | None, sender: Sender, clock: Clock
    ) -> None:
        self._name = name
        self._url = f"{url.rstrip('/')}/api/v2/alerts"
        self._headers = {"Content-Type": "application/json"}
        if login is not None:
            encoded = base64.b64encode(":".join(login).encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"
        self._sender = sender
        self._clock = clock

    @property
    def name(self) -> str:
        """Return what logs, metrics and `costmon notify test` call it."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Push a new alert, a more severe one in place of the old one, or the end.

        Raises:
            NotifyError: Alertmanager did not take it.
        """
        if alert.state == "resolved":
            pushed = [_pushed(alert, alert.previous_severity or "warning", alert.raised_at)]
        else:
            pushed = [_pushed(alert, alert.severity, self._clock.now() + LASTS)]
            if alert.previous_severity not in {None, alert.severity}:
                # To Alertmanager another severity is another alert.
                pushed.append(_pushed(alert, alert.previous_severity, alert.raised_at))
        self._post(pushed)

    def repeat(self, alerts: Iterable[Alert]) -> None:
        """Push what is open again, so that Alertmanager does not take it for over.

        Raises:
            NotifyError: Alertmanager did not take it.
        """
        end = self._clock.now() + LASTS
        pushed = [_pushed(alert, alert.severity, end) for alert in alerts]
        if pushed:
            self._post(pushed)

    def _post(self, pushed: list[dict[str, Any]]) -> None:
        try:
            answer = self._sender.post(self._url, json.dumps(pushed).encode(), self._headers)
        except SendError as error:
            raise NotifyError(self.name, str(error)) from None
        if answer.status not in _GOOD:
            said = " ".join(answer.body.decode("utf-8", "replace").split())[:_SAID]
            raise NotifyError(
                self.name,
                f"Alertmanager answered {answer.status} ({said or 'no reason given'})",
                retry_after_s=seconds_of(answer.retry_after),
                is_final=answer.status in _FINAL,
            )


def _pushed(alert: Alert, severity: Severity | None, end: dt.datetime) -> dict[str, Any]:
    kind = "".join(part.capitalize() for part in alert.condition.partition(":")[0].split("_"))
    labels: Mapping[str, str] = {
        **{key: value for key, value in alert.labels.items() if key not in _RESERVED and value},
        "alertname": f"Costmon{kind}",
        "severity": severity or "warning",
        "condition": alert.condition,
    }
    return {
        "labels": {key: _clean(value) for key, value in labels.items()},
        "annotations": {"summary": _clean(alert.title), "description": _clean(alert.text)},
        "startsAt": min(alert.since, end).isoformat(),
        "endsAt": end.isoformat(),
    }


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
