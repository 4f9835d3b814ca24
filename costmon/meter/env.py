"""What the environment says about where measurements go: the one module of the meter that looks."""

import os
from pathlib import Path

REPORT_SOCKET = "COSTMON_REPORT_SOCKET"


def runtime_folder() -> Path | None:
    """Return the user's own folder for what lives as long as the session; `None` without one."""
    text = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(text) if text.startswith("/") else None


def report_socket() -> Path | None:
    """Return where a costmon service of this machine may listen; `None` when nothing says so."""
    text = os.environ.get(REPORT_SOCKET, "")
    if text:
        return Path(text)
    folder = runtime_folder()
    return None if folder is None else folder / "costmon" / "report.sock"
