"""The file of one process: replaced atomically, and locked for as long as the process is alive.

Each version is written to a temporary file, locked, and renamed over the old one, whose lock is
then released. So the current file is always locked by its process, and the kernel releases the lock
when the process ends, however it ends. Pids, which may be reused, are not checked.
"""

import contextlib
import fcntl
import os
import re
from pathlib import Path
from typing import Self

NAME = re.compile(r"[0-9]{1,10}-[0-9A-Za-z_-]{1,64}\.json", re.ASCII)
LARGEST_BYTES = 64 * 1024 * 1024
_ROOT = 0
_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW


class LockedFile:
    """The file with a process's last snapshot; for one thread, except `forget`."""

    def __init__(self, folder: Path, pid: int, boot: str) -> None:
        self._name = f"{pid}-{re.sub('[^0-9A-Za-z_-]', '_', boot)[:64] or '0'}"
        self._folder = folder
        self._lock = -1

    @property
    def path(self) -> Path:
        """Return the path of the file."""
        return self._folder / f"{self._name}.json"

    def keep(self, content: bytes) -> None:
        """Replace the file.

        Raises:
            OSError: It failed; the previous version remains, unless it was removed.
        """
        new = self._folder / f".{self._name}.tmp"
        lock = os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | _SAFE, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            view = memoryview(content)
            while view:
                view = view[os.write(lock, view) :]
            new.replace(self.path)
        except BaseException:
            os.close(lock)
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        self.forget()
        self._lock = lock

    def forget(self) -> None:
        """Release the lock, or in a forked child the copy of it: the parent keeps its own."""
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


class OpenedFile:
    """An open file of any process, whose content cannot change while it is read.

    Attributes:
        is_alive: Whether its process is alive.
        is_current: Whether it is still in place; if not, its live process has replaced it.
        version: Changes with the content, unless both were written within the same clock tick.
        modified_at: Modification time in seconds since 1970.
    """

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            OSError: It cannot be read, or belongs to another user.
        """
        self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _SAFE)
        try:
            status = os.fstat(self._file)
            _check_owner(status)
            self.version = status.st_ino, status.st_mtime_ns, status.st_size
            self.modified_at = status.st_mtime
            self.is_alive = not self._lock()
            self.is_current = bool(os.fstat(self._file).st_nlink)
        except BaseException:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def content(self) -> bytes:
        """Return the whole content.

        Raises:
            OSError: It cannot be read, or is too large.
        """
        received = bytearray()
        while chunk := os.read(self._file, 1 << 20):
            received += chunk
            if len(received) > LARGEST_BYTES:
                raise OSError(f"larger than {LARGEST_BYTES} bytes")
        return bytes(received)

    def _lock(self) -> bool:
        """Return whether the file could be locked: then no live process holds the lock."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _check_owner(status: os.stat_result) -> None:
    if os.geteuid() not in {status.st_uid, _ROOT}:
        raise PermissionError("owned by another user")
