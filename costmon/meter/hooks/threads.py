"""Attribute work in other threads to the request that started it.

These functions are wrapped while the hook is installed: `ThreadPoolExecutor.submit` (used by
asyncio's `to_thread` and `run_in_executor`, and by asgiref's `sync_to_async`), the methods of
`multiprocessing.pool.ThreadPool`, anyio's worker threads (which run `def` endpoints),
`Thread.start`, and `Condition.wait`.

A thread that waits (for a queue, an event) beyond the end of the request that started it serves
others too: what it does from then on is attributed to no request.
"""

import sys
import threading
from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import Any

from costmon.meter.hooks.patch import Patch
from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.measure import CURRENT, Measure
from costmon.meter.measuring.steps import WHOLE_THREADS, offloaded, offloaded_here

_ANYIO_BACKEND = "anyio._backends._asyncio"
_OURS = "costmon.meter"
_POOL_METHODS = ("apply_async", "_map_async", "imap", "imap_unordered")
_POOL = "multiprocessing.pool"


class FollowedThreads:
    """The hook of this process.

    Attributes:
        is_installed: Whether work in threads is measured.
    """

    def __init__(self) -> None:
        self.is_installed = False
        self._patches: list[Patch] = []
        self._has_anyio = self._has_pool = False
        self._whole: dict[int, _WholeThread] = {}
        # CPU already measured by steps, in threads that are measured as a whole.
        self._measured: dict[int, int] = {}

    def install(self) -> None:
        """Install the hook; later calls check whether anyio has been imported since."""
        if not self.is_installed:
            self.is_installed = True
            from concurrent.futures import ThreadPoolExecutor

            self._wrap(ThreadPoolExecutor, "submit", self._submitting)
            self._wrap(threading.Thread, "start", self._starting)
            self._wrap(threading.Condition, "wait", self._waiting)
        if not self._has_pool and _POOL in sys.modules:
            self._has_pool = True
            pool = sys.modules[_POOL].ThreadPool
            for name in _POOL_METHODS:
                self._wrap(pool, name, self._submitting_to_pool)
        if not self._has_anyio and "anyio" in sys.modules:
            self._follow_anyio()

    def remove(self) -> None:
        """Restore the original functions, except where another library has wrapped ours."""
        self._patches = [patch for patch in self._patches if not patch.remove()]
        self.is_installed = self._has_anyio = self._has_pool = False

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
        origin = next(kind for kind in kinds if name in vars(kind))
        # A method that a subclass inherits is wrapped in the subclass only.
        owner = owner if name in _POOL_METHODS else origin
        for patch in self._patches:
            if (patch.owner, patch.name) == (owner, name) and patch.is_in_chain():
                return
        before = vars(origin)[name]
        patch = Patch(owner, name, before, wrapper(before), is_added=owner is not origin)
        self._patches = [it for it in self._patches if (it.owner, it.name) != (owner, name)]
        self._patches.append(patch)
        patch.apply()

    def _followed(self) -> Measure | None:
        """Return the request for which code runs, if its work is to be followed."""
        measure = CURRENT.get()
        if measure is None or not self.is_installed or not measure.is_followed:
            return None
        return measure

    def _submitting(self, before: Callable[..., Any]) -> Callable[..., Any]:
        run, followed = self.run, self._followed

        def submit(self: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            measure = followed()
            if measure is None:
                return before(self, fn, *args, **kwargs)
            # A pool thread that is created now will serve other requests too.
            token = CURRENT.set(None)
            try:
                return before(self, run, fn, measure, *args, **kwargs)
            finally:
                CURRENT.reset(token)

        submit.__doc__ = before.__doc__
        return submit

    def _submitting_to_pool(self, before: Callable[..., Any]) -> Callable[..., Any]:
        run, followed = self.run, self._followed

        def submit(self: Any, func: Any, /, *args: Any, **kwargs: Any) -> Any:
            measure = followed()
            if measure is None:
                return before(self, func, *args, **kwargs)
            token = CURRENT.set(None)
            try:
                return before(self, partial(run, func, measure), *args, **kwargs)
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
            measure = self._followed()
            if measure is None:
                return original(cls, func, args, *others, **options)
            return original(cls, offloaded_here, (func, measure, *args), *others, **options)

        return classmethod(run_sync_in_worker_thread)

    def _running_in_worker_of_3(self, before: Callable[..., Any]) -> Callable[..., Any]:
        def run_sync_in_worker_thread(func: Any, *args: Any, **options: Any) -> Any:
            measure = self._followed()
            if measure is None:
                return before(func, *args, **options)
            return before(offloaded_here, func, measure, *args, **options)

        return run_sync_in_worker_thread

    def _starting(self, before: Callable[..., Any]) -> Callable[..., Any]:
        run_whole, followed, install = self._run_whole, self._followed, self.install

        def start(self: threading.Thread) -> None:
            measure = followed()
            if measure is not None and _is_of_pool(self):
                install()  # it may have been imported just now
            elif measure is not None and not _is_worker(self):
                run = self.run
                self.run = lambda: run_whole(self, run, measure)  # type: ignore[method-assign]  # as Thread's own targets are
            before(self)

        start.__doc__ = before.__doc__
        return start

    def _waiting(self, before: Callable[..., Any]) -> Callable[..., Any]:
        threads = self._whole

        def wait(self: threading.Condition, timeout: float | None = None) -> bool:
            thread = threads.get(get_ident()) if threads else None
            if thread is None:
                return before(self, timeout)  # type: ignore[no-any-return]  # Condition.wait
            thread.pause()
            try:
                return before(self, timeout)  # type: ignore[no-any-return]  # Condition.wait
            finally:
                thread.resume()

        wait.__doc__ = before.__doc__
        return wait

    def _run_whole(
        self, thread: threading.Thread, run: Callable[[], None], measure: Measure
    ) -> None:
        """Run a thread that a request has started."""
        del thread.run  # restore the method of the class
        ident = get_ident()
        self._measured[ident] = 0
        token = CURRENT.set(measure)
        whole = self._whole[ident] = _WholeThread(measure, self._measured)
        WHOLE_THREADS.add(ident)
        try:
            run()
        finally:
            WHOLE_THREADS.discard(ident)
            del self._whole[ident]
            whole.pause()
            CURRENT.reset(token)
            self._measured.pop(ident, None)


class _WholeThread:
    """A thread that a request has started, which is measured as a whole; for this thread only."""

    __slots__ = ("_ident", "_measure", "_measured", "_started_ns")

    def __init__(self, measure: Measure, measured: dict[int, int]) -> None:
        self._measure: Measure | None = measure
        self._measured = measured
        self._ident = get_ident()
        self._started_ns = CPU.now_ns()

    def pause(self) -> None:
        """Add the CPU so far, without what steps in this thread have added already."""
        if self._measure is not None:
            spent_ns = CPU.now_ns() - self._started_ns - self._measured[self._ident]
            self._measured[self._ident] = 0
            self._measure.add_offloaded(spent_ns)

    def resume(self) -> None:
        """Go on after waiting, unless the request has ended meanwhile."""
        if self._measure is not None and self._measure.ended_ns:
            self._measure = None
            CURRENT.set(None)
        self._started_ns = CPU.now_ns()


def _is_worker(thread: threading.Thread) -> bool:
    """Return whether a thread serves many requests: those of pools and of the meter."""
    return (
        type(thread).__module__ == _ANYIO_BACKEND
        or thread.name.startswith(_OURS)
        or _is_of_pool(thread)
    )


def _is_of_pool(thread: threading.Thread) -> bool:
    return getattr(getattr(thread, "_target", None), "__module__", None) == _POOL


THREADS = FollowedThreads()
"""The hook of this process."""
