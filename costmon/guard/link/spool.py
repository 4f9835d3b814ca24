"""Keep pending reports on disk: one file per guard, replaced atomically.

A file is written under a temporary name (0600), synced, and renamed over the one before, so that a
crash of the process or the machine leaves the last complete version. The folder itself is not
synced, so a power failure may restore the version before, which is only older: rows are cumulative.

A guard holds a lock (flock) as long as it lives. A guard that gets the lock of another file knows
that its owner is dead, and may send the file under the dead guard's name. Files of other users are
ignored.
"""

import contextlib
import fcntl
import os
import re
from pathlib import Path

from costmon.domain.spend import GuardReport
from costmon.guard.link.wire import WireError, report_of
from costmon.guard.log import log

FILE_BYTES = 16 * 1024 * 1024
FOLDER_BYTES = 128 * 1024 * 1024

_NAME = re.compile(r"([0-9a-f]{32})\.(report\.json|lock|tmp)", re.ASCII)
_READ = 1024 * 1024


class Leftover:
    """A dead guard's file, locked while it is sent.

    Attributes:
        report: Its content.
    """

    def __init__(self, folder: Path, guard: str, lock: int, report: GuardReport) -> None:
        self.report = report
        self._folder = folder
        self._guard = guard
        self._lock = lock

    def discard(self) -> None:
        """Delete it, because the service has stored all of it."""
        _remove(self._folder, self._guard)
        self.leave()

    def leave(self) -> None:
        """Release it for the next guard."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


class Spool:
    """One guard's file in a folder that guards share; for one thread, except `forget`."""

    def __init__(self, folder: str | os.PathLike[str], guard: str) -> None:
        """Prepare the folder (created with mode 0700); failures are counted and logged once."""
        self.failures = 0
        self.bad = 0
        self._folder = Path(folder)
        self._guard = guard
        self._lock = -1
        self._kept = self._current = False
        self._said: set[str] = set()
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = self._own_lock()
        except OSError as error:
            self._failed("be used", error)

    @property
    def holds(self) -> bool:
        """Whether the last content is on disk."""
        return self._current

    def keep(self, body: bytes) -> bool:
        """Replace the file by `body`; return whether it is on disk."""
        self._current = False
        if self._lock < 0:
            return False
        try:
            self._check_room(len(body))
            self._write(body)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._path("tmp").unlink(missing_ok=True)
            self._failed("be written", error)
            return False
        self._kept = self._current = True
        self._said.clear()
        return True

    def clear(self) -> None:
        """Delete the file, because nothing is pending."""
        if self._kept:
            self._kept = False
            with contextlib.suppress(OSError):
                self._path("report.json").unlink(missing_ok=True)

    def adopt(self) -> Leftover | None:
        """Return a dead guard's file, locked; `None` if there is none."""
        if self._lock < 0:
            return None
        try:
            names = sorted(path.name for path in self._folder.iterdir())
        except OSError as error:
            self._failed("be listed", error)
            return None
        guards = dict.fromkeys(match[1] for match in map(_NAME.fullmatch, names) if match)
        for guard in guards:
            if guard == self._guard:
                continue
            try:
                leftover = self._taken(guard)
            except OSError as error:
                self._failed("release a dead guard's file", error)
                continue
            if leftover is not None:
                return leftover
        return None

    def close(self) -> None:
        """Release the lock, so that the next guard can send the file."""
        if self._lock >= 0:
            if not self._kept:
                _remove(self._folder, self._guard)
            os.close(self._lock)
            self._lock = -1

    def forget(self) -> None:
        """Close the lock in a forked child; the parent keeps it locked."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _own_lock(self) -> int:
        while True:
            lock = os.open(self._path("lock"), _LOCKING, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return lock
            os.close(lock)  # another guard took the file for a dead guard's before it was locked

    def _taken(self, guard: str) -> Leftover | None:
        lock = _lock_of(self._folder, guard)
        if lock is None:
            return None
        try:
            body = _content(self._folder / f"{guard}.report.json")
            if body is not None:
                return Leftover(self._folder, guard, lock, report_of(body))
        except WireError as error:
            self._set_bad(guard, error)
        except BaseException:
            os.close(lock)
            raise
        _remove(self._folder, guard)
        os.close(lock)
        return None

    def _set_bad(self, guard: str, error: WireError) -> None:
        self.bad += 1
        path = self._folder / f"{guard}.report.json"
        path.replace(path.with_suffix(".bad"))
        log().error("the spool file %s.report.json is damaged (%s): renamed to .bad", guard, error)

    def _check_room(self, size: int) -> None:
        own = self._path("report.json").name
        others = 0
        with os.scandir(self._folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):  # its guard has just deleted it
                    others += entry.stat(follow_symlinks=False).st_size if entry.name != own else 0
        if size > FILE_BYTES or others + size > FOLDER_BYTES:
            raise OSError(f"{size} more bytes would exceed the size limit of the spool")

    def _write(self, body: bytes) -> None:
        path = self._path("tmp")
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | _SAFE, 0o600)
        try:
            view = memoryview(body)
            while view:
                view = view[os.write(file, view) :]
            os.fsync(file)
        finally:
            os.close(file)
        path.replace(self._path("report.json"))

    def _path(self, ending: str) -> Path:
        return self._folder / f"{self._guard}.{ending}"

    def _failed(self, what: str, error: OSError) -> None:
        self.failures += 1
        reason = error.strerror or str(error)
        if reason not in self._said:
            self._said.add(reason)
            log().error("the guard's spool %s could not %s: %s", self._folder, what, reason)


_SAFE = os.O_CLOEXEC | os.O_NOFOLLOW
_LOCKING = os.O_CREAT | os.O_RDWR | _SAFE


def _lock_of(folder: Path, guard: str) -> int | None:
    """Acquire the lock of a dead guard; `None` if it lives, or belongs to another user."""
    lock = os.open(folder / f"{guard}.lock", _LOCKING, 0o600)
    try:
        if os.fstat(lock).st_uid == os.geteuid():
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None


def _content(path: Path) -> bytes | None:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _SAFE)
    except FileNotFoundError:
        return None
    try:
        if os.fstat(file).st_uid != os.geteuid():
            raise PermissionError("it belongs to another user")
        received = bytearray()
        while chunk := os.read(file, _READ):
            received += chunk
            if len(received) > FILE_BYTES:
                raise WireError("it is longer than the limit")
        return bytes(received)
    finally:
        os.close(file)


def _remove(folder: Path, guard: str) -> None:
    for ending in ("report.json", "tmp", "lock"):  # the lock last, because it protects the others
        with contextlib.suppress(OSError):
            (folder / f"{guard}.{ending}").unlink(missing_ok=True)
