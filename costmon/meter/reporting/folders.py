"""Where workers leave what they measure: a folder for each service that only its user can enter.

`$XDG_RUNTIME_DIR/costmon/meter/<service>/`, or the same below a folder of the user's own among the
temporary files. Anybody may make a folder there before us, so it is used only when it is no link,
ours, and closed to others.
"""

import os
import stat
import tempfile
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from costmon.meter import env

_NAME_CHARACTERS = 100
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITING_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def base_folder() -> Path:
    """Return the folder that has a folder for each service; it need not exist yet."""
    runtime = env.runtime_folder()
    if runtime is not None and _is_own(runtime, _WRITING_OTHERS):
        return runtime / "costmon" / "meter"
    return Path(tempfile.gettempdir()) / f"costmon-meter-{os.geteuid()}"


def service_folder(base: Path, service: str) -> Path:
    """Return the folder of one service: its name as far as a file's name can have it."""
    name = quote(service, safe=" ", errors="replace").replace(".", "%2E") or "app"
    if len(name) > _NAME_CHARACTERS:
        digest = sha256(service.encode("utf-8", "replace")).hexdigest()[:16]
        name = f"{name[:_NAME_CHARACTERS]}-{digest}"
    return base / name


def make_private(folder: Path) -> None:
    """Make a service's folder and the one above it, closed to others, or check that they are.

    Raises:
        PermissionError: One of them is a link, somebody else's, or open to others.
        OSError: One cannot be made.
    """
    base = folder.parent
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in (base, folder):
        each.mkdir(mode=0o700, exist_ok=True)
        check_private(each)


def check_private(folder: Path) -> None:
    """Check that nobody else could have put anything into a folder; it need not exist.

    Raises:
        PermissionError: It is a link, somebody else's, or open to others.
    """
    if not _is_own(folder, _OTHERS) and os.path.lexists(folder):
        raise PermissionError(
            f"{folder} is a link, not yours, or open to others: remove it, or set XDG_RUNTIME_DIR"
        )


def _is_own(folder: Path, closed: int) -> bool:
    """Tell whether a folder is no link, of this user, and without these permissions."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return is_own and not stat.S_IMODE(found.st_mode) & closed
