"""The state directory: made private, held by one service at a time."""

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
            msg = (
                f"the state directory {self.path} cannot be used ({error.strerror}); "
                "make it writable or set COSTMON_STATE_DIR"
            )
            raise StateDirectoryError(msg) from error
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
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        self._lock = lock
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let another service have it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
