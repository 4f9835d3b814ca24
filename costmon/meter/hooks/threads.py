"""Attribute work in other threads to the request that started it.

Three functions are wrapped while the hook is installed: `ThreadPoolExecutor.submit` (used by
asyncio's `to_thread` and `run_in_executor`, and by asgiref's `sync_to_async`), anyio's worker
threads (which run `def` endpoints), and `Thread.start`. `remove` restores the originals.
"""

import sys
import threading
from collections.abc import Callable
from threading import get_ident
from typing import Any

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.measure import CURRENT, Measure
from costmon.meter.measuring.steps import offloaded, offloaded_here

_ANYIO_BACKEND = "anyio._backends._asyncio"
_OURS = "costmon.meter"


class FollowedThreads:
    """The hook of this process.

    Attributes:
        is_installed: Whether work in threads is measured.
    """

    def __init__(self) -> None:
        self.is_installed = False
        self._undo: list[tuple[Any, str, Any]] = []
        self._has_anyio = False
        # CPU already measured by steps, in threads that are measured as a whole.
        self._measured: dict[int, int] = {}

    def install(self) -> None:
        """Install the hook; later calls check whether anyio has been imported since."""
        if not self.is_installed:
            self.is_installed = True
            from concurrent.futures import ThreadPoolExecutor

            self._wrap(ThreadPoolExecutor, "submit", self._submitting)
            self._wrap(threading.Thread, "start", self._starting)
        if not self._has_anyio and "anyio" in sys.modules:
            self._follow_anyio()

    def remove(self) -> None:
        """Restore the original functions."""
        while self._undo:
            owner, name, before = self._undo.pop()
            setattr(owner, name, before)
        self.is_installed = self._has_anyio = False

    def _follow_anyio(self) -> None:
        from importlib import import_module

        try:
            # anyio imports it with its first thread, which must be measured already.
            module = import_module(_ANYIO_BACKEND)
        except ImportError:
            return
        backend = getattr(module, "AsyncIOBackend", None)
        if "run_sync_in_worker_thread" in vars(backend or object):
            self._has_anyio = True
            self._wrap(backend, "run_sync_in_worker_thread", self._running_in_worker)
        elif "run_sync_in_worker_thread" in vars(module):  # anyio 3
            self._has_anyio = True
            self._wrap(module, "run_sync_in_worker_thread", self._running_in_worker_of_3)

    def run(self, work: Callable[..., Any], measure: Measure, /, *args: Any, **kwargs: Any) -> Any:
        """Call `work`, and attribute this thread's CPU to the request."""
        thread = get_ident()
        if thread not in self._measured:
            return offloaded(work, measure, *args, **kwargs)
        started_ns = CPU.now_ns()
        try:
            return offloaded(work, measure, *args, **kwargs)
        finally:
            self._measured[thread] += CPU.now_ns() - started_ns

    def _wrap(self, owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
        # gevent replaces Thread by a subclass.
        kinds = getattr(owner, "__mro__", (owner,))
        owner = next(kind for kind in kinds if name in vars(kind))
        before = vars(owner)[name]
        self._undo.append((owner, name, before))
        setattr(owner, name, wrapper(before))

    def _submitting(self, before: Callable[..., Any]) -> Callable[..., Any]:
        run = self.run

        def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            measure = CURRENT.get()
            if measure is None or not measure.is_followed:
                return before(self, fn, *args, **kwargs)
            # A pool thread that is created now will serve other requests too.
            token = CURRENT.set(None)
            try:
                return before(self, run, fn, measure, *args, **kwargs)
            finally:
                CURRENT.reset(token)

        submit.__doc__ = before.__doc__
        return submit

    def _running_in_worker(self, before: "classmethod[Any, Any, Any]") -> Any:
        original = before.__func__

        def run_sync_in_worker_thread(
            cls: Any,
            func: Any,
            args: Any,
            *others: Any,
            **options: Any,
        ) -> Any:
            measure = CURRENT.get()
            if measure is None or not measure.is_followed:
                return original(cls, func, args, *others, **options)
            return original(cls, offloaded_here, (func, measure, *args), *others, **options)

        return classmethod(run_sync_in_worker_thread)

    def _running_in_worker_of_3(self, before: Callable[..., Any]) -> Callable[..., Any]:
        def run_sync_in_worker_thread(func: Any, *args: Any, **options: Any) -> Any:
            measure = CURRENT.get()
            if measure is None or not measure.is_followed:
                return before(func, *args, **options)
            return before(offloaded_here, func, measure, *args, **options)

        return run_sync_in_worker_thread

    def _starting(self, before: Callable[..., Any]) -> Callable[..., Any]:
        run_whole = self._run_whole

        def start(self: threading.Thread) -> None:
            measure = CURRENT.get()
            if measure is not None and measure.is_followed and not _is_worker(self):
                run = self.run
                self.run = lambda: run_whole(self, run, measure)  # type: ignore[method-assign]  # as Thread's own targets are
            before(self)

        start.__doc__ = before.__doc__
        return start

    def _run_whole(
        self, thread: threading.Thread, run: Callable[[], None], measure: Measure
    ) -> None:
        """Run a thread that a request has started, and add its CPU at its end."""
        del thread.run  # restore the method of the class
        ident = get_ident()
        self._measured[ident] = 0
        token = CURRENT.set(measure)
        started_ns = CPU.now_ns()
        try:
            run()
        finally:
            spent_ns = CPU.now_ns() - started_ns
            CURRENT.reset(token)
            measure.add_offloaded(spent_ns - self._measured.pop(ident, 0))


def _is_worker(thread: threading.Thread) -> bool:
    """Return whether a thread serves many requests: anyio's workers and the meter's threads."""
    return type(thread).__module__ == _ANYIO_BACKEND or thread.name.startswith(_OURS)


THREADS = FollowedThreads()
"""The hook of this process."""
