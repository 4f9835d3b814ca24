"""What a press of a button asks of a recording."""

from typing import Literal, get_args

from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.recording_control import Control

Action = Literal["start", "stop", "reset"]
ACTIONS: tuple[Action, ...] = get_args(Action)


def action_of(given: object) -> Action:
    """Return the action that was sent.

    Raises:
        InputError: It is none.
    """
    if given in ACTIONS:
        return given
    raise InputError(f"The action {str(given)[:40]!r} is unknown; accepted: {', '.join(ACTIONS)}.")


def control_for(action: Action, seen: Snapshot, *, recording: str, issued_at: float) -> Control:
    """Return what every worker is to be told.

    Args:
        action: `start` begins a new recording, `stop` keeps the figures and counts no more,
            `reset` begins anew with what was on: counting goes on, or stays off.
        seen: The service as it is now.
        recording: A name that no recording had, for a new one.
        issued_at: Now, in seconds since 1970.
    """
    if action == "stop":
        return Control(recording=seen.recording, is_recording=False, issued_at=issued_at)
    return Control(
        recording=recording,
        is_recording=action == "start" or seen.is_recording,
        issued_at=issued_at,
    )
