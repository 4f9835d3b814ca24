"""Open and remove a Unix socket that only its owner can use."""

import errno
import os
import socket
import stat
from pathlib import Path

from costmon.errors import StateDirectoryError

# sun_path has 108 bytes on Linux, one of them for the end of the text.
LONGEST_PATH = 107
_BACKLOG = 128


class Listener:
    """A listening socket with mode 0600 from its first moment.

    Attributes:
        socket: Accepts connections.
    """

    def __init__(self, path: Path) -> None:
        """Bind and listen, replacing a socket that nobody listens on any more.

        Raises:
            StateDirectoryError: The path is too long, taken, or cannot be written.
        """
        self._path = path
        _check_length(path)
        _remove_stale(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Linux makes the file with the mode of the unbound socket: no moment with a wider one
            # as with chmod, no process-wide umask under the feet of other threads.
            os.fchmod(self.socket.fileno(), 0o600)
            self.socket.bind(str(path))
            self._identity = _identity(path)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            msg = f"the console's socket {path} cannot be made: {error.strerror or error}"
            raise StateDirectoryError(msg) from error

    def close(self) -> None:
        """Stop listening and remove the file, unless it is another service's by now."""
        # Only shutdown wakes a thread that waits in accept; close alone leaves it there.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if _identity(self._path) == self._identity:
            self._path.unlink()


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_length(path: Path) -> None:
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        msg = (
            f"the console's socket {path} has a path of {length} bytes and the system takes "
            f"{LONGEST_PATH}: choose a shorter COSTMON_STATE_DIR"
        )
        raise StateDirectoryError(msg)


def _remove_stale(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        msg = f"the console's socket {path} cannot be made: {error.strerror}"
        raise StateDirectoryError(msg) from error
    if not stat.S_ISSOCK(mode):
        msg = f"{path} is in the way of the console's socket: it is something else, move it"
        raise StateDirectoryError(msg)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        found = probe.connect_ex(str(path))
    if found != errno.ECONNREFUSED:
        msg = f"another service answers at {path}: stop it, or use another COSTMON_STATE_DIR"
        raise StateDirectoryError(msg)
    path.unlink(missing_ok=True)
