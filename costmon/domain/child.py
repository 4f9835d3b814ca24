"""The state of a supervised child."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

ChildState = Literal[
    "starting", "running", "waiting", "restarting", "draining", "stopped", "set_aside", "failed"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildStatus:
    """One child, as the tree shows it: the supervisor publishes it, readers show it.

    Attributes:
        name: Full name, such as `poller.digitalocean`.
        role: The part before the first dot.
        state: What it does now; `waiting` is for the end of its back-off after a crash.
        generation: Counts its incarnations from 1.
        restarts: Restarts since the service started, asked for or not.
        mailbox: Messages that wait, the one in hand not counted.
        dead_letters: Messages moved to the dead letters after too many deliveries.
        dropped: Messages a full mailbox could not keep.
        busy_s: Seconds on the message in hand; `None` when idle.
        last_error: `repr` of what ended the last incarnation; `None` if none crashed.
        started_at: When the present incarnation started, aware UTC; `None` when none runs.
    """

    name: str
    role: str
    state: ChildState
    generation: int
    restarts: int
    mailbox: int
    dead_letters: int
    dropped: int
    busy_s: float | None
    last_error: str | None
    started_at: dt.datetime | None
