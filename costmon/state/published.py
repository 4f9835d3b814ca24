"""Hold the one value that readers see."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from costmon.errors import SnapshotClosedError
from costmon.state.value import Snapshot

V = TypeVar("V")


class Published(Generic[V]):
    """One reference to an immutable value; replacing it is one step, reading takes no lock."""

    def __init__(self, value: V) -> None:
        self._value = value
        self._before: tuple[Callable[[V], None], ...] = ()

    def read(self) -> V:
        """Return what was published last."""
        return self._value

    def publish(self, value: V) -> None:
        """Replace the value."""
        for prepare in self._before:
            prepare(value)
        self._value = value

    def before_publishing(self, prepare: Callable[[V], None]) -> None:
        """Call `prepare` with every value before readers get it, in the publisher's thread."""
        self._before = (*self._before, prepare)


class SharedPublished(Published[V]):
    """A cell that several actors change, each its own part of the value."""

    def __init__(self, value: V) -> None:
        super().__init__(value)
        self._changing = threading.Lock()

    def change(self, fold: Callable[[V], V]) -> None:
        """Replace the value by what `fold` makes of it, which must be quick and only compute."""
        with self._changing:
            self._value = fold(self._value)


class Watched(Published[V]):
    """A cell whose readers may wait until another value is published."""

    def __init__(self, value: V) -> None:
        super().__init__(value)
        self._changed = threading.Condition()
        self._closed = False

    def publish(self, value: V) -> None:
        """Replace the value and wake all who wait."""
        with self._changed:
            self._value = value
            self._changed.notify_all()

    def wait(self, known: Callable[[V], bool], timeout_s: float) -> V:
        """Return the value once it is not `known` any more, or the cell is closed, or time is up.

        `known` is called under the cell's lock: it must only look.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or not known(self._value), timeout_s)
            return self._value

    def close(self) -> None:
        """Wake all who wait, for good: from now on nobody waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class PublishedSnapshot:
    """The current costs, which never go back and can be closed.

    Readers take no lock and ask no actor: they get a whole snapshot, whatever the actors do.
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

    @property
    def is_closed(self) -> bool:
        """Tell whether readers are refused."""
        return self._closed

    def close(self) -> None:
        """Refuse readers from now on."""
        self._closed = True
