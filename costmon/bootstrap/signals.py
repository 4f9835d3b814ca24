"""Turn SIGTERM and SIGINT into an orderly stop, and a second one into an immediate end."""

import os
import signal
import threading
from types import FrameType

_ENDED_AT_ONCE = 1
_STDERR = 2


class StopSignals:
    """The event that the main thread waits for.

    Must be made in the main thread. The first signal sets the event; the second ends the process
    at once with exit code 1, whatever is unwritten.
    """

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.by: str | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._received)

    def _received(self, number: int, _frame: FrameType | None) -> None:
        if self.requested.is_set():
            # Not through sys.stderr: the signal may have come in the middle of a write to it.
            os.write(_STDERR, b"costmon: second signal, ending at once\n")
            os._exit(_ENDED_AT_ONCE)
        self.by = signal.Signals(number).name
        self.requested.set()
