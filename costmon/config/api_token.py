"""The API's token where none is set: made by the service, found by the same user's commands.

The service keeps it in a file of its state directory that only its user can read, and leaves a link
with the port's number in `$XDG_RUNTIME_DIR/costmon`, where a command finds it without any setting.
"""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from costmon.config.secret import Secret
from costmon.errors import StateDirectoryError

TOKEN_FILE = "api-token"  # noqa: S105 - a file's name

_BYTES = 32
_LONGEST = 1024


def made_token(state_dir: Path) -> Secret:
    """Return the token in the state directory; create it if it does not exist.

    Raises:
        StateDirectoryError: It cannot be read or written, or others can read or write it.
    """
    path = state_dir / TOKEN_FILE
    try:
        found = _private_text(path, os.geteuid())
        if found is None:
            _write(path, secrets.token_urlsafe(_BYTES))
            found = _private_text(path, os.geteuid())
    except OSError as error:
        raise StateDirectoryError(
            f"{path} cannot be used ({error.strerror}); it is to hold the API's token: make it "
            "readable by the service's user only, or set COSTMON_API_TOKEN"
        ) from error
    if not found:
        raise StateDirectoryError(f"{path} is empty or too long: remove it, and restart costmon")
    return Secret(found)


def token_link(runtime_dir: Path, port: int) -> Path:
    """Return where the service that listens on a port leaves a link to its token."""
    return runtime_dir / "costmon" / f"{TOKEN_FILE}-{port}"


class FoundToken(NamedTuple):
    """The token of a service on this machine.

    Attributes:
        token: What it accepts.
        owner: The user that the service runs as, by number.
    """

    token: Secret
    owner: int


def find_token(runtime_dir: Path | None, state_dir: Path, port: int) -> FoundToken | None:
    """Return the token of the service on a port of this machine.

    `None`: there is no file that this user can read and others cannot.
    """
    for path in _places(runtime_dir, state_dir, port):
        with contextlib.suppress(OSError):
            if found := _private_text(path, None):
                return FoundToken(Secret(found), path.stat().st_uid)
    return None


def _places(runtime_dir: Path | None, state_dir: Path, port: int) -> Iterator[Path]:
    if runtime_dir is not None:
        yield token_link(runtime_dir, port)
    yield state_dir / TOKEN_FILE


def _private_text(path: Path, owner: int | None) -> str | None:
    """Return what a private file holds; `None` when it does not exist.

    Raises:
        OSError: It cannot be read, is not a file, belongs to another user than `owner`, or others
            may read or write it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    with os.fdopen(file, "rb") as opened:
        found = os.fstat(opened.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "it is not a file")
        if owner is not None and found.st_uid != owner:
            raise OSError(0, f"it belongs to user {found.st_uid}")
        if found.st_mode & 0o077:
            raise OSError(0, f"its mode is {stat.S_IMODE(found.st_mode):o}, not 600")
        text = opened.read(_LONGEST + 1)
    return "" if len(text) > _LONGEST else text.decode("ascii", "replace").strip()


def _write(path: Path, token: str) -> None:
    """Write the file whole or not at all; one that another process made meanwhile stays."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    file = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "w") as opened:
            opened.write(f"{token}\n")
            opened.flush()
            os.fsync(opened.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(part, path)
    finally:
        part.unlink()
