"""Who is inside of a call that is counted already, so that it is not counted twice.

A request by requests goes through urllib3, and a guard may stand before both: the outer one counts,
and what it calls passes the inner one unseen.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COVERED: ContextVar[bool] = ContextVar("costmon.guard.covered", default=False)


def is_covered() -> bool:
    """Tell whether a call that is counted is being made in this context."""
    return _COVERED.get()


@contextmanager
def covered() -> Iterator[None]:
    """Let the calls inside the `with` block pass guarded clients without being counted."""
    before = _COVERED.set(True)
    try:
        yield
    finally:
        _COVERED.reset(before)
