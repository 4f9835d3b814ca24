"""Attribute callbacks of asyncio's loop to the request that scheduled them.

`call_soon`, `call_later`, and the callbacks of transports run in the context in which they were
registered, and so does `Protocol.data_received`. What runs after the end of the request is
attributed to no request: the connections of a pool outlive the request that opened them. uvloop has
no hook for this.
"""

from collections.abc import Callable
from threading import get_ident
from time import thread_time_ns
from typing import Any

from costmon.meter.hooks.patch import Patch
from costmon.meter.measuring.measure import CURRENT, Measure
from costmon.meter.measuring.steps import WHOLE_THREADS

_STEPS = frozenset({"TaskStepMethWrapper", "TaskWakeupMethWrapper", "builtin_function_or_method"})
"""Kinds of callbacks that run steps of tasks, which are measured already."""

_PLUMBING = frozenset(
    {"anyio._backends._asyncio", "asyncio.futures", "asyncio.locks", "asyncio.tasks"}
)
"""Modules whose callbacks only pass on results, which takes less time than reading the clock."""


class FollowedCallbacks:
    """The hook of this process."""

    def __init__(self) -> None:
        self._patch: Patch | None = None
        self._is_installed = False

    def install(self) -> None:
        """Install the hook; idempotent."""
        from asyncio.events import Handle

        self._is_installed = True
        if self._patch is None or not self._patch.is_in_chain():
            # There is no public API that sees all callbacks.
            before = vars(Handle)["_run"]
            self._patch = Patch(Handle, "_run", before, self._running(before), is_added=False)
            self._patch.apply()

    def remove(self) -> None:
        """Restore the original, unless another library has wrapped ours."""
        self._is_installed = False
        if self._patch is not None and self._patch.remove():
            self._patch = None

    def _running(self, before: Callable[[Any], None]) -> Callable[[Any], None]:
        steps: set[type] = set()

        # Called for each callback of the loop: the common cases come first.
        def run(self: Any) -> None:
            if type(self._callback) in steps:
                return before(self)
            measure = self._context.get(CURRENT)
            if measure is None or measure.ended_ns or not measure.is_measured:
                return before(self)
            callback = self._callback
            if type(callback).__name__ in _STEPS:
                steps.add(type(callback))
                return before(self)
            if getattr(callback, "__module__", None) in _PLUMBING or get_ident() in WHOLE_THREADS:
                return before(self)
            return measured(self, measure)

        def measured(self: Any, measure: Measure) -> None:
            counted_ns = measure.cpu_ns
            started_ns = thread_time_ns()
            try:
                return before(self)
            finally:
                spent_ns = thread_time_ns() - started_ns
                if not measure.ended_ns:
                    # Steps inside the callback have been added already.
                    measure.cpu_ns += spent_ns - (measure.cpu_ns - counted_ns)

        return run


CALLBACKS = FollowedCallbacks()
"""The hook of this process."""
