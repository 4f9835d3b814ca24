"""Measure CPU per greenlet, where requests run in greenlets (gevent).

A thread's CPU clock includes all greenlets that run while one of them waits, so a sleeping request
would be charged for other requests. So greenlet switches are traced (`greenlet.settrace`, the
documented API), which takes about a microsecond each. Greenlets that a request spawns
(`gevent.spawn`) are attributed to it; work in gevent's own thread pool is not.
"""

import sys
from collections.abc import Callable
from time import thread_time_ns
from typing import Any

from costmon.meter.measuring.cpu import CPU
from costmon.meter.measuring.measure import CURRENT, Measure

_STATE = "_costmon_meter"
_BOOKED_FROM_NS = 200_000
"""A greenlet's CPU is added to its request in chunks of this size, and at its end."""


class _Greenlet:
    """The state of one greenlet: its CPU so far, and the request it works for."""

    __slots__ = ("cpu_ns", "measure", "unbooked_ns")

    def __init__(self, measure: Measure | None) -> None:
        self.cpu_ns = 0
        self.measure = measure
        self.unbooked_ns = 0


class _Thread:
    """The greenlets of one thread, which run one at a time."""

    __slots__ = ("before", "switched_ns")

    def __init__(self) -> None:
        self.before: Callable[[str, Any], None] | None = None
        self.switched_ns = thread_time_ns()

    def switched(self, event: str, greenlets: Any) -> None:
        """Handle a switch from one greenlet to another."""
        now_ns = thread_time_ns()
        spent_ns = now_ns - self.switched_ns
        self.switched_ns = now_ns
        origin, target = greenlets
        state = origin.__dict__.get(_STATE)
        if state is None:
            state = _seen(origin)
        state.cpu_ns += spent_ns
        if state.measure is not None:
            _book(state, spent_ns, is_last=origin.dead)
        if _STATE not in target.__dict__:
            _seen(target)
        if self.before is not None:
            self.before(event, greenlets)


class GreenletClock:
    """The hook of this process.

    Attributes:
        is_installed: Whether CPU is measured per greenlet.
    """

    def __init__(self) -> None:
        self.is_installed = False
        self._threads: dict[int, _Thread] = {}
        self._greenlet: Any = None
        self._ident: Callable[[], int] = int

    def install(self) -> None:
        """Trace greenlets if gevent is in use; idempotent."""
        if self.is_installed or not _is_gevent_in_use():
            return
        from importlib import import_module

        self._greenlet = import_module("greenlet")
        self._ident = import_module("gevent.monkey").get_original("_thread", "get_ident")
        self.is_installed = True
        CPU.now_ns = self.now_ns

    def remove(self) -> None:
        """Go back to the thread clock; traces in other threads stay, without effect."""
        if self.is_installed:
            self.is_installed = False
            CPU.now_ns = thread_time_ns
            thread = self._threads.get(self._ident())
            if thread is not None and self._greenlet.gettrace() == thread.switched:
                self._greenlet.settrace(thread.before)
            self._threads.clear()

    def now_ns(self) -> int:
        """Return the CPU that the running greenlet has used, in nanoseconds."""
        try:
            return self._now_ns()
        except RuntimeError:
            # The interpreter is shutting down, and has no greenlets any more.
            return thread_time_ns()

    def _now_ns(self) -> int:
        thread = self._threads.get(self._ident())
        if thread is None:
            thread = self._watch()
        running = self._greenlet.getcurrent()
        state = running.__dict__.get(_STATE)
        if state is None:
            state = _seen(running)
        # A greenlet that reads the clock measures its own steps: do not count them twice.
        state.measure = None
        cpu_ns: int = state.cpu_ns
        return cpu_ns + thread_time_ns() - thread.switched_ns

    def _watch(self) -> _Thread:
        thread = self._threads[self._ident()] = _Thread()
        thread.before = self._greenlet.settrace(thread.switched)
        return thread


def _is_gevent_in_use() -> bool:
    if "gevent.pywsgi" in sys.modules:
        return True
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("socket"))


def _seen(greenlet: Any) -> _Greenlet:
    """Return the state of a new greenlet, which works for the request of its parent."""
    state = greenlet.__dict__[_STATE] = _Greenlet(_maker_measure(greenlet))
    return state


def _maker_measure(greenlet: Any) -> Measure | None:
    reference = getattr(greenlet, "spawning_greenlet", None)
    maker = None if reference is None else reference()
    if maker is None:
        return None
    context = maker.gr_context
    measure = None if context is None else context.get(CURRENT)
    if measure is None:
        known = maker.__dict__.get(_STATE)
        measure = None if known is None else known.measure
    return measure if measure is not None and measure.is_followed else None


def _book(state: _Greenlet, spent_ns: int, *, is_last: bool) -> None:
    state.unbooked_ns += spent_ns
    measure = state.measure
    if measure is not None and (is_last or state.unbooked_ns >= _BOOKED_FROM_NS):
        spent_ns, state.unbooked_ns = state.unbooked_ns, 0
        if measure.is_followed:
            measure.add_offloaded(spent_ns)
        else:
            state.measure = None


GREENLETS = GreenletClock()
"""The hook of this process."""
