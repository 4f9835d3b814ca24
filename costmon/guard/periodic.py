"""A thread that calls a method once a second."""

import threading
import weakref
from collections.abc import Callable

_EVERY_S = 1.0
_STOP_S = 2.0


class PeriodicTask:
    """Calls a method of an object once a second, until `stop` or the end of the object."""

    def __init__(self, chore: Callable[[], object], failed: Callable[[Exception], None]) -> None:
        self._chore = weakref.WeakMethod(chore)
        self._failed = weakref.WeakMethod(failed)
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="costmon.guard.chores", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread."""
        self._leaving.set()
        self._thread.join(_STOP_S)

    def _run(self) -> None:
        while not self._leaving.wait(_EVERY_S):
            chore, failed = self._chore(), self._failed()
            if chore is None:
                return
            try:
                chore()
            except Exception as error:  # noqa: BLE001 - `failed` handles it; the next call may succeed
                if failed is not None:
                    failed(error)
            del chore, failed
