"""Decide what is sent about a condition, and what is kept back.

A condition is told when it begins and when it ends. One that lasts longer than the cool-down is
told again at the next higher severity; after that only if it `repeats`. One that gets worse is told
at once. One that is acknowledged or snoozed is not told again until it gets worse or ends, or the
snooze is over. One that begins again within the cool-down waits for its end.
"""

import datetime as dt
from dataclasses import replace
from typing import Literal, NamedTuple

from costmon.alerts.alert import SEVERITIES, Alert, AlertState, Severity
from costmon.alerts.condition import Condition
from costmon.alerts.memory import Memory
from costmon.domain.change import AlertChange

KeptBack = Literal[
    "suppressed by cooldown",
    "suppressed: acknowledged",
    "suppressed: snoozed",
    "suppressed: told at the highest severity",
]


class Judgement(NamedTuple):
    """What to do about a condition.

    Attributes:
        memory: What to remember.
        alert: What to tell; `None`: nothing.
        kept_back: Why nothing is told although the condition holds; `None`: for no such reason.
    """

    memory: Memory
    alert: Alert | None
    kept_back: KeptBack | None


def judge(
    condition: Condition, memory: Memory, *, now: dt.datetime, cooldown_s: float
) -> Judgement:
    """Return what to do and what to remember of it; judging the same cause again does nothing.

    Args:
        condition: What holds, or does not.
        memory: What was remembered so far.
        now: Aware UTC.
        cooldown_s: Seconds between repeats.
    """
    if condition.cause == memory.last_cause:
        return Judgement(memory, None, None)
    seen = replace(memory, last_cause=condition.cause)
    if not condition.holds:
        ended = _alert(condition, memory, now, "resolved", "info") if memory.is_open(now) else None
        return Judgement(replace(_undecided(seen), announced=False), ended, None)
    told = memory.told.severity if memory.told else condition.severity
    worse = SEVERITIES.index(condition.severity) > SEVERITIES.index(told)
    if not memory.is_open(now):
        if _cooling(memory, now, cooldown_s) and not worse:
            return _kept_back(seen, "suppressed by cooldown")
        return _told(seen, condition, now, "opened", condition.severity)
    if worse or condition.state == "escalated":
        severity = condition.severity if worse else _higher(told)
        return _told(seen, condition, now, "escalated", severity)
    return _lasting(seen, condition, told, now, cooldown_s)


def _lasting(
    seen: Memory, condition: Condition, told: Severity, now: dt.datetime, cooldown_s: float
) -> Judgement:
    """Judge a condition that people know of and that has not got worse."""
    if seen.acknowledged_by is not None:
        return _kept_back(seen, "suppressed: acknowledged")
    if seen.is_snoozed(now):
        return _kept_back(seen, "suppressed: snoozed")
    if _cooling(seen, now, cooldown_s):
        return _kept_back(seen, "suppressed by cooldown")
    if condition.escalates and _higher(told) != told:
        return _told(seen, condition, now, "escalated", _higher(told))
    if condition.repeats:
        return _told(seen, condition, now, "repeated", told)
    return _kept_back(seen, "suppressed: told at the highest severity")


def began(condition: Condition, memory: Memory, now: dt.datetime) -> Judgement:
    """Return what to do about a condition that is told at once, whatever was said before."""
    return _told(replace(memory, last_cause=condition.cause), condition, now, "opened", None)


def acknowledged(memory: Memory, author: str, now: dt.datetime) -> Memory:
    """Return what to remember when somebody has acknowledged the condition."""
    return replace(
        memory, acknowledged_by=author, acknowledged_at=now, snoozed_by=None, snoozed_until=None
    )


def snoozed(memory: Memory, author: str, until: dt.datetime) -> Memory:
    """Return what to remember when somebody has snoozed the condition."""
    return replace(
        memory, snoozed_by=author, snoozed_until=until, acknowledged_by=None, acknowledged_at=None
    )


def decided(memory: Memory, change: AlertChange) -> Memory:
    """Return what to remember when somebody has acknowledged or snoozed an alert."""
    if change.snoozed_until is None:
        return acknowledged(memory, change.author, change.changed_at)
    return snoozed(memory, change.author, change.snoozed_until)


def woken(memory: Memory, now: dt.datetime) -> Judgement | None:
    """Return what to do when a snooze is over: tell it again; `None`: none is over."""
    if memory.snoozed_until is None or memory.is_snoozed(now):
        return None
    after = _undecided(memory)
    if memory.told is None or not memory.is_open(now):
        return Judgement(after, None, None)
    alert = replace(
        memory.told,
        id=f"{memory.told.condition}/{memory.told.event}/{memory.snoozed_until.isoformat()}",
        state="repeated",
        previous_severity=memory.told.severity,
        raised_at=now,
    )
    return Judgement(replace(after, said_at=now, suppressed=0, told=alert), alert, None)


def _told(
    seen: Memory,
    condition: Condition,
    now: dt.datetime,
    state: AlertState,
    severity: Severity | None,
) -> Judgement:
    alert = _alert(condition, seen, now, state, severity or condition.severity)
    memory = replace(
        _undecided(seen),
        announced=True,
        said_at=now,
        suppressed=0,
        told=alert,
        expires_at=condition.expires_at,
    )
    return Judgement(memory, alert, None)


def _alert(
    condition: Condition, memory: Memory, now: dt.datetime, state: AlertState, severity: Severity
) -> Alert:
    known = memory.told if state != "opened" else None
    return condition.alert(
        now,
        state=state,
        severity=severity,
        since=condition.since or (known.since if known else None) or now,
        previous_severity=known.severity if known else None,
    )


def _kept_back(seen: Memory, reason: KeptBack) -> Judgement:
    return Judgement(replace(seen, suppressed=seen.suppressed + 1), None, reason)


def _undecided(memory: Memory) -> Memory:
    return replace(
        memory, acknowledged_by=None, acknowledged_at=None, snoozed_by=None, snoozed_until=None
    )


def _higher(severity: Severity) -> Severity:
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def _cooling(memory: Memory, now: dt.datetime, cooldown_s: float) -> bool:
    if memory.said_at is None:
        return False
    # A wall clock that was set back must not silence an alert until it has caught up.
    return 0 <= (now - memory.said_at).total_seconds() < cooldown_s
