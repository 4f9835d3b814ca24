"""Measure full garbage collections, so that they are not charged to the request they interrupt.

Collections of the young generations are charged to the request they interrupt: requests that create
more objects trigger more of them. The time of a full collection depends on all objects of the
process, whichever request triggers it.
"""

import gc
from threading import get_ident

from costmon.meter.measuring.cpu import CPU

_FULL = 2
_KEPT = 64


class FullCollections:
    """Adds up the CPU of full collections since the hook was installed.

    Attributes:
        total_ns: Sum over all threads; if it changes during a step, there was a collection.
    """

    __slots__ = ("_by_thread", "_started_ns", "total_ns")

    def __init__(self) -> None:
        self.total_ns = 0
        self._by_thread: dict[int, list[tuple[int, int]]] = {}
        self._started_ns = 0

    def install(self) -> None:
        """Install the callback; idempotent."""
        if self.on_collection not in gc.callbacks:
            gc.callbacks.append(self.on_collection)

    def remove(self) -> None:
        """Remove the callback."""
        if self.on_collection in gc.callbacks:
            gc.callbacks.remove(self.on_collection)

    def on_collection(self, phase: str, info: dict[str, int]) -> None:
        """Handle the start or end of a collection."""
        if info["generation"] != _FULL:
            return
        if phase == "start":
            self._started_ns = CPU.now_ns()
        elif self._started_ns:
            spent_ns = CPU.now_ns() - self._started_ns
            # Collections outside of steps are never read: keep only a thread's last few.
            of_thread = self._by_thread.setdefault(get_ident(), [])
            del of_thread[:-_KEPT]
            of_thread.append((self._started_ns, spent_ns))
            self._started_ns = 0
            self.total_ns += spent_ns

    def since(self, started_ns: int) -> int:
        """Return the CPU of this thread's collections that began during a step.

        Args:
            started_ns: Start of the step, on the thread's CPU clock.
        """
        of_thread = self._by_thread.pop(get_ident(), ())
        return sum(spent_ns for began_ns, spent_ns in of_thread if began_ns >= started_ns)


COLLECTIONS = FullCollections()
"""The hook of this process."""
