"""The dashboard's actions on a recording: start, stop and reset."""

from typing import Literal, get_args

from costmon.errors import InputError
from costmon.meter.figures import Snapshot
from costmon.meter.recording_control import Control

Action = Literal["start", "stop", "reset"]
ACTIONS: tuple[Action, ...] = get_args(Action)


def action_of(given: object) -> Action:
    """Return a valid action.

    Raises:
        InputError: The action is unknown.
    """
    if given in ACTIONS:
        return given
    raise InputError(f"Unknown action {str(given)[:40]!r}; accepted: {', '.join(ACTIONS)}.")


def control_for(action: Action, seen: Snapshot, *, recording: str, issued_at: float) -> Control:
    """Return the control message for every worker.

    Args:
        action: `start` begins a new recording, `stop` keeps the figures and stops counting,
            `reset` begins a new recording that is on or off as before.
        seen: The current state of the service.
        recording: An unused name, for a new recording.
        issued_at: Now, in seconds since 1970.
    """
    if action == "stop":
        return Control(recording=seen.recording, is_recording=False, issued_at=issued_at)
    return Control(
        recording=recording,
        is_recording=action == "start" or seen.is_recording,
        issued_at=issued_at,
    )
