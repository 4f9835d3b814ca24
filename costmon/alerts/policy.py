"""Decide whether an alert is sent, suppressed or resolved.

An alert is sent when its condition begins, and after each cool-down while it lasts. One that begins
again within the cool-down waits for its end. Its end is sent once, and only if its start was sent.
"""

import datetime as dt
from dataclasses import replace
from typing import Literal

from costmon.alerts.memory import Memory

Verdict = Literal["say", "suppress", "resolve", "quiet"]


def judge(
    *, holds: bool, cause: str, memory: Memory, now: dt.datetime, cooldown_s: float
) -> tuple[Verdict, Memory]:
    """Return what to do and what to remember of it.

    Args:
        holds: Whether the condition holds now.
        cause: Names what this judgement is based on; judging the same cause again is quiet.
        memory: What was remembered so far.
        now: Aware UTC.
        cooldown_s: Seconds between repeats.
    """
    if cause == memory.last_cause:
        return "quiet", memory
    seen = replace(memory, last_cause=cause)
    if not holds:
        if not memory.announced:
            return "quiet", seen
        return "resolve", replace(seen, announced=False)
    if _cooling(memory, now, cooldown_s):
        return "suppress", replace(seen, suppressed=memory.suppressed + 1)
    return "say", replace(seen, announced=True, said_at=now, suppressed=0)


def _cooling(memory: Memory, now: dt.datetime, cooldown_s: float) -> bool:
    if memory.said_at is None:
        return False
    # A wall clock that was set back must not silence an alert until it has caught up.
    return 0 <= (now - memory.said_at).total_seconds() < cooldown_s
