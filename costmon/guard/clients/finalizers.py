"""Detect whether a finalizer has interrupted the guard.

A response that is dropped is ended by its finalizer. The garbage collector may run that at any
point, also inside an operation of a store in the same thread, where settling would deadlock on a
lock that the thread already holds.
"""

import sys

_PACKAGE = "costmon.guard"
_FREE = frozenset(
    f"{_PACKAGE}.{name}"
    for name in (
        "aiohttp",
        "botocore",
        "calls",
        "clients.finalizers",
        "clients.exchange",
        "httpx",
        "httpx2",
        "clients.httpx_wire",
        "install",
        "requests",
        "urllib3",
        "clients.urllib3_answer",
    )
)
"""Modules that hold no lock while they call others."""


def inside_a_guard() -> bool:
    """Return whether this thread is executing code of a guard, and may hold its locks."""
    frame = sys._getframe()  # noqa: SLF001 - the only way to see the interrupted frames
    while (caller := frame.f_back) is not None:
        frame = caller
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_PACKAGE) and name not in _FREE:
            return True
    return False
