"""Listen on a Unix socket that only chosen users of this machine can connect to."""

import abc
import errno
import os
import socket
import stat
import threading
from pathlib import Path
from typing import NamedTuple

import structlog

from costmon.errors import StateDirectoryError

# sun_path has 108 bytes on Linux, one of them for the end of the text.
LONGEST_PATH = 107
_BACKLOG = 128
_ACCEPT_RETRY_S = 0.2


class Purpose(NamedTuple):
    """What a socket is for, as errors say it.

    Attributes:
        title: Whose socket it is, such as "the console's socket".
        variable: The setting that moves it.
        mode: Who may connect, as the file's permission bits.
    """

    title: str
    variable: str
    mode: int


class LocalSocket:
    """A listening Unix socket that has its mode from its first moment.

    Attributes:
        socket: Accepts connections.
    """

    def __init__(self, path: Path, purpose: Purpose) -> None:
        """Bind and listen, replacing a socket that nobody listens on any more.

        Raises:
            StateDirectoryError: The path is too long, taken, or cannot be written.
        """
        self._path = path
        _check_length(path, purpose)
        _remove_stale(path, purpose)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Linux makes the file with the mode of the unbound socket: no moment with a wider one
            # as with chmod. The umask takes bits away from it, so give those back afterwards.
            os.fchmod(self.socket.fileno(), purpose.mode)
            self.socket.bind(str(path))
            self._identity = _identity(path)
            if stat.S_IMODE(path.lstat().st_mode) != purpose.mode:
                path.chmod(purpose.mode)
            self.socket.listen(_BACKLOG)
        except OSError as error:
            self.socket.close()
            msg = f"{purpose.title} {path} cannot be created: {error.strerror or error}"
            raise StateDirectoryError(msg) from error

    def close(self) -> None:
        """Stop listening and remove the file, unless it is another service's by now."""
        # Only shutdown wakes a thread that waits in accept; close alone leaves it there.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        if _identity(self._path) == self._identity:
            self._path.unlink()


class LocalServer(abc.ABC):
    """Accepts the connections of a local socket in a thread of its own.

    Args:
        path: Where the socket is made.
        purpose: What it is for.
        name: Name of the thread, and of the server in the log.
    """

    def __init__(self, path: Path, purpose: Purpose, name: str) -> None:
        self._path = path
        self._purpose = purpose
        self._name = name
        self._closing = threading.Event()
        self._listener: LocalSocket | None = None
        self._thread: threading.Thread | None = None

    def prepare(self) -> None:
        """Make the socket, so that a fault of it is known before anything runs; clients wait.

        Raises:
            StateDirectoryError: The socket cannot be made, or another service has it.
        """
        self._listener = LocalSocket(self._path, self._purpose)

    def start(self) -> None:
        """Answer from a thread of its own; prepare first if that has not been done.

        Raises:
            StateDirectoryError: The socket cannot be made, or another service has it.
        """
        listener = self._listener or LocalSocket(self._path, self._purpose)
        self._listener = listener
        self._thread = threading.Thread(
            target=self._accept, args=(listener.socket,), name=self._name, daemon=True
        )
        self._thread.start()

    def _stop_accepting(self) -> bool:
        """Remove the socket and wait for the thread; tell whether there was a socket."""
        self._closing.set()
        if self._listener is None:
            return False
        self._listener.close()
        if self._thread is not None:
            self._thread.join()
        self._listener = None
        return True

    def _accept(self, listening: socket.socket) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = listening.accept()
            except OSError as error:
                if not self._closing.is_set():
                    # Out of file descriptors, most likely: log it and do not spin.
                    structlog.get_logger().warning(
                        "localsocket.accept_failed", server=self._name, error=error.strerror
                    )
                    self._closing.wait(_ACCEPT_RETRY_S)
                continue
            self._begin(connection)

    @abc.abstractmethod
    def _begin(self, connection: socket.socket) -> None:
        """Serve a connection in another thread, or refuse and close it."""


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _check_length(path: Path, purpose: Purpose) -> None:
    length = len(os.fsencode(path))
    if length > LONGEST_PATH:
        msg = (
            f"{purpose.title} {path} has a path of {length} bytes; the system accepts at "
            f"most {LONGEST_PATH}: choose a shorter {purpose.variable}"
        )
        raise StateDirectoryError(msg)


def _remove_stale(path: Path, purpose: Purpose) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        msg = f"{purpose.title} {path} cannot be created: {error.strerror}"
        raise StateDirectoryError(msg) from error
    if not stat.S_ISSOCK(mode):
        msg = f"{purpose.title} cannot be created: {path} exists and is not a socket; move it"
        raise StateDirectoryError(msg)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        found = probe.connect_ex(str(path))
    if found != errno.ECONNREFUSED:
        msg = f"another service uses {path}: stop it, or choose another {purpose.variable}"
        raise StateDirectoryError(msg)
    path.unlink(missing_ok=True)
