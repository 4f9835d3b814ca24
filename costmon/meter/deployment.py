"""Identify a deployment: where its application lives, and which start a process belongs to.

A *run* begins with the first process of a start. Workers that a server or a reloader starts
belong to the run of that server, also when they are replaced: the kernel says who started a
process, so that this works without cooperation of the server.
"""

import os
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from costmon.meter.process_info import served_module

_PROC = "/proc"
_RELOADERS = {"WERKZEUG_RUN_MAIN": "true", "RUN_MAIN": "true"}
"""Variables that the reloaders of Flask and Django set in the process that they restart."""

_SPAWNED = re.compile(rb"multiprocessing[.-](fork|spawn\b|forkserver\b|resource_tracker\b)")
_DEEPEST = 10


class Run(NamedTuple):
    """One start of a deployment on one machine.

    Attributes:
        name: The same in all processes of the start.
        started_at: When its first process started, in seconds since 1970; 0 if unknown.
    """

    name: str
    started_at: float


def current_run(environ: Mapping[str, str], epoch_s: float, proc: str = _PROC) -> Run:
    """Return the run that this process belongs to.

    Args:
        environ: The environment of this process.
        epoch_s: Now, in seconds since 1970.
        proc: The folder of the kernel's process information.
    """
    try:
        first = os.getpid()
        is_reloaded = any(environ.get(name) == value for name, value in _RELOADERS.items())
        for _ in range(_DEEPEST):
            parent = int(_stat(proc, first)[_PARENT])
            if parent < 1 or not (is_reloaded or _is_worker_of(proc, first, parent)):
                break
            first, is_reloaded = parent, False
        ticks = int(_stat(proc, first)[_STARTED])
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
        return Run(f"{first}-{ticks}", max(0.0, epoch_s - age_s))
    except (OSError, ValueError, IndexError, AttributeError):
        return _run_without_proc()


def place_of_program(arguments: Sequence[str]) -> str:
    """Return the folder of the application that this program serves; else the working directory.

    Args:
        arguments: As `sys.argv`.
    """
    served = served_module(arguments)
    module = None if served is None else sys.modules.get(served)
    file = getattr(module, "__file__", None)
    if file is None and arguments and arguments[0].endswith(".py"):
        # Programs that were installed, such as `python -m flask`, serve the working directory.
        is_installed = any(part in arguments[0] for part in ("site-packages", "dist-packages"))
        file = None if is_installed else arguments[0]
    try:
        # Absolute paths, too, need the working directory, which may have been removed.
        return os.getcwd() if file is None else os.path.dirname(os.path.abspath(file))
    except OSError:
        return ""


_PARENT, _STARTED = 1, 19
"""Positions in /proc/<pid>/stat after the name of the program."""


def _stat(proc: str, pid: int) -> list[bytes]:
    # The name is in parentheses, and may contain spaces and parentheses.
    return _content(proc, pid, "stat").rpartition(b")")[2].split()


def _content(proc: str, pid: int, name: str) -> bytes:
    with open(f"{proc}/{pid}/{name}", "rb") as file:
        return file.read()


def _is_worker_of(proc: str, pid: int, parent: int) -> bool:
    """Return whether `parent` started `pid` as a part of the same program."""
    command = _content(proc, pid, "cmdline")
    if _SPAWNED.search(command):
        return True
    # A process that was forked without executing a program has the address layout of its parent,
    # which is random. Other users' layouts cannot be read; then the command line must do.
    try:
        return _content(proc, pid, "auxv") == _content(proc, parent, "auxv")
    except OSError:
        return bool(command) and command == _content(proc, parent, "cmdline")


def _run_without_proc() -> Run:
    """Return the run on systems without /proc: by the parent, if that is known to be a server."""
    import multiprocessing

    program = os.path.basename(sys.argv[0] if sys.argv else "")
    is_child = multiprocessing.parent_process() is not None
    is_worker = is_child or program in {"gunicorn", "uwsgi"}
    return Run(f"{os.getppid() if is_worker else os.getpid()}-0", 0.0)
