"""Mark calls that are already counted, so that they are not counted twice.

requests uses urllib3, and both may be guarded: only the outer guard counts the request.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_COVERED: ContextVar[bool] = ContextVar("costmon.guard.covered", default=False)


def is_covered() -> bool:
    """Return whether a counted call is being made in this context."""
    return _COVERED.get()


@contextmanager
def covered() -> Iterator[None]:
    """Make guarded clients not count the calls inside the `with` block."""
    before = _COVERED.set(True)
    try:
        yield
    finally:
        _COVERED.reset(before)
