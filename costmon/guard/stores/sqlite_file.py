"""One SQLite file: opened late, kept by one connection, and not trusted to stay what it is.

One connection behind a lock, not one for each thread: SQLite lets one write at a time anyway, and
with eight threads both do the same (10,200 reserve+settle a second, p99 10.1 against 11.5 ms).
"""

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
from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores.sqlite_schema import VERSION, boot_name, make_tables, upgrade

P = ParamSpec("P")
T = TypeVar("T")

_WAIT_S = 5.0
_SHORTEST_S, _LONGEST_S = 0.000_05, 0.002
"""How long to wait before asking for the file again. SQLite's own wait doubles up to 100 ms, which
lets the unlucky one of eight processes starve."""
# Every call writes some pages; the default of 1000 would copy them into the file, and wait for the
# disk, at each 200th call.
_CHECKPOINT_PAGES = 8000
_FOR_NOW = {
    sqlite3.SQLITE_BUSY: "another program keeps it locked; end that program or try again",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked; end that program or try again",
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_IOERR: "reading or writing failed; look at the disk and its free space",
    sqlite3.SQLITE_NOMEM: "memory is short",
    sqlite3.SQLITE_PROTOCOL: "too many programs lock it at once; try again",
}
_FOR_GOOD = {
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; make its folder, writable for this user",
    sqlite3.SQLITE_READONLY: "it is read-only; let this user write it and its folder",
    sqlite3.SQLITE_PERM: "this user may not use it",
    sqlite3.SQLITE_AUTH: "this user may not use it",
    sqlite3.SQLITE_CORRUPT: "it is damaged; move it away, with its -wal and -shm, and start anew",
    sqlite3.SQLITE_NOTADB: "that is no SQLite file; name another path",
    sqlite3.SQLITE_CONSTRAINT: "a counter would pass what 64 bits hold (9223372036.85)",
}


class SQLiteFile:
    """Runs work in transactions on one file; every process that uses it sees whole ones only.

    Args:
        path: Made, for its owner only, if it is missing; its folder is not.
        clock: Whose monotonic time all processes of this machine share.
        rng: Spreads out who asks for the file again.
        boot: Names this run of the machine.
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
        self._lock = threading.Lock()
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
        """Return what `work` returns, done in one transaction; undone when it raises.

        Raises:
            GuardStoreUnavailable: The file cannot be used for now.
            GuardStoreError: It never will.
        """
        if os.getpid() != self._pid:
            self._leave_parent()
        with self._lock:
            db = None
            try:
                db = self._opened()
                self._begin(db)
                answer = work(db, *args, **kwargs)
                db.execute("COMMIT")
            except OverflowError as error:
                self._undo(db)
                detail = "an amount is beyond what 64 bits hold (9223372036.85)"
                raise GuardStoreError(str(self), operation, detail) from error
            except sqlite3.Error as error:
                self._undo(db)
                raise self._failure(operation, error) from error
            except BaseException:
                self._undo(db)
                raise
            return answer

    def pause(self) -> bool:
        """Begin no transaction until `resume`; False when the present one takes too long."""
        return self._lock.acquire(timeout=_LONGEST_PAUSE_S)

    def resume(self) -> None:
        """Go on after `pause`."""
        self._lock.release()

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if os.getpid() != self._pid:
            self._leave_parent()
        with self._lock:
            self._drop()

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None:
            try:
                found = os.stat(self.path)
            except OSError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == self._inode:
                return self._db
            # What was counted is in a file that nobody else will see: say so once, then start
            # with what is there now.
            self._drop()
            raise GuardStoreUnavailable(
                str(self),
                "be used",
                "the file was deleted or replaced while in use; what it had counted is gone unless"
                " you bring it back",
            )
        self._db = self._open()
        return self._db

    def _open(self) -> sqlite3.Connection:
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            found = os.stat(self.path)
        except OSError as error:
            # What was there once is away: its disk may come back.
            passing = error.errno in _PASSING or self._inode != (0, 0)
            kind = GuardStoreUnavailable if passing else GuardStoreError
            detail = f"{error.strerror}; name a file in a folder that exists"
            if isinstance(error, PermissionError):
                detail = "let this user write it and its folder"
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
            # Two that open a new file at once: only one may change the mode, and SQLite does not
            # wait for that.
            self._patiently(lambda: db.execute("PRAGMA journal_mode = WAL"))
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            db.execute("PRAGMA busy_timeout = 0")
            self._begin(db)
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
                f" this one knows {VERSION}); use that costmon, or another file",
            )
        now_s = self._clock.monotonic_s()
        if boot != self._boot or now_s < seen_s:
            # Its clock began anew with the machine: nobody who held a lease is still there.
            db.execute("UPDATE guard_lease SET at_s = ? - 1 WHERE state = 0", (now_s,))
            db.execute("UPDATE guard_lease SET at_s = ? WHERE state <> 0", (now_s,))
            db.execute("UPDATE guard_charge SET at_s = ?", (now_s,))
            db.execute("UPDATE guard_state SET boot = ?, seen_s = ?", (self._boot, now_s))

    def _begin(self, db: sqlite3.Connection) -> None:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            self._patiently(lambda: db.execute("BEGIN IMMEDIATE"))

    def _patiently(self, attempt: Callable[[], object]) -> None:
        until_s = time.monotonic() + _WAIT_S
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
                self._drop()

    def _failure(self, operation: str, error: sqlite3.Error) -> GuardStoreError:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code != sqlite3.SQLITE_CONSTRAINT:
            self._drop()
        if code in _FOR_NOW:
            return GuardStoreUnavailable(str(self), operation, _FOR_NOW[code])
        return GuardStoreError(str(self), operation, _FOR_GOOD.get(code, str(error)))

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def _leave_parent(self) -> None:
        """Forget, in a forked child, the parent's connection without touching its locks."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        if self._db is not None:
            self._inherited.append(self._db)
            self._db = None


_LONGEST_PAUSE_S = 6.0
"""More than a transaction takes; who forks in the middle of their own must not wait for ever."""
_FILES: "weakref.WeakSet[SQLiteFile]" = weakref.WeakSet()
_forking = threading.RLock()
_paused: list[SQLiteFile] = []


def _before_fork() -> None:
    """Let no thread be inside of SQLite: the child would wait for its mutexes for ever."""
    _forking.acquire()
    _paused.extend(file for file in list(_FILES) if file.pause())


def _after_fork() -> None:
    while _paused:
        _paused.pop().resume()
    _forking.release()


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)

_PASSING = frozenset({4, 5, 12, 23, 24, 28, 122})
"""EINTR, EIO, ENOMEM, ENFILE, EMFILE, ENOSPC, EDQUOT."""
_QUOTED = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})
