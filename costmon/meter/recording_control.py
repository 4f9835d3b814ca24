"""The control message that starts, stops or resets the recording of every worker."""

from typing import NamedTuple


class Control(NamedTuple):
    """A control message; the newest one applies, by `issued_at`.

    Attributes:
        recording: Name of the recording; a worker with another one resets and takes this name.
        is_recording: Whether to count requests.
        issued_at: Seconds since 1970.
    """

    recording: str
    is_recording: bool
    issued_at: float
