"""Measure the CPU of code that runs in steps: a coroutine between two awaits.

A step is the time a thread spends in one `send` or `throw`. It is read before and after from the
thread's own clock, so that waiting costs nothing and other threads do not count. Steps that run
inside a step of the same request (tasks that start eagerly) are already in it and are not read; a
step for another request inside it is taken out of it. So nothing is counted twice.
"""

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from threading import get_ident
from typing import Any

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.gc_time import COLLECTIONS
from costmon.meter.measuring.measure import CURRENT, Measure


def metered(awaitable: Awaitable[Any], measure: Measure, outer: Measure | None) -> Awaitable[Any]:
    """Return what to await in place of `awaitable`, so that its steps are `measure`'s.

    Args:
        awaitable: The whole work of a request.
        measure: Gets the steps.
        outer: The request in whose step this one may run, if any; it is not charged for it.
    """
    return _steps(awaitable, measure, outer)


@types.coroutine
def _steps(
    awaitable: Awaitable[Any], measure: Measure, outer: Measure | None
) -> Generator[Any, Any, Any]:
    work: Any = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
    proceed: Callable[[Any], Any] = work.send
    value: Any = None
    thread = get_ident()
    while True:
        measure.step_thread = thread
        collected_ns = COLLECTIONS.total_ns
        started_ns = CPU.now_ns()
        try:
            asked = proceed(value)
        except StopIteration as ended:
            return ended.value
        finally:
            spent_ns = CPU.now_ns() - started_ns
            measure.step_thread = 0
            if collected_ns != COLLECTIONS.total_ns:
                spent_ns -= COLLECTIONS.since(started_ns)
            if outer is not None and outer.step_thread == thread:
                outer.inner_ns += spent_ns
            if measure.inner_ns:
                spent_ns -= measure.inner_ns
                measure.inner_ns = 0
            measure.cpu_ns += spent_ns
        try:
            value = yield asked
            proceed = work.send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as thrown:  # noqa: BLE001 - handed to whom it is for
            value = thrown
            proceed = work.throw


class Followed(Coroutine[Any, Any, Any]):
    """A coroutine whose steps are a request's: what a task gets instead of its own.

    Not a coroutine around it: a task that is cancelled before its first step throws into what it
    was given, and the coroutine inside would never have been awaited.
    """

    __slots__ = ("__weakref__", "_measure", "_send", "_work")

    def __init__(self, work: Coroutine[Any, Any, Any], measure: Measure) -> None:
        self._work = work
        self._send = work.send
        self._measure = measure

    def send(self, value: Any) -> Any:
        """Run one step."""
        measure = self._measure
        thread = get_ident()
        if measure.step_thread == thread:
            return self._send(value)
        measure.step_thread = thread
        collected_ns = COLLECTIONS.total_ns
        started_ns = CPU.now_ns()
        try:
            return self._send(value)
        finally:
            self._spent(started_ns, collected_ns)

    def throw(self, *thrown: Any) -> Any:
        """Run one step that begins with an exception."""
        measure = self._measure
        thread = get_ident()
        if measure.step_thread == thread:
            return self._work.throw(*thrown)
        measure.step_thread = thread
        collected_ns = COLLECTIONS.total_ns
        started_ns = CPU.now_ns()
        try:
            return self._work.throw(*thrown)
        finally:
            self._spent(started_ns, collected_ns)

    def close(self) -> None:
        """End the coroutine."""
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        return self._work.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._work, name)

    def __repr__(self) -> str:
        return repr(self._work)

    def _spent(self, started_ns: int, collected_ns: int) -> None:
        spent_ns = CPU.now_ns() - started_ns
        measure = self._measure
        measure.step_thread = 0
        if collected_ns != COLLECTIONS.total_ns:
            spent_ns -= COLLECTIONS.since(started_ns)
        if measure.inner_ns:
            spent_ns -= measure.inner_ns
            measure.inner_ns = 0
        if measure.ended_ns:
            measure.add_step(spent_ns)
        else:
            measure.cpu_ns += spent_ns


def offloaded(
    work: Callable[..., Any],
    measure: Measure,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Return what `work` returns; the CPU of this thread meanwhile is `measure`'s.

    For work that another thread than the request's does.
    """
    token = CURRENT.set(measure)
    try:
        return offloaded_here(work, measure, *args, **kwargs)
    finally:
        CURRENT.reset(token)


def offloaded_here(
    work: Callable[..., Any],
    measure: Measure,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Return what `work` returns, as `offloaded`, in a context that is the request's already."""
    collected_ns = COLLECTIONS.total_ns
    started_ns = CPU.now_ns()
    try:
        return work(*args, **kwargs)
    finally:
        spent_ns = CPU.now_ns() - started_ns
        if collected_ns != COLLECTIONS.total_ns:
            spent_ns -= COLLECTIONS.since(started_ns)
        measure.add_offloaded(spent_ns)
