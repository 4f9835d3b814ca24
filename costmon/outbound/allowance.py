"""Count the requests that cost money, and stop at so many a day."""

import contextlib
import datetime as dt
import os
from pathlib import Path

from costmon.clock import Clock

_DAY = dt.timedelta(days=1)


class DailyAllowance:
    """How many requests one account has sent in this UTC day, and how many it may.

    The count outlives the process and is shared by all processes of a folder: each request is a
    byte in a file, which is written before the request is sent. Hence neither a restart nor
    `costmon check` starts again at 0, and a request that cannot be counted is not sent.
    """

    def __init__(self, folder: Path, account: str, limit: int, clock: Clock) -> None:
        """Count in `folder`, which is made when it is not there, up to `limit` a day."""
        self._folder = folder
        self._prefix = f"requests-{account}-"
        self.limit = limit
        self._clock = clock

    def taken(self) -> int:
        """Return how many requests were sent today.

        Raises:
            OSError: It cannot be read.
        """
        try:
            return self._file().stat().st_size
        except FileNotFoundError:
            return 0

    def take(self) -> bool:
        """Count one more request; `False`: it is one too many.

        Raises:
            OSError: It cannot be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self._file()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.fstat(descriptor).st_size >= self.limit:
                return False
            os.write(descriptor, b".")
            # Another process may have been faster with the last one.
            count = os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
        if count == 1:
            self._remove_old(path)
        return count <= self.limit

    def seconds_left(self) -> float:
        """Return seconds to the next UTC day."""
        now = self._clock.now()
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return (midnight + _DAY - now).total_seconds()

    def _file(self) -> Path:
        return self._folder / f"{self._prefix}{self._clock.now():%Y-%m-%d}"

    def _remove_old(self, today: Path) -> None:
        for old in self._folder.glob(f"{self._prefix}????-??-??"):
            if old < today:
                with contextlib.suppress(OSError):
                    old.unlink()
