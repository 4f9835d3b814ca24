"""Turn errors of database drivers into our own, which say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from costmon.errors import (
    StoreDamagedError,
    StoreDriverError,
    StoreError,
    StoreOutdatedError,
    StoreRefusedError,
    StoreUnavailableError,
)
from costmon.store.database import Database

_LOCKED = "another program is writing to it; end that program, or wait"
_FULL = "free some disk space"
_READ_ONLY = "make the file, its directory and the disk writable for this user"
_AWAY = "check that the server is running and that address, user and password are correct"
_HINTS = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CANTOPEN": "check that the directory exists and that this user can write to it",
    "SQLITE_IOERR": "the disk is full or has errors; free some space and check the system log",
    "25006": "the server is read-only (a standby?); connect to the primary",
    "25P03": "the server ended an idle transaction",
    "53100": _FULL,
    "55P03": _LOCKED,
    "57014": "the server hit a time limit; check whether it is overloaded",
}
"""By primary SQLite result code or by SQLSTATE."""
_BROKEN = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
_MISSING_TABLE = "42P01"


@contextmanager
def translated(database: Database) -> Iterator[None]:
    """Raise what goes wrong inside as a `StoreError`.

    Raises:
        StoreUnavailableError: For now: locked, full, read-only, away.
        StoreOutdatedError: A table is missing.
        StoreDamagedError: The file is corrupt, or is not a database.
        StoreRefusedError: It is these values that cannot be stored.
        StoreError: Anything else; trying again does not help.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _fault(database, error) from error


def damaged(database: Database, detail: str) -> StoreDamagedError:
    """Return the error that says what to do about a damaged file."""
    return StoreDamagedError(
        f"{database.shown} is damaged ({detail}): stop costmon, then run `costmon db restore COPY`,"
        " or move the file away to begin a new history; observations wait in the journal meanwhile"
    )


def driver_missing(database: Database, reason: Exception) -> StoreDriverError:
    """Return the error that says how to install the URL's driver."""
    # psycopg without libpq says so in several lines.
    text = str(reason).partition("\n")[0]
    if database.url.drivername == "postgresql+psycopg":
        advice = 'pip install "costmon[postgres]", or in a checkout: make setup WITH=postgres'
    else:
        advice = "use sqlite:///PATH or postgresql://USER@HOST/NAME"
    return StoreDriverError(f"the driver of {database.shown} cannot be imported ({text}): {advice}")


def _fault(database: Database, error: SQLAlchemyError) -> StoreError:
    if isinstance(error, PoolTimeoutError):
        return StoreUnavailableError(
            f"{database.shown} is busy: every connection is in use; try again later"
        )
    code = _code(error)
    detail = _detail(database, error)
    if code == _MISSING_TABLE or "no such table" in detail:
        return StoreOutdatedError(
            f"{database.shown} lacks a table ({detail}); run `costmon db upgrade`"
        )
    if code in _BROKEN:
        return damaged(database, detail)
    hint = _HINTS.get(code)
    if hint is not None:
        return StoreUnavailableError(
            f"{database.shown} cannot be used at the moment ({detail}); {hint}"
        )
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    if lost or isinstance(error, OperationalError | InterfaceError):
        return StoreUnavailableError(f"{database.shown} cannot be reached ({detail}); {_AWAY}")
    kind = StoreRefusedError if _is_of_values(error) else StoreError
    return kind(f"{database.shown} refused a statement ({detail}); please report this")


def _is_of_values(error: SQLAlchemyError) -> bool:
    """Tell whether other values would have been stored."""
    if isinstance(error, DBAPIError):
        return isinstance(error, DataError | IntegrityError)
    return isinstance(error, StatementError)


def _code(error: SQLAlchemyError) -> str:
    """Return the primary SQLite result code or the SQLSTATE, or nothing."""
    cause = getattr(error, "orig", None)
    name: str | None = getattr(cause, "sqlite_errorname", None)
    if name is not None:
        # SQLITE_BUSY_SNAPSHOT is a kind of SQLITE_BUSY.
        return "_".join(name.split("_")[:2])
    state: str | None = getattr(cause, "sqlstate", None)
    return state or ""


def _detail(database: Database, error: SQLAlchemyError) -> str:
    """Return the driver's own words on one line, without the statement and the password."""
    cause = getattr(error, "orig", None) or error
    words = " ".join(str(cause).split()) or type(cause).__name__
    if database.url.password:
        words = words.replace(str(database.url.password), "***")
    return words[:300]
