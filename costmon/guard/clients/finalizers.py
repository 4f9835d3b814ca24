"""Tell whether a finalizer has interrupted a guard.

An answer that nobody refers to any more is ended by a finalizer. The garbage collector may run that
in the middle of anything, also of a store's own work in the same thread, where settling would wait
for ever for a lock that the thread itself holds.
"""

import sys

_PACKAGE = "costmon.guard"
_FREE = frozenset(
    f"{_PACKAGE}.{name}"
    for name in (
        "aiohttp",
        "botocore",
        "calls",
        "finalizers",
        "exchange",
        "httpx",
        "httpx2",
        "httpx_wire",
        "install",
        "requests",
        "urllib3",
        "urllib3_answer",
    )
)
"""Modules that hold no lock while they call others."""


def inside_a_guard() -> bool:
    """Tell whether this thread is in the middle of what a guard does, and may hold its locks."""
    frame = sys._getframe()  # noqa: SLF001 - the one way to know what was interrupted
    while (caller := frame.f_back) is not None:
        frame = caller
        name = frame.f_globals.get("__name__", "")
        if name.startswith(_PACKAGE) and name not in _FREE:
            return True
    return False
