"""The scopes of `Guard.scoped`: they belong to a context, and follow work into threads.

asyncio copies its context into tasks and into `asyncio.to_thread`; other threads begin with an
empty one. From the first use of `Guard.scoped` on, three ways to start work in a thread carry the
scopes of the place where the work was started: `ThreadPoolExecutor.submit` (also `map`, and
asyncio's `run_in_executor`), `Thread.start`, and `multiprocessing.pool.ThreadPool`. A thread of a
pool has only the scopes of the task that it runs.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any

from costmon.errors import InputError

SCOPES: ContextVar[tuple[str, ...]] = ContextVar("costmon.guard.scopes", default=())
"""The scopes that are added to calls in this context."""

_installing = threading.RLock()
_wrapped: set[str] = set()
_POOL = "multiprocessing.pool"


@contextmanager
def only(scopes: tuple[str, ...]) -> Iterator[None]:
    """Replace the added scopes inside the `with` block.

    Raises:
        InputError: The block ends in another context, so calls inside it may not have had them.
    """
    before = SCOPES.set(scopes)
    try:
        yield
    finally:
        try:
            SCOPES.reset(before)
        except ValueError:
            raise InputError(
                f"a block of `scoped` with {', '.join(scopes)} began in one context and ended in"
                " another (such as a generator that a framework runs in a thread), so calls inside"
                " may have been made without these scopes; begin and end it in one function that"
                " makes the calls"
            ) from None


def follow_threads() -> None:
    """Carry the added scopes into threads from now on; later calls look for newly used pools."""
    if _POOL in sys.modules and _POOL not in _wrapped:
        with _installing:
            if _POOL not in _wrapped:
                _follow_thread_pools(sys.modules[_POOL])
                _wrapped.add(_POOL)
    if "threads" not in _wrapped:
        with _installing:
            if "threads" not in _wrapped:
                from concurrent.futures import ThreadPoolExecutor

                _wrap(ThreadPoolExecutor, "submit", _submitting)
                _wrap(threading.Thread, "start", _starting)
                _wrapped.add("threads")


def _wrap(owner: Any, name: str, wrapper: Callable[[Any], Any]) -> None:
    # gevent replaces Thread by a subclass.
    owner = next(kind for kind in owner.__mro__ if name in vars(kind))
    before = vars(owner)[name]
    setattr(owner, name, wraps(before)(wrapper(before)))


class _Carried:
    """A function that runs with the scopes of the place where it was given away."""

    def __init__(self, function: Callable[..., Any], scopes: tuple[str, ...]) -> None:
        self._function = function
        self._scopes = scopes

    def __call__(self, *args: Any, **named: Any) -> Any:
        with only(self._scopes):
            return self._function(*args, **named)


def _submitting(before: Callable[..., Any]) -> Callable[..., Any]:
    def submit(self: Any, fn: Any, /, *args: Any, **named: Any) -> Any:
        scopes = SCOPES.get()
        if not scopes:
            return before(self, fn, *args, **named)
        # A thread of the pool that is started now runs other tasks later.
        with only(()):
            return before(self, _Carried(fn, scopes), *args, **named)

    return submit


def _starting(before: Callable[..., Any]) -> Callable[..., Any]:
    def start(self: threading.Thread) -> Any:
        scopes = SCOPES.get()
        # From Python 3.14 on a thread may be given a context, which is then meant.
        if not scopes or getattr(self, "_context", None) is not None or _is_pooled(self):
            return before(self)
        run = self.run

        def carried() -> None:
            del self.run  # restore the method of the class
            with only(scopes):
                run()

        self.run = carried  # type: ignore[method-assign]  # as Thread's own targets are
        return before(self)

    return start


def _is_pooled(thread: threading.Thread) -> bool:
    """Return whether it is a thread of a `ThreadPool`, which runs the tasks of all callers."""
    target = getattr(thread, "_target", None)
    pool = sys.modules.get(_POOL)
    return pool is not None and target is vars(pool)["worker"]


def _follow_thread_pools(module: Any) -> None:
    """Wrap the methods through which all tasks of a pool go."""

    def giving(before: Callable[..., Any]) -> Callable[..., Any]:
        def give(self: Any, func: Any, *args: Any, **named: Any) -> Any:
            scopes = SCOPES.get()
            # Processes would need to import and unpickle it, and have budgets of their own.
            if scopes and isinstance(self, module.ThreadPool):
                func = _Carried(func, scopes)
            return before(self, func, *args, **named)

        return give

    for name in ("apply_async", "_map_async", "imap", "imap_unordered"):
        _wrap(module.Pool, name, giving)
