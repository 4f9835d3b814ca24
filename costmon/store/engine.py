"""Open connections the way each use needs them.

The writing engine takes the write lock as a transaction begins (SQLite) so that a fence checked
inside it stays true until the commit; that would make every reader wait as well, hence a second,
query-only engine.
"""

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import NoSuchModuleError
from sqlalchemy.pool import NullPool

from costmon.errors import StoreUnavailableError
from costmon.store.database import Database
from costmon.store.faults import driver_missing

Purpose = Literal["write", "read", "inspect", "migrate"]
"""`inspect` reads once, `migrate` writes once: neither keeps a connection."""

_READING = frozenset({"read", "inspect"})

WAIT_S = 5
"""Seconds to wait for a lock, for a connection, for the pool."""
_IDLE_TRANSACTION_S = 60
"""After this PostgreSQL ends the transaction of a writer that hangs, and its locks with it."""


def make_engine(database: Database, purpose: Purpose) -> Engine:
    """Return an engine; an SQLite file is created, readable by its owner only, if it is missing.

    Raises:
        StoreDriverError: The driver cannot be imported.
        StoreUnavailableError: The file cannot be created.
    """
    arguments: dict[str, Any] = {"hide_parameters": True}
    if purpose in {"inspect", "migrate"}:
        arguments["poolclass"] = NullPool
    else:
        arguments |= {"pool_timeout": WAIT_S, "pool_size": 4, "max_overflow": 12}
    if database.file is not None:
        arguments["connect_args"] = {"timeout": WAIT_S}
    else:
        # A connection that the server has closed meanwhile is replaced without an error.
        arguments["pool_pre_ping"] = True
        if database.url.drivername == "postgresql+psycopg":
            arguments["connect_args"] = {"connect_timeout": WAIT_S}
    try:
        engine = create_engine(database.url, **arguments)
    except (ImportError, NoSuchModuleError) as error:
        raise driver_missing(database, error) from None
    if database.file is not None:
        _listen_sqlite(engine, database.file, purpose)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", partial(_limit_postgresql, purpose))
    return engine


def _listen_sqlite(engine: Engine, file: Path, purpose: Purpose) -> None:
    begin = "BEGIN" if purpose in _READING else "BEGIN IMMEDIATE"

    def create_file(*_: object) -> None:
        _create_private(file)

    event.listen(engine, "do_connect", create_file)
    event.listen(engine, "connect", partial(_prepare_sqlite, purpose))
    event.listen(engine, "begin", _beginner(begin))


def _beginner(statement: str) -> Callable[[Connection], None]:
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)

    return begin


def _create_private(file: Path) -> None:
    """Create the file with mode 0600 before SQLite creates it; -wal and -shm inherit its mode."""
    try:
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        msg = (
            f"the database {file} cannot be created ({error.strerror}); check that the folder"
            " exists and that this user may write to it"
        )
        raise StoreUnavailableError(msg) from error


def _prepare_sqlite(purpose: Purpose, connection: sqlite3.Connection, _record: object) -> None:
    # Without this the driver begins transactions by itself, too late and never for DDL.
    connection.isolation_level = None
    if purpose in _READING:
        connection.execute("PRAGMA query_only = ON")
        return
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    # A migration that rebuilds a table drops the old one, which would delete by foreign key.
    connection.execute(f"PRAGMA foreign_keys = {'OFF' if purpose == 'migrate' else 'ON'}")


def _limit_postgresql(purpose: Purpose, connection: DBAPIConnection, _record: object) -> None:
    with closing(connection.cursor()) as cursor:
        cursor.execute(f"SET lock_timeout = '{WAIT_S}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_TRANSACTION_S}s'")
        if purpose in _READING:
            cursor.execute("SET default_transaction_read_only = on")
            cursor.execute("SET statement_timeout = '30s'")
    connection.commit()
