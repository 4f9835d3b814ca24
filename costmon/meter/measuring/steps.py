"""Measure the CPU of coroutines step by step, where a step runs from one await to the next.

A step is one `send` or `throw`. It is measured with the thread's CPU clock, so waiting and other
threads do not count. Steps inside a step of the same request (tasks that start eagerly) are already
included and are not measured; a step of another request inside it is subtracted. So nothing is
counted twice.
"""

import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from threading import get_ident
from typing import Any

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.gc_time import COLLECTIONS
from costmon.meter.measuring.measure import CURRENT, Measure

WHOLE_THREADS: set[int] = set()
"""Threads whose CPU is measured as a whole just now: no callback in them is measured again."""


@types.coroutine
def metered(
    awaitable: Awaitable[Any], measure: Measure, outer: Measure | None
) -> Generator[Any, Any, Any]:
    """Wrap `awaitable`, so that its steps are added to `measure`.

    Args:
        awaitable: The whole work of a request.
        measure: The measure to add steps to.
        outer: The request in whose step this one may run, if any; it is not charged for it.
    """
    work: Any = awaitable if hasattr(awaitable, "send") else awaitable.__await__()
    # Looked up once: a request of a `def` endpoint takes seven steps of a few microseconds.
    send: Callable[[Any], Any] = work.send
    proceed = send
    value: Any = None
    now_ns = CPU.now_ns
    collections = COLLECTIONS
    thread = get_ident()
    while True:
        measure.step_thread = thread
        collected_ns = collections.total_ns
        started_ns = now_ns()
        try:
            asked = proceed(value)
        except StopIteration as ended:
            return ended.value
        finally:
            spent_ns = now_ns() - started_ns
            measure.step_thread = 0
            if collected_ns != collections.total_ns:
                spent_ns -= collections.since(started_ns)
            if outer is not None and outer.step_thread == thread:
                outer.inner_ns += spent_ns
            if measure.inner_ns:
                spent_ns -= measure.inner_ns
                measure.inner_ns = 0
            measure.cpu_ns += spent_ns
        try:
            value = yield asked
            proceed = send
        except GeneratorExit:
            work.close()
            raise
        except BaseException as thrown:  # noqa: BLE001 - passed on to the coroutine
            value = thrown
            proceed = work.throw


class Followed(Coroutine[Any, Any, Any]):
    """A wrapper around the coroutine of a task, whose steps are added to a request.

    This is not a coroutine function: a task that is cancelled before its first step throws into the
    outer coroutine, and the inner one would never be awaited.
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
        send = self._send
        if measure.step_thread == thread:
            return send(value)
        measure.step_thread = thread
        collected_ns = COLLECTIONS.total_ns
        started_ns = CPU.now_ns()
        try:
            return send(value)
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
        """Close the coroutine."""
        self._work.close()

    # A task factory of another library may await this coroutine in one of its own.
    def __await__(self) -> "Followed":
        return self

    def __iter__(self) -> "Followed":
        return self

    def __next__(self) -> Any:
        return self.send(None)

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
    """Call `work` in another thread than the request's, and add this thread's CPU to `measure`."""
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
    """Call `work` as `offloaded` does, in a context that already belongs to the request."""
    thread = get_ident()
    is_outermost = thread not in WHOLE_THREADS
    if is_outermost:
        WHOLE_THREADS.add(thread)
    now_ns = CPU.now_ns
    collected_ns = COLLECTIONS.total_ns
    started_ns = now_ns()
    try:
        return work(*args, **kwargs)
    finally:
        spent_ns = now_ns() - started_ns
        if is_outermost:
            WHOLE_THREADS.discard(thread)
        if collected_ns != COLLECTIONS.total_ns:
            spent_ns -= COLLECTIONS.since(started_ns)
        measure.add_offloaded(spent_ns)
