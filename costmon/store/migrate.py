"""Bring the schema of a database to a revision, up or down, whole or not at all."""

import sqlite3
from collections.abc import Callable
from io import StringIO
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect, text

from costmon.clock import Clock, SystemClock
from costmon.errors import StoreError, StoreUnavailableError
from costmon.store.copies import back_up_beside
from costmon.store.database import Database, locate
from costmon.store.engine import make_engine
from costmon.store.faults import damaged, translated
from costmon.store.revisions import known_revisions, migrations, refuse_unknown, revision_of
from costmon.store.schema import VERSION_TABLE

_UPGRADE_LOCK = 0x636F_7374
"""Of PostgreSQL's advisory locks; an SQLite transaction locks by itself."""


def upgrade(url: str, revision: str = "head", *, clock: Clock | None = None) -> Path | None:
    """Bring the schema up to `revision`; costs nothing when it is there already.

    An SQLite file with an older schema is copied first, see `back_up_beside`.

    Returns:
        The copy; `None` when none was needed.

    Raises:
        StoreTooNewError: A newer costmon wrote the schema.
        StoreError: The SQLite file belongs to another program.
        StoreUnavailableError: The database cannot be used for now.
    """
    return _migrate(url, revision, command.upgrade, clock or SystemClock())


def downgrade(url: str, revision: str, *, clock: Clock | None = None) -> Path | None:
    """Take the schema back to `revision`; `base` drops everything.

    Returns and raises what `upgrade` does; what the older schema cannot hold is lost.
    """
    return _migrate(url, revision, command.downgrade, clock or SystemClock())


def _migrate(
    url: str, revision: str, act: Callable[[Config, str], None], clock: Clock
) -> Path | None:
    database, scripts = locate(url), _scripts()
    engine = make_engine(database, "migrate")
    copy = None
    if database.file is not None and database.file.exists():
        with translated(database), engine.connect() as connection:
            found = revision_of(connection)
            _refuse_foreign(database, connection)
        refuse_unknown(database, found)
        if found is not None and not _is_at(scripts, found, revision):
            copy = _back_up(database, database.file, found, clock)
    with translated(database), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})"))
        # Asked again under the lock: another process may have migrated meanwhile.
        refuse_unknown(database, revision_of(connection))
        try:
            act(_config(connection), revision)
        except CommandError as error:
            msg = f"{database.shown} cannot be migrated to schema {revision!r}: {error}"
            raise StoreError(msg) from error
        if connection.dialect.name == "sqlite":
            _refuse_dangling(database, connection)
    return copy


def _back_up(database: Database, file: Path, revision: str, clock: Clock) -> Path:
    try:
        return back_up_beside(file, revision=revision, now=clock.now())
    except sqlite3.DatabaseError as error:
        raise damaged(database, str(error)) from error
    except OSError as error:
        msg = (
            f"{database.shown} cannot be copied before its schema is upgraded ({error.strerror});"
            " free some disk space, or make its folder writable"
        )
        raise StoreUnavailableError(msg) from error


def _config(connection: Connection | None = None) -> Config:
    config = Config(stdout=StringIO())
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _is_at(scripts: ScriptDirectory, found: str, revision: str) -> bool:
    if revision == "base" or revision.startswith(("+", "-")):
        return False
    try:
        target = scripts.get_revision(revision)
    except CommandError as error:
        known = ", ".join(known_revisions())
        msg = f"there is no schema {revision!r}; known: {known}, head, base"
        raise StoreError(msg) from error
    return target.revision == found


def _refuse_foreign(database: Database, connection: Connection) -> None:
    tables = inspect(connection).get_table_names()
    if tables and VERSION_TABLE not in tables:
        msg = (
            f"{database.shown} belongs to another program; set COSTMON_DATABASE_URL to another file"
        )
        raise StoreError(msg)


def _refuse_dangling(database: Database, connection: Connection) -> None:
    """Check the foreign keys, which SQLite did not check while tables were rebuilt."""
    dangling = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if dangling:
        msg = f"{database.shown}: the migration left {len(dangling)} dangling rows; rolled back"
        raise StoreError(msg)
