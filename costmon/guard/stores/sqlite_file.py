"""One SQLite file: opened when needed, by one connection, and checked for replacement.

One connection with a lock, not one for each thread: SQLite allows one writer at a time anyway, and
with eight threads both are equally fast (10,200 reserve+settle a second, p99 10.1 and 11.5 ms).
"""

import errno
import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from costmon.clock import Clock
from costmon.guard.errors import INTERRUPTED, GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores.sqlite_schema import VERSION, boot_name, make_tables, upgrade

P = ParamSpec("P")
T = TypeVar("T")

_WAIT_S = 5.0
_SHORTEST_S, _LONGEST_S = 0.000_05, 0.002
"""How long to wait before trying to lock the file again. SQLite's own busy handler doubles its
waits up to 100 ms, which can starve one of eight processes."""
# Every call writes some pages; with the default of 1000, every 200th call would run a checkpoint
# and wait for the disk.
_CHECKPOINT_PAGES = 8000
_FOR_NOW = {
    sqlite3.SQLITE_BUSY: "another program keeps it locked; stop that program or try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; stop that program or try again",
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk and its free space",
    sqlite3.SQLITE_NOMEM: "the machine is out of memory",
    sqlite3.SQLITE_PROTOCOL: "too many programs lock it at once; try again",
}
_FOR_GOOD = {
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; create its folder, writable for this user",
    sqlite3.SQLITE_READONLY: "it is read-only; make it and its folder writable for this user",
    sqlite3.SQLITE_PERM: "this user has no permission to use it",
    sqlite3.SQLITE_AUTH: "this user has no permission to use it",
    sqlite3.SQLITE_CORRUPT: "it is damaged; move it and its -wal and -shm files away, then retry",
    sqlite3.SQLITE_NOTADB: "it is not an SQLite file; use another path",
    sqlite3.SQLITE_CONSTRAINT: "a counter would exceed the maximum of 9223372036.85 (64 bits)",
}


class SQLiteFile:
    """Runs work in transactions on one file that several processes share.

    Args:
        path: Created if missing, readable for its owner only; its folder must exist.
        clock: Its monotonic time must be the same in all processes of this machine.
        rng: Source of jitter for retries.
        boot: Identifies the current boot of the machine.
    """

    def __init__(
        self, path: str, *, clock: Clock, rng: random.Random, boot: str | None = None
    ) -> None:
        self.path = path
        self.identity = ""
        self._clock = clock
        self._rng = rng
        self._boot = boot_name() if boot is None else boot
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = False
        self._db: sqlite3.Connection | None = None
        self._inode = (0, 0)
        self._inherited: list[sqlite3.Connection] = []
        _FILES.add(self)

    def __str__(self) -> str:
        return f"sqlite:///{self.path}"

    def run(
        self,
        operation: str,
        work: Callable[Concatenate[sqlite3.Connection, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `work` in one transaction, which is rolled back if it raises; return its result.

        Raises:
            GuardStoreUnavailable: The file is temporarily unavailable.
            GuardStoreError: The file cannot be used.
        """
        if os.getpid() != self._pid:
            self._leave_parent()
        until_s = time.monotonic() + _WAIT_S
        if self._inside and self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - as threading.Condition does
            raise GuardStoreUnavailable(str(self), operation, INTERRUPTED)
        with self._lock:
            db = None
            try:
                self._inside = True
                db = self._opened()
                self._begin(db, until_s)
                answer = work(db, *args, **kwargs)
                db.execute("COMMIT")
            except OverflowError as error:
                self._undo(db)
                detail = "an amount is larger than the maximum of 9223372036.85 (64 bits)"
                raise GuardStoreError(str(self), operation, detail) from error
            except sqlite3.Error as error:
                self._undo(db)
                raise self._failure(operation, error) from error
            except BaseException:
                self._undo(db)
                raise
            finally:
                self._inside = False
            return answer

    def pause(self) -> bool:
        """Start no transaction until `resume`; False if the current one takes too long."""
        return self._lock.acquire(timeout=_LONGEST_PAUSE_S)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._lock.release()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if os.getpid() != self._pid:
            self._leave_parent()
        if self._inside and self._lock._is_owned():  # type: ignore[attr-defined]  # noqa: SLF001 - as above
            raise GuardStoreUnavailable(str(self), "be closed", INTERRUPTED)
        with self._lock:
            self.drop()

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None:
            try:
                found = os.stat(self.path)
            except OSError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == self._inode:
                return self._db
            # The counts are in a file that no other process can open: raise once, then start
            # with the new file.
            self.drop()
            raise GuardStoreUnavailable(
                str(self),
                "be used",
                "the file was deleted or replaced while in use; its counts are lost unless you"
                " restore it",
            )
        self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        try:
            _create(self.path)
            found = os.stat(self.path)
        except OSError as error:
            # A file that was there before may come back, for example with its disk.
            passing = error.errno in _PASSING or self._inode != (0, 0)
            kind = GuardStoreUnavailable if passing else GuardStoreError
            detail = f"{error.strerror}; use a file in an existing folder"
            if isinstance(error, PermissionError):
                detail = "make it and its folder writable for this user"
            raise kind(str(self), "be opened", detail) from error
        uri = f"file:{Path(self.path).absolute().as_posix().translate(_QUOTED)}?mode=rw"
        db = sqlite3.connect(
            uri,
            uri=True,
            isolation_level=None,
            timeout=_WAIT_S,
            check_same_thread=False,
            cached_statements=512,
        )
        try:
            # If two processes open a new file at once, only one can change the mode, and SQLite
            # does not wait for that.
            until_s = time.monotonic() + _WAIT_S
            self._patiently(lambda: db.execute("PRAGMA journal_mode = WAL"), until_s)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            db.execute("PRAGMA busy_timeout = 0")
            self._begin(db, until_s)
            self._prepare(db)
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        self._inode = (found.st_dev, found.st_ino)
        return db

    def _prepare(self, db: sqlite3.Connection) -> None:
        known = db.execute("SELECT 1 FROM sqlite_master WHERE name = 'guard_state'").fetchone()
        if known is None:
            make_tables(db, self._boot)
        elif db.execute("SELECT version FROM guard_state").fetchone() == (1,):
            upgrade(db)
        version, self.identity, boot, seen_s = db.execute(
            "SELECT version, identity, boot, seen_s FROM guard_state"
        ).fetchone()
        if version != VERSION:
            raise GuardStoreError(
                str(self),
                "be used",
                f"it was made by another version of costmon (its tables are of version {version},"
                f" this one needs {VERSION}); use that version of costmon, or another file",
            )
        now_s = self._clock.monotonic_s()
        if boot != self._boot or now_s < seen_s:
            # Its clock restarted with the machine, and all holders of leases are gone.
            db.execute("UPDATE guard_lease SET at_s = ? - 1 WHERE state = 0", (now_s,))
            db.execute("UPDATE guard_lease SET at_s = ? WHERE state <> 0", (now_s,))
            db.execute("UPDATE guard_charge SET at_s = ?", (now_s,))
            db.execute("UPDATE guard_state SET boot = ?, seen_s = ?", (self._boot, now_s))

    def _begin(self, db: sqlite3.Connection, until_s: float) -> None:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self._patiently(lambda: db.execute("BEGIN IMMEDIATE"), until_s)

    def _patiently(self, attempt: Callable[[], object], until_s: float) -> None:
        while True:
            try:
                attempt()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
                if not busy or time.monotonic() > until_s:
                    raise
            else:
                return
            time.sleep(self._rng.uniform(_SHORTEST_S, _LONGEST_S))

    def _undo(self, db: sqlite3.Connection | None) -> None:
        if db is not None and db.in_transaction:
            try:
                db.execute("ROLLBACK")
            except sqlite3.Error:
                self.drop()

    def _failure(self, operation: str, error: sqlite3.Error) -> GuardStoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code != sqlite3.SQLITE_CONSTRAINT:
            self.drop()
        if code in _FOR_NOW:
            return GuardStoreUnavailable(str(self), operation, _FOR_NOW[code])
        return GuardStoreError(str(self), operation, _FOR_GOOD.get(code, str(error)))

    def drop(self) -> None:
        """Close the file, after `pause`; the next use opens it again."""
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _leave_parent(self) -> None:
        """Drop the parent's connection in a forked child, without touching its locks."""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._inside = False
        if self._db is not None:
            self._inherited.append(self._db)
            self._db = None


def _create(path: str) -> None:
    """Create the file if it is missing, readable for its owner only.

    An existing file is never opened here. When a process closes any descriptor of a file, it loses
    its locks on that file, SQLite's included: another process would then delete the write-ahead log
    that this one continues to use, and the counts in it with it.

    Raises:
        OSError: It cannot be created, or not be used.
    """
    with _creating:
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        except FileExistsError:
            if not os.access(path, os.R_OK | os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


_LONGEST_PAUSE_S = 6.0
"""Longer than a transaction; a fork inside a transaction of its own thread must not deadlock."""
_FILES: "weakref.WeakSet[SQLiteFile]" = weakref.WeakSet()
_forking = threading.RLock()
_creating = threading.Lock()
_paused: list[SQLiteFile] = []


def _before_fork() -> None:
    """Close the files, when no thread is inside SQLite.

    The child would wait forever for mutexes that another thread had. With the files open, SQLite
    in the child would believe that it has the locks of its parent, which are not inherited.
    """
    _forking.acquire()
    _paused.extend(file for file in list(_FILES) if file.pause())
    for file in _paused:
        file.drop()
    _creating.acquire()


def _after_fork() -> None:
    _creating.release()
    while _paused:
        _paused.pop().resume()
    _forking.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

_PASSING = frozenset({4, 5, 12, 23, 24, 28, 122})
"""EINTR, EIO, ENOMEM, ENFILE, EMFILE, ENOSPC, EDQUOT."""
_QUOTED = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})
