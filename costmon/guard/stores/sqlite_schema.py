"""The tables of the SQLite store, and their creation."""

import os
import sqlite3

from costmon.guard.stores.plan_text import plan_of

VERSION = 2

LATE = "CREATE INDEX guard_lease_late ON guard_lease (plan) WHERE state = 3"
COUNTERS = (
    # The counters of money, by scope and period.
    """
    CREATE TABLE guard_counter (
        scope TEXT NOT NULL,
        period TEXT NOT NULL,
        PRIMARY KEY (scope, period)
    ) WITHOUT ROWID
    """,
    # The amounts of resets without a counter.
    """
    CREATE TABLE guard_forgiven (
        scope TEXT NOT NULL,
        hour INTEGER NOT NULL,
        period TEXT NOT NULL,
        spent INTEGER NOT NULL CHECK (typeof(spent) = 'integer'),
        reset INTEGER NOT NULL,
        PRIMARY KEY (scope, hour, period)
    ) WITHOUT ROWID
    """,
    # The scopes of each plan, for counters that are created when it already has leases.
    """
    CREATE TABLE guard_plan_scope (
        scope TEXT NOT NULL,
        hour INTEGER NOT NULL,
        plan INTEGER NOT NULL,
        PRIMARY KEY (scope, hour, plan)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX guard_plan_scope_plan ON guard_plan_scope (plan)",
)

TABLES = (
    # One row. `resets` is incremented by every reset; `boot` and `seen_s` identify the monotonic
    # clock of the times of leases.
    """
    CREATE TABLE guard_state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL,
        identity TEXT NOT NULL,
        revision INTEGER NOT NULL,
        resets INTEGER NOT NULL,
        boot TEXT NOT NULL,
        seen_s REAL NOT NULL
    )
    """,
    # SQLite converts an integer that does not fit 64 bits to a float: the checks raise instead.
    """
    CREATE TABLE guard_cell (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        scope TEXT NOT NULL,
        period TEXT NOT NULL,
        bucket INTEGER NOT NULL,
        spent INTEGER NOT NULL,
        held INTEGER NOT NULL,
        reset INTEGER NOT NULL,
        over_s INTEGER,
        UNIQUE (scope, period, bucket),
        CHECK (typeof(spent) = 'integer' AND typeof(held) = 'integer'
               AND typeof(spent + held) = 'integer')
    )
    """,
    "CREATE INDEX guard_cell_over ON guard_cell (over_s)",
    *COUNTERS,
    """
    CREATE TABLE guard_usage (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        hour INTEGER NOT NULL,
        scope TEXT NOT NULL,
        activity TEXT NOT NULL,
        spent INTEGER NOT NULL DEFAULT 0 CHECK (typeof(spent) = 'integer'),
        requests INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        expired INTEGER NOT NULL DEFAULT 0,
        bytes_in INTEGER NOT NULL DEFAULT 0 CHECK (typeof(bytes_in) = 'integer'),
        bytes_out INTEGER NOT NULL DEFAULT 0 CHECK (typeof(bytes_out) = 'integer'),
        changes INTEGER NOT NULL DEFAULT 0,
        UNIQUE (scope, hour, activity)
    )
    """,
    "CREATE INDEX guard_usage_hour ON guard_usage (hour)",
    # A retired plan gets no new leases; it is deleted after its last lease.
    """
    CREATE TABLE guard_plan (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        made_s INTEGER NOT NULL,
        retired INTEGER NOT NULL DEFAULT 0,
        plan TEXT NOT NULL,
        cells TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE guard_lease (
        id INTEGER PRIMARY KEY,
        plan INTEGER NOT NULL,
        nano INTEGER NOT NULL,
        state INTEGER NOT NULL,
        at_s REAL NOT NULL,
        resets INTEGER,
        key TEXT
    )
    """,
    "CREATE INDEX guard_lease_due ON guard_lease (at_s) WHERE state = 0",
    LATE,
    "CREATE UNIQUE INDEX guard_lease_key ON guard_lease (key) WHERE key IS NOT NULL",
    "CREATE TABLE guard_charge (id TEXT PRIMARY KEY, at_s REAL NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE guard_record (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) WITHOUT ROWID
    """,
)


def make_tables(db: sqlite3.Connection, boot: str) -> None:
    """Create the tables in the open transaction."""
    for statement in TABLES:
        db.execute(statement)
    db.execute(
        "INSERT INTO guard_state VALUES (1, ?, ?, 0, 0, ?, 0)",
        (VERSION, os.urandom(16).hex(), boot),
    )


def upgrade(db: sqlite3.Connection) -> None:
    """Migrate tables of version 1 in the open transaction.

    Its counters of money are dropped, because some of them were too low: when they are used they
    start again from usage rows and open leases. Resets of the current windows are lost.
    """
    for statement in (*COUNTERS, LATE):
        db.execute(statement)
    db.execute("DELETE FROM guard_cell WHERE period NOT LIKE 'calls/%'")
    for number, text in db.execute("SELECT id, plan FROM guard_plan").fetchall():
        plan = plan_of(text)
        db.executemany(
            "INSERT INTO guard_plan_scope VALUES (?, ?, ?)",
            [(scope, plan.hour, number) for scope in plan.scopes],
        )
    db.execute("UPDATE guard_plan SET retired = 1")
    db.execute("UPDATE guard_state SET version = ?", (VERSION,))


def boot_name() -> str:
    """Return an identifier of the machine's current boot; empty if the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - pathlib takes 5 ms to import
            return file.read().strip()
    except OSError:
        return ""
