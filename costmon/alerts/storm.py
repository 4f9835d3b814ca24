"""Combine many alerts within a short time into one message: their number, and the worst of them."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from costmon.alerts.alert import SEVERITIES, Alert

FREE = 5
"""Messages that a channel gets within `WINDOW_S`; what is more is gathered into one."""
WINDOW_S = 30.0

EVENT = "alerter.alerts_grouped"

_LISTED = 10
_KEPT = 1_000
_ORDER = ("critical", "warning", "info", "resolved", "grouped before")


def grouped(alerts: Sequence[Alert]) -> Alert:
    """Return one alert that stands for several; the same ones have the same id.

    It counts as raised with the first of them, so it keeps its place among those that wait.

    Args:
        alerts: At least one, oldest first; groups among them are dissolved.
    """
    order = sorted(alerts, key=lambda it: -SEVERITIES.index(it.severity))
    worst = order[0]
    kinds: Counter[str] = Counter()
    for it in alerts:
        kinds[_kind(it)] += _count(it)
    count = kinds.total()
    parts = ", ".join(f"{kinds[kind]} {kind}" for kind in _ORDER if kinds[kind])
    listed = [f"- {it.severity}: {it.title}" for it in order[1 : _LISTED + 1]]
    rest = len(alerts) - 1 - len(listed)
    digest = hashlib.sha256("\n".join(it.id for it in alerts).encode("utf-8", "surrogatepass"))
    return Alert(
        id=f"group/{digest.hexdigest()[:32]}",
        event=EVENT,
        severity=worst.severity,
        condition=f"group:{digest.hexdigest()[:12]}",
        title=f"{count} alerts ({parts}); the worst: {worst.title}",
        text="\n".join(
            [
                f"{count} alerts within a short time ({parts}). The worst: {worst.text}",
                *listed,
                *([f"and {rest} more"] if rest else []),
                "`costmon alerts` shows those that are open.",
            ]
        ),
        labels={},
        facts={
            "count": count,
            "worst": worst.condition,
            "alerts": tuple(row for it in order for row in _rows(it))[:_KEPT],
        },
        state="opened",
        since=min(it.since for it in alerts),
        previous_severity=None,
        raised_at=alerts[0].raised_at,
    )


def _rows(alert: Alert) -> Iterable[str | Mapping[str, str | int | float | None]]:
    members = alert.facts.get("alerts") if alert.event == EVENT else None
    if isinstance(members, tuple):
        return members
    return (
        {
            "id": alert.id,
            "event": alert.event,
            "severity": alert.severity,
            "state": alert.state,
            "condition": alert.condition,
            "title": alert.title,
        },
    )


def _kind(alert: Alert) -> str:
    if alert.event == EVENT:
        return "grouped before"
    return "resolved" if alert.state == "resolved" else alert.severity


def _count(alert: Alert) -> int:
    count = alert.facts.get("count") if alert.event == EVENT else 1
    return count if isinstance(count, int) else 1
