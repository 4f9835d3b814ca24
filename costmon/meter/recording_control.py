"""What somebody wants of a recording: told to every worker of a service."""

from typing import NamedTuple


class Control(NamedTuple):
    """The newest one wins, by `issued_at`.

    Attributes:
        recording: Names the recording; a worker that has another one begins anew with this name.
        is_recording: Whether requests are to be counted.
        issued_at: Seconds since 1970.
    """

    recording: str
    is_recording: bool
    issued_at: float
