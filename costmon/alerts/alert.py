"""Something people are told once."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Severity = Literal["info", "warning", "critical"]
FactValue = str | int | float | None | tuple["str | Mapping[str, str | int | float | None]", ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One thing to say to people.

    Attributes:
        id: Names this alert for ever: the same id is told once.
        event: The log event, such as `alerter.threshold_exceeded`.
        severity: How loud.
        condition: What it is about, such as `threshold:monthly`; repeats share it.
        text: One or two sentences for humans: what, how much, since when, what to do.
        facts: Keys and values for machines, units in the keys.
        raised_at: Aware UTC.
    """

    id: str
    event: str
    severity: Severity
    condition: str
    text: str
    facts: Mapping[str, FactValue]
    raised_at: dt.datetime


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
