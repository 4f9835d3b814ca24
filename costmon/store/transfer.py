"""Copy a whole history from one database to another, of the same kind or not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeDecorator, TypeEngine

from costmon.errors import StoreError, StoreUnavailableError
from costmon.store.charge_schema import charge
from costmon.store.database import Database, locate
from costmon.store.engine import make_engine
from costmon.store.faults import translated
from costmon.store.migrate import upgrade
from costmon.store.revisions import check_schema, current
from costmon.store.schema import VERSION_TABLE

BATCH = 2_000
"""Rows that are in memory at once."""

Progress = Callable[[str, int, int], None]
"""Is called with a table, the rows of it that are copied, and all of its rows."""


def copy_history(source_url: str, target_url: str, progress: Progress) -> Mapping[str, int]:
    """Copy every table, in one transaction of each database: all of it or nothing.

    The target gets the schema when it has none; a target that holds rows is refused. What is
    written to the source meanwhile is not copied.

    Returns:
        The rows of each table, counted in the target and equal to those of the source.

    Raises:
        StoreOutdatedError: The schema of one of them is older than this version's.
        StoreTooNewError: It is newer.
        StoreError: The target holds rows, is the source, or does not hold what was copied.
        StoreUnavailableError: One of them cannot be used for now; the target is as it was.
    """
    source, target = locate(source_url), locate(target_url)
    if source.url == target.url:
        msg = f"{source.shown} is both source and target; give two databases"
        raise StoreError(msg)
    if source.file is not None and not source.file.is_file():
        msg = f"{source.shown} does not exist; give the database that holds the history"
        raise StoreUnavailableError(msg)
    check_schema(source_url)
    if current(target_url) is None:
        upgrade(target_url)
    check_schema(target_url)
    reading, writing = make_engine(source, "inspect"), make_engine(target, "migrate")
    with _snapshot(source, reading) as old, _transaction(target, writing) as new:
        with translated(target):
            _refuse_rows(target, new)
        copied = {}
        for table in map(_stored, charge.metadata.sorted_tables):
            copied[table.name] = _copy_table(
                _Side(source, old), _Side(target, new), table, progress
            )
        with translated(target):
            _continue_numbers(new)
    return copied


class _Side(NamedTuple):
    database: Database
    connection: Connection

    def count(self, table: Table) -> int:
        with translated(self.database):
            counted = self.connection.execute(select(func.count()).select_from(table))
            return int(counted.scalar_one())

    def batches(self, table: Table) -> Iterator[list[dict[str, Any]]]:
        with translated(self.database):
            reading = self.connection.execution_options(yield_per=BATCH)
            parts = reading.execute(select(table)).mappings().partitions()
        while True:
            with translated(self.database):
                rows = next(parts, None)
            if rows is None:
                return
            yield [dict(row) for row in rows]


def _copy_table(old: _Side, new: _Side, table: Table, progress: Progress) -> int:
    total, copied = old.count(table), 0
    progress(table.name, copied, total)
    for rows in old.batches(table):
        with translated(new.database):
            new.connection.execute(insert(table), rows)
        copied += len(rows)
        progress(table.name, copied, total)
    found = new.count(table)
    if not found == copied == total:
        msg = (
            f"{new.database.shown} holds {found} rows of {table.name} after {copied} of {total}"
            " were copied; nothing was kept, please report this"
        )
        raise StoreError(msg)
    return copied


def _stored(table: Table) -> Table:
    """Return the table with the types of its storage: numbers are copied as they are stored."""
    columns = (Column(it.name, _storage(it.type), primary_key=it.primary_key) for it in table.c)
    return Table(table.name, MetaData(), *columns)


def _storage(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    if not isinstance(kind, TypeDecorator):
        return kind
    return kind.impl if isinstance(kind.impl, TypeEngine) else kind.impl()


@contextmanager
def _snapshot(database: Database, engine: Engine) -> Iterator[Connection]:
    """Read one consistent state of the database, even while others write."""
    with translated(database):
        connection = engine.connect()
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
    with connection:
        yield connection


@contextmanager
def _transaction(database: Database, engine: Engine) -> Iterator[Connection]:
    with translated(database):
        connection = engine.connect()
    with connection:
        with translated(database):
            transaction = connection.begin()
        try:
            yield connection
            with translated(database):
                transaction.commit()
        except BaseException:
            transaction.close()
            raise


def _refuse_rows(target: Database, new: Connection) -> None:
    known = set(inspect(new).get_table_names()) - {VERSION_TABLE}
    for table in charge.metadata.sorted_tables:
        if table.name in known and new.execute(select(table).limit(1)).first() is not None:
            msg = (
                f"{target.shown} holds a history already (rows in {table.name}); give an empty"
                " database, or empty this one with `costmon db downgrade base`"
            )
            raise StoreError(msg)


def _continue_numbers(new: Connection) -> None:
    """Let PostgreSQL number further rows after those that were copied."""
    if new.dialect.name != "postgresql":
        return
    for table in charge.metadata.sorted_tables:
        for column in table.primary_key.columns:
            sequence = new.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": table.name, "column": column.name},
            ).scalar()
            last = new.execute(select(func.max(column))).scalar() if sequence else None
            if last is not None:
                new.execute(
                    text("SELECT setval(CAST(:sequence AS regclass), :last)"),
                    {"sequence": sequence, "last": last},
                )
