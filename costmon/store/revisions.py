"""Which schema a database has, and whether this version of costmon can work with it.

A service whose database is up to date never imports alembic (`costmon.store.migrate`).
"""

import re
from importlib.resources import files
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from costmon.errors import StoreOutdatedError, StoreTooNewError
from costmon.store.database import Database, locate
from costmon.store.engine import make_engine
from costmon.store.faults import translated
from costmon.store.schema import VERSION_TABLE

_SCRIPT = re.compile(r"(\d{4})_\w+\.py")


def current(url: str) -> str | None:
    """Return the revision of the schema; `None` without a schema, or without a file."""
    database = locate(url)
    if database.file is not None and not database.file.exists():
        return None
    with translated(database), make_engine(database, "inspect").connect() as connection:
        return revision_of(connection)


def check_schema(url: str) -> None:
    """Return when this version can work with the schema.

    Raises:
        StoreOutdatedError: It is older, or missing.
        StoreTooNewError: It is newer.
    """
    database, found = locate(url), current(url)
    refuse_unknown(database, found)
    head = known_revisions()[-1]
    if found != head:
        msg = (
            f"{database.shown} has schema {found or 'none'}, this version needs {head};"
            " run `costmon db upgrade`"
        )
        raise StoreOutdatedError(msg)


def known_revisions() -> tuple[str, ...]:
    """Return the revisions that this version can work with or upgrade, oldest first."""
    names = (_SCRIPT.fullmatch(file.name) for file in (migrations() / "versions").iterdir())
    return tuple(sorted(name[1] for name in names if name is not None))


def revision_of(connection: Connection) -> str | None:
    """Return the revision of the schema; `None` if the database has no schema of costmon."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    rows = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - our own name
    return ", ".join(sorted(rows.scalars())) or None


def refuse_unknown(database: Database, found: str | None) -> None:
    """Return when this version knows the revision, or there is no schema.

    Raises:
        StoreTooNewError: It does not.
    """
    if found is not None and found not in known_revisions():
        msg = (
            f"{database.shown} has schema {found}, written by a newer version of costmon; use"
            " that version, or restore a backup made with this one"
        )
        raise StoreTooNewError(msg)


def migrations() -> Path:
    """Return the migrations: package data of a wheel, the folder beside it in a checkout."""
    package = Path(str(files("costmon")))
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"
