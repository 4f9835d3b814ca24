"""What this process is called and how much memory it has, as far as it can tell itself."""

import os
import re
import sys
from collections.abc import Sequence

_SERVERS = frozenset({"uvicorn", "gunicorn", "hypercorn", "granian", "daphne", "waitress-serve"})
_APPLICATION = re.compile(r"([A-Za-z_][\w.]*):[A-Za-z_]")
_STATM = "/proc/self/statm"


def program_name(arguments: Sequence[str]) -> str:
    """Return a name for an application that has none: what its server serves, or its program.

    Args:
        arguments: As `sys.argv`.
    """
    path = arguments[0] if arguments else ""
    name = os.path.basename(path)  # noqa: PTH119 - pathlib takes 6 ms to import
    if name == "__main__.py":
        name = os.path.basename(os.path.dirname(path))  # noqa: PTH119, PTH120 - as above
    name = name.removesuffix(".py")
    if name in _SERVERS:
        # Two applications are two, also when one server serves both.
        served = (_APPLICATION.match(argument) for argument in arguments[1:])
        name = next((found[1] for found in served if found), name)
    return "python" if name in {"", "-c", "-m", "-"} else name


def rss_bytes() -> int:
    """Return the memory in use; where nothing tells, the most that ever was; else 0."""
    try:
        with open(_STATM, "rb") as statm:  # noqa: PTH123 - pathlib takes 6 ms to import
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
