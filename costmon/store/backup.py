"""Copy an SQLite history and put a copy back, while a service may be using it."""

import datetime as dt
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from costmon.clock import Clock, SystemClock
from costmon.errors import StoreError, StoreTooNewError, StoreUnavailableError
from costmon.store.copies import back_up_beside, copy_database, sync_folder
from costmon.store.database import locate
from costmon.store.engine import WAIT_S
from costmon.store.revisions import known_revisions
from costmon.store.schema import VERSION_TABLE, poll_cycle


def backup(url: str, path: Path) -> None:
    """Copy the history to the new file `path`, readable by its owner only.

    One consistent state is copied, while others read and write.

    Raises:
        StoreError: It is not an SQLite database, or `path` exists.
        StoreUnavailableError: The database or the folder of `path` cannot be used for now.
    """
    source = _file_of(url, "pg_dump --format=custom --file=PATH DATABASE")
    if path.exists():
        msg = f"{path} exists; choose a new file for the backup"
        raise StoreError(msg)
    with _said(source):
        copy_database(source, path)


def restore(path: Path, url: str, *, clock: Clock | None = None) -> Path | None:
    """Replace the history by the copy in `path`, in one step; the service must be stopped.

    Returns:
        A copy of the history that was replaced, also of a damaged one; `None` when there was none.

    Raises:
        StoreError: `path` is not a history of costmon, or it is damaged; nothing was changed.
        StoreTooNewError: A newer costmon wrote it; nothing was changed.
        StoreUnavailableError: A running service uses the database; nothing was changed.
    """
    target = _file_of(url, "pg_restore --clean --dbname=DATABASE PATH")
    _inspect(path)
    with _said(target):
        previous = _retire(target, clock or SystemClock()) if target.exists() else None
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restore-") as folder:
            staged = Path(folder) / target.name
            copy_database(path, staged)
            staged.replace(target)
        sync_folder(target.parent)
    return previous


def _file_of(url: str, instead: str) -> Path:
    database = locate(url)
    if database.file is None:
        msg = f"{database.shown} is not an SQLite file; use the server's own tool: {instead}"
        raise StoreError(msg)
    return database.file


def _inspect(path: Path) -> None:
    """Raise an error unless `path` is a whole history that this version understands."""
    if not path.is_file():
        msg = f"{path} does not exist; give a file written by `costmon db backup`"
        raise StoreError(msg)
    try:
        with closing(_open_read_only(path)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
            if not {VERSION_TABLE, poll_cycle.name} <= tables:
                msg = f"{path} is not a costmon database"
                raise StoreError(msg)
            report = connection.execute("PRAGMA integrity_check").fetchone()[0]
            found = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - our own constant
    except sqlite3.Error as error:
        msg = f"{path} is not a readable SQLite database ({error})"
        raise StoreError(msg) from error
    if report != "ok":
        msg = f"{path} is damaged ({report}); use another backup"
        raise StoreError(msg)
    if found is None or found[0] not in known_revisions():
        msg = f"{path} has a schema that this version does not know; use a newer version of costmon"
        raise StoreTooNewError(msg)


def _open_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=WAIT_S)


def _retire(target: Path, clock: Clock) -> Path:
    """Copy what is about to be replaced and fold its write-ahead log away.

    A log that outlived its database would be replayed into the restored one. Leaving WAL mode
    takes an exclusive lock, which is how a running service is noticed.
    """
    try:
        with closing(sqlite3.connect(target, timeout=WAIT_S, isolation_level=None)) as connection:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        if mode != "delete":
            msg = f"{target} is in use; stop the service, then restore"
            raise StoreUnavailableError(msg)
        copy = back_up_beside(target, revision="restored", now=clock.now())
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise
        msg = f"{target} is in use; stop the service, then restore"
        raise StoreUnavailableError(msg) from error
    except sqlite3.DatabaseError:
        # Damaged: the very reason to restore. What is left of it may still be of use to somebody.
        stamp = clock.now().astimezone(dt.UTC).strftime("%Y%m%dT%H%M%S%fZ")
        copy = target.rename(target.with_name(f"{target.name}.damaged-{stamp}"))
    for suffix in ("-wal", "-shm"):
        target.with_name(target.name + suffix).unlink(missing_ok=True)
    return copy


@contextmanager
def _said(file: Path) -> Iterator[None]:
    """Raise errors of the file system and of SQLite as our own."""
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        msg = f"{file} cannot be copied ({reason}); check free space, owner and directory"
        raise StoreUnavailableError(msg) from error
