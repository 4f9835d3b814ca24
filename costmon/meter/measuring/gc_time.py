"""Time full garbage collections, so that no request is charged for all the others' objects.

Collections of the young are left to whom they interrupt: who makes most objects has most of them.
A full one takes as long as the whole process has objects, whoever happens to trigger it.
"""

import gc
from threading import get_ident

from costmon.meter.measuring.cpu import CPU

_FULL = 2
_KEPT = 64


class FullCollections:
    """Adds up the CPU of full collections since the hook was installed.

    Attributes:
        total_ns: Of all threads; grows, so a step that sees another number had one meanwhile.
    """

    __slots__ = ("_by_thread", "_started_ns", "total_ns")

    def __init__(self) -> None:
        self.total_ns = 0
        self._by_thread: dict[int, list[tuple[int, int]]] = {}
        self._started_ns = 0

    def install(self) -> None:
        """Listen to the collector; again does nothing."""
        if self.heard not in gc.callbacks:
            gc.callbacks.append(self.heard)

    def remove(self) -> None:
        """Listen no more."""
        if self.heard in gc.callbacks:
            gc.callbacks.remove(self.heard)

    def heard(self, phase: str, info: dict[str, int]) -> None:
        """Hear from the collector that it starts or stops."""
        if info["generation"] != _FULL:
            return
        if phase == "start":
            self._started_ns = CPU.now_ns()
        elif self._started_ns:
            spent_ns = CPU.now_ns() - self._started_ns
            # Those that no step asked about are of no use: a thread's last few are enough.
            of_thread = self._by_thread.setdefault(get_ident(), [])
            del of_thread[:-_KEPT]
            of_thread.append((self._started_ns, spent_ns))
            self._started_ns = 0
            self.total_ns += spent_ns

    def since(self, started_ns: int) -> int:
        """Return what this thread's collections took that began in a step.

        Args:
            started_ns: When the step began, on the thread's own clock.
        """
        of_thread = self._by_thread.pop(get_ident(), ())
        return sum(spent_ns for began_ns, spent_ns in of_thread if began_ns >= started_ns)


COLLECTIONS = FullCollections()
"""The process's collector has one list of listeners, so there is one of these."""
