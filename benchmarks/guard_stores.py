"""A decision in each store beside one bare write to the same server or kind of file.

Run: `python -m benchmarks.guard_stores`. Every operation of ours is followed by a bare one.
PostgreSQL is measured where PGHOST names one (`pg_virtualenv`), Redis where `redis-server` is
installed; a missing one is said to be.
"""

import contextlib
import importlib
import os
import socket
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.guard_rivals import CENT, PLENTY
from benchmarks.report import Row, part, print_table
from benchmarks.turns import percentile
from costmon.guard import Budget, Guard, Lease

ROUNDS = 9
CALLS = 1_000
THREE = ("global", "host:api.example.com", "key:batch")
_BUDGETS = (
    Budget("global", PLENTY, "month"),
    Budget("host:*", PLENTY, "month"),
    Budget("key:*", PLENTY, "month"),
)
_PATIENCE_S = 10.0

Write = Callable[[], object]


class _Timed:
    """The seconds that single operations took, round by round."""

    def __init__(self) -> None:
        self.reserve: list[list[float]] = []
        self.both: list[list[float]] = []
        self.bare: list[list[float]] = []


def _measured(guard: Guard, bare: Write) -> _Timed:
    timed = _Timed()
    now = time.perf_counter
    for _ in range(200):
        guard.reserve(THREE, CENT).settle(CENT)
        bare()
    for _ in range(ROUNDS):
        reserves, boths, bares = [], [], []
        for _ in range(CALLS):
            began_s = now()
            lease: Lease = guard.reserve(THREE, CENT)
            held_s = now()
            lease.settle(CENT)
            settled_s = now()
            bare()
            bares.append(now() - settled_s)
            reserves.append(held_s - began_s)
            boths.append(settled_s - began_s)
        timed.reserve.append(reserves)
        timed.both.append(boths)
        timed.bare.append(bares)
    return timed


def _rows(name: str, bare: str, timed: _Timed, goal: float | None) -> list[Row]:
    rows = []
    for what, ours in (("reserve", timed.reserve), ("reserve + settle", timed.both)):
        of_rounds = {
            share: [
                percentile(one, share) / percentile(other, share)
                for one, other in zip(ours, timed.bare, strict=True)
            ]
            for share in (0.5, 0.99)
        }
        p50, p99 = (statistics.median(of_rounds[share]) for share in (0.5, 0.99))
        judged = goal is not None and what == "reserve"
        us = [
            statistics.median(percentile(one, share) for one in times) * 1e6
            for times in (ours, timed.bare)
            for share in (0.5, 0.99)
        ]
        rows.append(
            Row(
                name=f"{name}, 3 scopes, {what} / {bare}, p99",
                measured=f"{p99:.2f}x",
                goal=f"<= {goal:.0f}x" if judged and goal is not None else "-",
                met=not judged or goal is None or p99 <= goal,
                note=f"p50 {us[0]:,.0f}, p99 {us[1]:,.0f} us; bare {us[2]:,.0f}, {us[3]:,.0f} us;"
                f" p50 {p50:.2f}x; p99 {min(of_rounds[0.99]):.2f}-{max(of_rounds[0.99]):.2f}x",
            )
        )
    return rows


@contextlib.contextmanager
def _bare_file(path: Path) -> Iterator[Write]:
    """Give a write as small as can be to a file that is set as ours is."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for said in ("journal_mode=WAL", "synchronous=NORMAL", "wal_autocheckpoint=8000"):
            db.execute(f"PRAGMA {said}")
        db.execute("CREATE TABLE cell (id INTEGER PRIMARY KEY, held INTEGER NOT NULL)")
        db.execute("INSERT INTO cell VALUES (1, 0)")

        def write() -> None:
            db.execute("BEGIN IMMEDIATE")
            db.execute("UPDATE cell SET held = held + ? WHERE id = 1", (10_000_000,))
            db.execute("COMMIT")

        yield write


def _sqlite(folder: Path) -> list[Row]:
    bare_name = "one BEGIN IMMEDIATE UPDATE"
    with _bare_file(folder / "bare.db") as bare:
        with Guard(f"sqlite:///{folder}/guard.db", _BUDGETS) as guard:
            rows = _rows("SQLite", bare_name, _measured(guard, bare), 5.0)
        with Guard(f"sqlite:///{folder}/slab.db", _BUDGETS, slab="0.01") as guard:
            return rows + _rows("SQLite, slabs of 1 %", bare_name, _measured(guard, bare), None)


def _postgres() -> list[Row]:
    if not os.environ.get("PGHOST"):
        note = "PGHOST is not set: run under pg_virtualenv"
        return [Row("PostgreSQL", "not available", "-", met=True, note=note)]
    psycopg: Any = importlib.import_module("psycopg")
    get = os.environ.get
    url = (
        f"postgresql://{get('PGUSER', '')}:{get('PGPASSWORD', '')}@{get('PGHOST')}"
        f":{get('PGPORT', '5432')}/{get('PGDATABASE', 'postgres')}"
    )
    with psycopg.connect(url, autocommit=True) as db, Guard(url, _BUDGETS) as guard:
        db.execute("DROP TABLE IF EXISTS bare_cell")
        db.execute("CREATE TABLE bare_cell (id int PRIMARY KEY, held bigint NOT NULL)")
        db.execute("INSERT INTO bare_cell VALUES (1, 0)")

        def write() -> None:
            db.execute("UPDATE bare_cell SET held = held + 10000000 WHERE id = 1")

        timed = _measured(guard, write)
        db.execute("DROP TABLE bare_cell")
    return _rows("PostgreSQL", "one UPDATE", timed, None)


@contextlib.contextmanager
def redis_server(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a server on loopback, and give its URL and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL) as process:
        try:
            until_s = time.perf_counter() + _PATIENCE_S
            while time.perf_counter() < until_s:
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                time.sleep(0.01)
            yield f"redis://127.0.0.1:{port}/0", process
        finally:
            process.terminate()


def _redis(folder: Path) -> list[Row]:
    redis: Any = importlib.import_module("redis")
    with redis_server(folder) as (url, _):
        client = redis.Redis.from_url(url)
        with Guard(url, _BUDGETS) as guard:
            timed = _measured(guard, lambda: client.incrby("cell", 10_000_000))
        client.close()
    return _rows("Redis", "one INCRBY", timed, None)


def main() -> list[Row]:
    """Measure every store there is and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *part("SQLite", lambda: _sqlite(Path(folder))),
            *part("PostgreSQL", _postgres, modules=("psycopg",)),
            *part(
                "Redis",
                lambda: _redis(Path(folder)),
                modules=("redis",),
                programs=("redis-server",),
            ),
        ]


if __name__ == "__main__":
    print_table(main())
