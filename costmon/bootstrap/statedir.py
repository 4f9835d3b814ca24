"""The state directory: made private, held by one service at a time."""

import errno
import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from costmon.errors import StateDirectoryError

_LOCK = "costmon.lock"


class StateDirectory:
    """Holds the state directory for this process while the context lasts.

    The lock is the kernel's (flock): it ends with the process, however that ends.

    Raises:
        StateDirectoryError: The directory cannot be made or written, or another service holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(lock)
            msg = (
                f"another costmon (process {holder}) uses the state directory {self.path}; "
                "stop it or set COSTMON_STATE_DIR"
            )
            raise StateDirectoryError(msg) from error
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
        except OSError as error:
            os.close(lock)
            raise self._unusable(error) from error
        self._lock = lock
        return self

    def _unusable(self, error: OSError) -> StateDirectoryError:
        remedy = "make it writable or set COSTMON_STATE_DIR"
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            remedy = "free some space or set COSTMON_STATE_DIR to a directory on another disk"
        return StateDirectoryError(
            f"the state directory {self.path} cannot be used ({error.strerror}); {remedy}"
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Release it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
