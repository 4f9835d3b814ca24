"""Use a store from asyncio without stopping the event loop.

A shared store may take seconds to answer: a file is locked by another program, a server is stopped.
So calls that come from a coroutine use it in threads of the guard. What is given to `later` (the
ends of calls) is done in the order in which it was given, and before anything that is asked later.
"""

import asyncio
import contextvars
import os
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Self, TypeVar

from costmon.guard.errors import GuardStoreError
from costmon.guard.lease import Keeper, Lease
from costmon.guard.log import log
from costmon.guard.stores.base import NOTHING, Hold, LeaseState, Outcome

T = TypeVar("T")
L = TypeVar("L")

_MOST_THREADS = 32


class OffLoop:
    """The threads of a guard.

    Args:
        may_block: Returns whether using the store may take long; if not, all is done at once.
    """

    def __init__(self, may_block: Callable[[], bool]) -> None:
        self._may_block = may_block
        self._fresh()

    def _fresh(self) -> None:
        self._pid = os.getpid()
        self._later: deque[Callable[[], object]] = deque()
        self._doing = threading.RLock()
        self._starting = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    @property
    def needed(self) -> bool:
        """Return whether this thread runs an event loop that must not wait for the store."""
        if not self._may_block():
            return False
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return False  # such as trio's
        return True

    async def run(self, work: Callable[[], T], undo: Callable[[T], object] | None = None) -> T:
        """Return what `work` returns, and let other tasks run meanwhile.

        Args:
            work: Uses the store.
            undo: Receives the result if the task was cancelled before it got it.
        """
        if not self.needed:
            return work()
        context = contextvars.copy_context()
        handing_over = threading.Lock()
        ended: list[T] = []
        cancelled = False

        def ordered() -> T:
            self.drain()
            result = context.run(work)
            with handing_over:
                ended.append(result)
                unwanted = cancelled
            if unwanted and undo is not None:
                undo(result)
            return result

        future = self._submit(ordered)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.cancel()
            with handing_over:
                cancelled = True
                unwanted = list(ended)
            if undo is not None:
                for result in unwanted:
                    self.later(partial(undo, result))
            raise

    def later(self, work: Callable[[], object]) -> None:
        """Do something soon, and now if that cannot take long."""
        if not self.needed:
            if self._later:
                self.drain()
            work()
            return
        if os.getpid() != self._pid:
            self._fresh()
        self._later.append(work)
        self._submit(self.drain)

    def kept(self, lease: L) -> L:
        """Return the same lease with its end recorded off the loop, if that is needed."""
        if not isinstance(lease, Lease) or not self.needed:
            return lease
        guard, hold, upper = lease._guard, lease._hold, lease._upper  # noqa: SLF001 - of this package
        return LoopKeeper(guard, self, hold, upper).lease()  # type: ignore[return-value]  # L is a Lease

    def drain(self) -> None:
        """Do what was given to `later`; wait if another thread is doing it."""
        if os.getpid() != self._pid:
            self._fresh()  # the parent process does its own
        with self._doing:
            while self._later:
                work = self._later.popleft()
                try:
                    work()
                except GuardStoreError:
                    continue  # logged by the guard; a lease is charged when it expires
                except Exception:  # noqa: BLE001 - it must not keep what comes after it from being done
                    log().exception("the end of a call could not be recorded")

    def close(self) -> None:
        """Do what was given to `later`, and end the threads."""
        self.drain()
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    def _submit(self, work: Callable[[], T]) -> "Future[T]":
        if os.getpid() != self._pid:
            self._fresh()
        if self._threads is None:
            with self._starting:
                if self._threads is None:
                    self._threads = ThreadPoolExecutor(
                        _MOST_THREADS, thread_name_prefix="costmon.guard"
                    )
        return self._threads.submit(work)


class LoopKeeper:
    """The keeper of a lease that was reserved in a coroutine: its end is recorded off the loop.

    Args:
        guard: The lease's guard.
        off_loop: The threads of that guard.
        hold: The hold that the store knows; the lease has a copy, whose state is known at once.
        upper: The estimate before it was adapted, if it was.
    """

    __slots__ = ("_guard", "_hold", "_off_loop", "_upper", "busy", "currency", "spends")

    def __init__(self, guard: Keeper, off_loop: OffLoop, hold: Hold, upper: int | None) -> None:
        self._guard = guard
        self._off_loop = off_loop
        self._hold = hold
        self._upper = upper
        self.busy = False
        self.currency = guard.currency
        self.spends = guard.spends

    @property
    def store(self) -> Self:
        """Return itself: it takes the lease's operations."""
        return self

    def lease(self) -> Lease:
        """Return the lease."""
        hold = self._hold
        copy = Hold(hold.id, hold.plan, hold.nano, hold.expires_in_s, hold.key)
        copy.state = hold.state
        return Lease(self, copy)

    def settle(self, hold: Hold, nano: int, outcome: Outcome = NOTHING) -> None:
        """Charge what the call cost; the first end counts."""
        if hold.state in {"held", "expired"}:
            hold.state = "settled"
            self._off_loop.later(partial(self._settle, nano, outcome))

    def release(self, hold: Hold) -> None:
        """Charge nothing; the first end counts."""
        if hold.state in {"held", "expired"}:
            hold.state = "released"
            self._off_loop.later(self._release)

    def renew(self, hold: Hold, ttl_s: float) -> LeaseState | None:
        """Make the lease expire `ttl_s` seconds from now: at once, because it may fail."""
        if hold.state in {"settled", "released"}:
            return hold.state
        state = self._guard.store.renew(self._hold, ttl_s)
        hold.expires_in_s = self._hold.expires_in_s
        return state

    def ended(self, hold: Hold, nano: int | None, upper: int | None) -> None:
        """Do nothing: the guard hears of it when it is recorded."""

    def _settle(self, nano: int, outcome: Outcome) -> None:
        self._guard.store.settle(self._hold, nano, outcome)
        if self._guard.busy:
            self._guard.ended(self._hold, nano, self._upper)

    def _release(self) -> None:
        self._guard.store.release(self._hold)
        if self._guard.busy:
            self._guard.ended(self._hold, None, None)
