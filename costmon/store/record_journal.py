"""What the journals have in common: a record log that several threads use."""

import threading
from pathlib import Path
from typing import Self

from costmon.store.record_log import open_record_log


class RecordJournal:
    """A record log that is used by several threads: every access holds the lock.

    Args:
        path: The file; made 0600 when missing, its folder must exist.
        capacity_bytes: How much of the disk to take.

    Raises:
        StoreUnavailableError: The file cannot be made or opened, or there is no room for it.
    """

    def __init__(self, path: Path, capacity_bytes: int) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._spool = open_record_log(path, capacity_bytes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        """Return how many records wait."""
        with self._lock:
            return len(self._spool.entries)

    @property
    def dropped(self) -> int:
        """Return how many records were dropped for lack of space since creation."""
        with self._lock:
            return self._spool.dropped

    @property
    def unreadable(self) -> int:
        """Return how many records were set aside or lost to damage since creation."""
        with self._lock:
            return self._spool.unreadable

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._spool.close()
