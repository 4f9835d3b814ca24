"""Read environment variables: where figures go, and who started this process.

No other module here reads any.
"""

import os
from pathlib import Path

from costmon.meter import deployment

REPORT_SOCKET = "COSTMON_REPORT_SOCKET"


def runtime_folder() -> Path | None:
    """Return the user's runtime folder (`XDG_RUNTIME_DIR`); `None` if there is none."""
    text = os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(text) if text.startswith("/") else None


def report_socket() -> Path | None:
    """Return the socket path of a local costmon service; `None` if it is not configured."""
    text = os.environ.get(REPORT_SOCKET, "")
    if text:
        return Path(text)
    folder = runtime_folder()
    return None if folder is None else folder / "costmon" / "report.sock"


def current_run(epoch_s: float) -> deployment.Run:
    """Return the run that this process belongs to, as of now."""
    return deployment.current_run(os.environ, epoch_s)
