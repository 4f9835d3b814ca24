"""The name and the memory use of this process."""

import os
import re
import sys
from collections.abc import Sequence

_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "daphne", "waitress-serve"})
_APPLICATION = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]")
_STATM = "/proc/self/statm"


def program_name(arguments: Sequence[str]) -> str:
    """Return a name for an unnamed application: what its server serves, or its program.

    Args:
        arguments: As `sys.argv`.
    """
    path = arguments[0] if arguments else ""
    name = os.path.basename(path)
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(path))
    name = name.removesuffix(".py")
    if name in _SERVERS:
        # Two applications run by the same kind of server need different names.
        name = served_module(arguments) or name
    return "python" if name in {"", "-c", "-m", "-"} else name


def served_module(arguments: Sequence[str]) -> str | None:
    """Return the module in an argument such as `app:app`; `None` if there is no such argument."""
    served = (_APPLICATION.match(argument) for argument in arguments[1:])
    return next((found[1] for found in served if found), None)


def rss_bytes() -> int:
    """Return the memory in use; without /proc, the peak; 0 if neither is known."""
    try:
        with open(_STATM, "rb") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return _peak_bytes()


def _peak_bytes() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
