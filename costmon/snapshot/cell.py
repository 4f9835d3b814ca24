"""Hold the one value that readers see."""

import threading
from typing import Generic, TypeVar

from costmon.errors import SnapshotClosedError
from costmon.snapshot.value import Snapshot

V = TypeVar("V")


class Cell(Generic[V]):
    """One reference to an immutable value; replacing it is one step, reading takes no lock."""

    def __init__(self, value: V) -> None:
        self._value = value

    def read(self) -> V:
        """Return what was published last."""
        return self._value

    def publish(self, value: V) -> None:
        """Replace the value."""
        self._value = value


class SnapshotCell:
    """The current costs, which never go back and can be closed.

    Readers take no lock and ask nobody: they get a whole snapshot, whatever the actors do.
    """

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._closed = False
        self._swap = threading.Lock()

    def read(self) -> Snapshot | None:
        """Return the newest snapshot; `None` before the first.

        Raises:
            SnapshotClosedError: The service drains, or its core gave up.
        """
        if self._closed:
            raise SnapshotClosedError("the snapshot is closed")
        return self._snapshot

    def latest(self) -> Snapshot | None:
        """Return the newest snapshot even when closed, for the calculator that resumes from it."""
        return self._snapshot

    def publish(self, snapshot: Snapshot) -> bool:
        """Swap in a newer snapshot; an older or equal sequence is refused with `False`."""
        with self._swap:
            if self._snapshot is not None and snapshot.sequence <= self._snapshot.sequence:
                return False
            self._snapshot = snapshot
            return True

    def close(self) -> None:
        """Turn readers away from now on."""
        self._closed = True
