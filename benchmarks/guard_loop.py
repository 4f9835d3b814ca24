"""How late an event loop is while the guard's store does not answer, beside one without a guard.

Run: `python -m benchmarks.guard_loop`; it takes half a minute. Twenty coroutines make calls of 50
ms and a ticker wakes up every 10 ms in the same loop. For 5 s the SQLite file is locked by another
connection, or `redis-server` is stopped by a signal: once without the guard, and once with it.
"""

import asyncio
import contextlib
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.guard_rivals import CENT, PLENTY
from benchmarks.guard_stores import redis_server
from benchmarks.report import Row, part, print_table
from benchmarks.turns import percentile
from costmon.guard import Budget, Guard
from costmon.guard.errors import GuardStoreUnavailable

CALLERS = 20
TICK_S = 0.01
CALL_S = 0.05
BEFORE_S, FAULT_S, AFTER_S = 0.5, 5.0, 1.0
MOST_ADDED_S = 0.05
LONGEST_GAP_S = 0.25
_SCOPES = ("global", "host:api.example.com", "key:batch")

Fault = Callable[[], contextlib.AbstractContextManager[None]]


class _Seen(NamedTuple):
    """What one run showed.

    Attributes:
        delays_s: By how much each tick was late.
        made: Calls that were made.
        failed: Calls that were not, because the store could not be used.
    """

    delays_s: list[float]
    made: int
    failed: int


async def _run(guard: Guard | None, fault: Fault) -> _Seen:
    delays_s: list[float] = []
    made = failed = 0
    running = True

    async def tick() -> None:
        while running:
            began_s = time.perf_counter()
            await asyncio.sleep(TICK_S)
            delays_s.append(time.perf_counter() - began_s - TICK_S)

    async def call() -> None:
        nonlocal made, failed
        while running:
            try:
                lease = None if guard is None else await guard.areserve(_SCOPES, CENT)
            except GuardStoreUnavailable:
                failed += 1
                await asyncio.sleep(TICK_S)
                continue
            await asyncio.sleep(CALL_S)
            if lease is not None:
                lease.settle(CENT)
            made += 1

    tasks = [asyncio.create_task(work()) for work in (tick, *(call for _ in range(CALLERS)))]
    await asyncio.sleep(BEFORE_S)
    with fault():
        await asyncio.sleep(FAULT_S)
    await asyncio.sleep(AFTER_S)
    running = False
    await asyncio.gather(*tasks)
    return _Seen(delays_s, made, failed)


def _rows(name: str, url: str, fault: Fault) -> list[Row]:
    without = asyncio.run(_run(None, fault))
    with Guard(url, [Budget("global", PLENTY, "month")]) as guard:
        guard.reserve(_SCOPES, CENT).settle(CENT)
        guarded = asyncio.run(_run(guard, fault))
    p99_s, bare_s = (percentile(seen.delays_s, 0.99) for seen in (guarded, without))
    gap_s, bare_gap_s = (max(seen.delays_s) + TICK_S for seen in (guarded, without))
    made = f"{guarded.made:,} calls made, {guarded.failed:,} failed; {without.made:,} without guard"
    return [
        Row(
            name=f"event loop, {name}: delay of a 10 ms tick, p99, added",
            measured=f"{(p99_s - bare_s) * 1e3:.1f} ms",
            goal=f"<= {MOST_ADDED_S * 1e3:.0f} ms",
            met=p99_s - bare_s <= MOST_ADDED_S,
            note=f"{p99_s * 1e3:.1f} ms, without guard {bare_s * 1e3:.1f} ms; {made}",
        ),
        Row(
            name=f"event loop, {name}: longest gap between ticks",
            measured=f"{gap_s * 1e3:.0f} ms",
            goal=f"<= {LONGEST_GAP_S * 1e3:.0f} ms",
            met=gap_s <= LONGEST_GAP_S,
            note=f"without guard {bare_gap_s * 1e3:.0f} ms; {len(guarded.delays_s)} ticks",
        ),
    ]


def _sqlite(folder: Path) -> list[Row]:
    file = folder / "guard.db"

    @contextlib.contextmanager
    def locked() -> Iterator[None]:
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            yield
            db.execute("COMMIT")

    return _rows("SQLite locked for 5 s", f"sqlite:///{file}", locked)


def _redis(folder: Path) -> list[Row]:
    with redis_server(folder) as (url, process):

        @contextlib.contextmanager
        def stopped() -> Iterator[None]:
            process.send_signal(signal.SIGSTOP)
            try:
                yield
            finally:
                process.send_signal(signal.SIGCONT)

        return _rows("Redis stopped for 5 s", url, stopped)


def main() -> list[Row]:
    """Measure both stores and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        return [
            *part("an event loop and SQLite", lambda: _sqlite(Path(folder))),
            *part(
                "an event loop and Redis",
                lambda: _redis(Path(folder)),
                modules=("redis",),
                programs=("redis-server",),
            ),
        ]


if __name__ == "__main__":
    print_table(main())
