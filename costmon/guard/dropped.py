"""Settle what was dropped without being closed, whatever the dropping thread is in the middle of.

An answer that nobody refers to any more is ended by a finalizer. The garbage collector may run that
in the middle of anything, also of a store's own work in the same thread, where settling would wait
for a lock that the thread itself holds. So then a thread of its own does it, and ends when nothing
is left to do. Where the thread is not inside of a guard, it is done at once.
"""

import os
import queue
import sys
import threading
from collections.abc import Callable

_PACKAGE = "costmon.guard"
# Modules that hold no lock while they call others.
_FREE = frozenset(
    f"{_PACKAGE}.{name}"
    for name in (
        "aiohttp",
        "botocore",
        "calls",
        "dropped",
        "exchange",
        "httpx",
        "install",
        "requests",
        "urllib3",
        "urllib3_answer",
    )
)


class Undertaker:
    """Ends what was dropped."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        # Its `put` may be interrupted by itself, which is what finalizers do.
        self._queue: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._working = threading.Lock()

    def end(self, ending: Callable[[], object]) -> None:
        """Call `ending`, now or soon."""
        if not _inside_a_guard():
            ending()
            return
        if os.getpid() != self._pid:
            self._begin()  # a thread does not live on in a forked child, nor does its work
        self._queue.put(ending)
        if self._working.acquire(blocking=False):
            try:
                threading.Thread(
                    target=self._work, name="costmon-guard-dropped", daemon=True
                ).start()
            except RuntimeError:  # the interpreter is ending: the lease expires at its estimate
                self._working.release()

    def _work(self) -> None:
        while True:
            try:
                while True:
                    self._queue.get_nowait()()
            except queue.Empty:
                pass
            finally:
                self._working.release()
            # Something may have come between the last look and the release.
            if self._queue.empty() or not self._working.acquire(blocking=False):
                return


def _inside_a_guard() -> bool:
    """Tell whether this thread is in the middle of what a guard does, and may hold a lock."""
    frame = sys._getframe()  # noqa: SLF001 - the one way to know what a finalizer interrupted
    while (caller := frame.f_back) is not None:
        frame = caller
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_PACKAGE) and name not in _FREE:
            return True
    return False


UNDERTAKER = Undertaker()
