"""Alerts: each is delivered once."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Severity = Literal["info", "warning", "critical"]
AlertState = Literal["opened", "escalated", "repeated", "resolved"]
FactValue = str | int | float | None | tuple["str | Mapping[str, str | int | float | None]", ...]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
"""From the least to the most severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert.

    Attributes:
        id: Names this alert for ever: the same id is told once.
        event: The log event, such as `alerter.threshold_exceeded`.
        severity: How severe it is; `info` when it says that something is over.
        condition: What it is about, such as `threshold:monthly`; repeats share it.
        title: What it is about in a few words, such as the subject of a mail.
        text: One or two sentences for humans: what, how much, since when, what to do.
        labels: What it is about, for routing and grouping: the same for all alerts of a condition.
        facts: Keys and values for machines, units in the keys.
        state: Whether the condition begins, has got more severe, lasts or is over.
        since: When the condition began, aware UTC.
        previous_severity: What people were told before about the same; `None`: nothing.
        raised_at: Aware UTC.
    """

    id: str
    event: str
    severity: Severity
    condition: str
    title: str
    text: str
    labels: Mapping[str, str]
    facts: Mapping[str, FactValue]
    state: AlertState
    since: dt.datetime
    previous_severity: Severity | None
    raised_at: dt.datetime

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON is made of."""
        return {
            "id": self.id,
            "event": self.event,
            "severity": self.severity,
            "condition": self.condition,
            "title": self.title,
            "text": self.text,
            "labels": dict(self.labels),
            "facts": dict(self.facts),
            "state": self.state,
            "since": self.since.isoformat(),
            "previous_severity": self.previous_severity,
            "raised_at": self.raised_at.isoformat(),
        }

    def to_text(self) -> str:
        """Render as JSON for the store."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, read: Mapping[str, Any]) -> "Alert":
        """Return the alert that `to_dict` was made of; earlier versions wrote fewer fields.

        Raises:
            KeyError, TypeError, ValueError: It is not an alert.
        """
        raised_at = dt.datetime.fromisoformat(read["raised_at"])
        since = read.get("since")
        return cls(
            id=read["id"],
            event=read["event"],
            severity=read["severity"],
            condition=read["condition"],
            title=read.get("title", read["condition"]),
            text=read["text"],
            labels=read.get("labels", {}),
            facts={key: _fact(value) for key, value in read["facts"].items()},
            state=read.get("state", "opened"),
            since=raised_at if since is None else dt.datetime.fromisoformat(since),
            previous_severity=read.get("previous_severity"),
            raised_at=raised_at,
        )

    @classmethod
    def from_text(cls, text: str) -> "Alert":
        """Parse what `to_text` made; see `from_dict`."""
        return cls.from_dict(json.loads(text))


class ChannelCounts(NamedTuple):
    """What a channel has been told since the service started.

    Attributes:
        channel: Its name.
        sent: Alerts that it has taken, by severity.
        failures: Tries that failed, by severity.
    """

    channel: str
    sent: Mapping[Severity, int]
    failures: Mapping[Severity, int]


class Outgoing(NamedTuple):
    """An alert, and the channels that are to deliver it.

    Attributes:
        alert: What to tell.
        channels: Their names.
    """

    alert: Alert
    channels: tuple[str, ...]


def _fact(value: Any) -> FactValue:  # noqa: ANN401 - JSON of ours
    return tuple(value) if isinstance(value, list) else value
