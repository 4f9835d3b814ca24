"""The folders for figures: one for each deployment, accessible to its user only.

A folder is `$XDG_RUNTIME_DIR/costmon/meter/<service>-<digest of its place>/`, or is in a folder of
the user in the temporary directory.
Other users may create that folder first, so it is used only if it is not a link, is owned by the
user, and is not accessible to others.
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
    """Return the parent of all service folders; it need not exist yet."""
    runtime = env.runtime_folder()
    if runtime is not None and _is_own(runtime, _WRITING_OTHERS):
        return runtime / "costmon" / "meter"
    return Path(tempfile.gettempdir()) / f"costmon-meter-{os.geteuid()}"


def service_folder(base: Path, service: str, place: str = "") -> Path:
    """Return the folder of a deployment, named after its service as far as file names allow."""
    name = quote(service, safe=" ", errors="replace").replace(".", "%2E") or "app"
    if len(name) > _NAME_CHARACTERS:
        name = f"{name[:_NAME_CHARACTERS]}-{_digest(service)}"
    return base / (f"{name}-{_digest(place)}" if place else name)


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def make_private(folder: Path) -> None:
    """Create a service's folder and its parent, accessible to the user only, or check them.

    Raises:
        PermissionError: One of them is a link, owned by another user, or accessible to others.
        OSError: One cannot be created.
    """
    base = folder.parent
    base.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for each in (base, folder):
        each.mkdir(mode=0o700, exist_ok=True)
        check_private(each)


def check_private(folder: Path) -> None:
    """Check that no other user could have written to a folder; it need not exist.

    Raises:
        PermissionError: It is a link, owned by another user, or accessible to others.
    """
    if not _is_own(folder, _OTHERS) and os.path.lexists(folder):
        raise PermissionError(
            f"{folder} is a link, not yours, or accessible to others: "
            "remove it, or set XDG_RUNTIME_DIR"
        )


def _is_own(folder: Path, closed: int) -> bool:
    """Return whether a folder is not a link, is owned by the user, and lacks these permissions."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return is_own and not stat.S_IMODE(found.st_mode) & closed
