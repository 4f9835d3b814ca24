"""A small pool of connections to PostgreSQL, opened when needed and replaced when broken."""

import os
import queue
import select
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from costmon.errors import InputError
from costmon.guard.errors import GuardStoreError, GuardStoreUnavailable
from costmon.guard.stores.base import shown_url
from costmon.guard.stores.postgres_schema import SCHEMA, UPGRADE, VERSION

Connection = psycopg.Connection[tuple[Any, ...]]

_CONNECT_S = 3
_STATEMENT_MS = 5000
# All calls need the same row lock: more connections would only wait inside the server.
_MOST = 4
_SCHEMA_LOCK = 0x636F73746D6F6E
_UNBOUND = "CG001"
_NO_ROOM = "22003"
_FOR_NOW_CLASSES = frozenset({"08", "25", "40", "53", "55", "57", "58"})


class Unbound(Exception):  # noqa: N818 - internal to the store
    """A counter has been deleted: look it up again."""


class PostgresPool:
    """Provides connections in autocommit mode; the first one creates the schema."""

    def __init__(self, url: str) -> None:
        try:
            self._given = conninfo_to_dict(url)
        except psycopg.Error:
            raise InputError("postgresql://: the URL is not valid; check it") from None
        self._shown = shown_url(url)
        self.identity = ""
        self._pid = os.getpid()
        self._fresh()

    def __str__(self) -> str:
        return self._shown

    @contextmanager
    def lend(self, operation: str) -> Iterator[Connection]:
        """Provide a connection; its errors are raised as errors of the store."""
        if os.getpid() != self._pid:
            self._leave_parent()
        places, idle = self._places, self._idle
        try:
            place = places.get(timeout=_STATEMENT_MS / 1000)
        except queue.Empty:
            raise GuardStoreUnavailable(
                str(self), operation, "all connections are busy; is the server blocked?"
            ) from None
        connection = None
        try:
            connection = self._alive(idle) or self._open()
            yield connection
        except psycopg.Error as error:
            if error.sqlstate == _UNBOUND:
                raise Unbound from None
            raise self._failure(operation, error) from None
        finally:
            if connection is not None:
                # An interrupt left it in an unknown state.
                if connection.closed or connection.info.transaction_status != _IDLE:
                    connection.close()
                else:
                    idle.append(connection)
            del place

    def close(self) -> None:
        """Close the idle connections."""
        if os.getpid() != self._pid:
            self._leave_parent()
        while self._idle:
            self._idle.pop().close()

    def _fresh(self) -> None:
        self._idle: list[Connection] = []
        self._places: queue.SimpleQueue[_Place] = queue.SimpleQueue()
        for _ in range(_MOST):
            self._places.put(_Place(weakref.ref(self._places)))

    @staticmethod
    def _alive(idle: list[Connection]) -> Connection | None:
        while True:
            try:
                connection = idle.pop()
            except IndexError:
                return None
            # A server that shuts down sends a message, or closes: then there is something to read.
            watch = select.poll()
            watch.register(connection.fileno(), select.POLLIN | select.POLLHUP)
            if not watch.poll(0):
                return connection
            connection.close()

    def _open(self) -> Connection:
        defaults: dict[str, Any] = {
            "connect_timeout": _CONNECT_S,
            "tcp_user_timeout": _STATEMENT_MS,
            "application_name": "costmon guard",
        }
        connection = psycopg.connect(**(defaults | self._given), autocommit=True)
        try:
            connection.execute(
                # Reads after the lock must see what was written before it.
                "SET default_transaction_isolation = 'read committed';"
                f" SET statement_timeout = {_STATEMENT_MS};"
                f" SET lock_timeout = {_STATEMENT_MS};"
                f" SET idle_in_transaction_session_timeout = {_STATEMENT_MS};"
                " SET client_min_messages = warning"
            )
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: Connection) -> None:
        with connection.transaction():
            if not _known(connection):
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
                if not _known(connection):
                    connection.execute(SCHEMA)
                    connection.execute(
                        "INSERT INTO costmon_guard_state (version, identity) VALUES (%s, %s)",
                        (VERSION, os.urandom(16).hex()),
                    )
            version, self.identity = _version(connection)
            if version == 1:
                connection.execute("SELECT 1 FROM costmon_guard_state FOR UPDATE")
                if _version(connection)[0] == 1:
                    connection.execute(UPGRADE)
                    connection.execute("UPDATE costmon_guard_state SET version = %s", (VERSION,))
                version, self.identity = _version(connection)
        if version != VERSION:
            raise GuardStoreError(
                str(self),
                "be used",
                f"it was made by another version of costmon (its tables are of version {version},"
                f" this one needs {VERSION}); use that version of costmon, or another database",
            )

    def _failure(self, operation: str, error: psycopg.Error) -> GuardStoreError:
        # The driver's messages may contain parts of the URL; the server's first line does not.
        said = error.diag.message_primary if error.sqlstate else None
        if error.sqlstate == _NO_ROOM or isinstance(error, psycopg.DataError):
            detail = f"an amount is larger than the maximum of 9223372036.85 (64 bits): {said}"
            return GuardStoreError(str(self), operation, detail)
        if error.sqlstate is None:
            detail = "the server does not answer; check that it runs, and host, port and password"
            return GuardStoreUnavailable(str(self), operation, detail)
        kind = GuardStoreUnavailable if error.sqlstate[:2] in _FOR_NOW_CLASSES else GuardStoreError
        return kind(str(self), operation, f"the server reported {error.sqlstate}: {said}")

    def _leave_parent(self) -> None:
        """Drop the parent's connections in a forked child, without telling the server."""
        self._pid = os.getpid()
        inherited = self._idle
        self._fresh()
        nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for connection in inherited:
            # Closing would send a termination message on the parent's connection: redirect it.
            os.dup2(nowhere, connection.fileno(), inheritable=False)
            connection.close()
        os.close(nowhere)


class _Place:
    """The right to use one connection; it goes back when nobody refers to it any more.

    So it is not lost if a signal handler raises right after it was taken.
    """

    __slots__ = ("_places",)

    def __init__(self, places: "weakref.ref[queue.SimpleQueue[_Place]]") -> None:
        self._places = places

    def __del__(self) -> None:
        places = self._places()
        if places is not None:
            places.put(_Place(self._places))


_IDLE = psycopg.pq.TransactionStatus.IDLE


def _version(connection: Connection) -> tuple[int, str]:
    row = connection.execute("SELECT version, identity FROM costmon_guard_state").fetchone()
    return (0, "") if row is None else (row[0], row[1])


def _known(connection: Connection) -> bool:
    # Not to_regclass, which may not see tables created while this waited for the lock.
    found = connection.execute(
        "SELECT 1 FROM pg_class WHERE relname = 'costmon_guard_state' AND pg_table_is_visible(oid)"
    )
    return found.fetchone() is not None
