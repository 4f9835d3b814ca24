"""What recording a cycle costs in which every rate has changed, against the bare driver.

The baseline writes the same rows with `sqlite3.executemany`: 10,000 intervals closed, 10,000
opened, one cycle, in one transaction, into a file of the same schema with the same settings, from
tuples of integers that were ready before the clock started. The store starts from 10,000 values
with decimal prices: it compares, converts, decides, and then writes.

Runs alternate between the two files; the table shows medians. Run: `python -m benchmarks.persist`.
"""

import datetime as dt
import gc
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from functools import partial
from pathlib import Path
from unittest import mock

from benchmarks.report import Row, print_table
from costmon.clock import SystemClock
from costmon.domain.poll import Observation
from costmon.domain.resource import Resource
from costmon.store import FenceToken, Store, ledger, open_store, rollups
from costmon.store.columns import to_micros
from costmon.store.migrate import upgrade
from costmon.testing import samples

RESOURCES = 10_000
RUNS = 15
_START = dt.datetime(2026, 11, 21, 10, 0, tzinfo=dt.UTC)
_CYCLE = dt.timedelta(minutes=5)


def main() -> list[Row]:
    """Measure and return the rows of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stores, raws, added, same = [], [], [], []
        raw = _seeded(folder / "raw.db")
        raw[0].close()
        store, token = _seeded(folder / "store.db")
        with store, closing(_connect(folder / "raw.db")) as connection:
            for run in range(1, RUNS + 1):
                rows = _raw_rows(run)
                raws.append(_timed(partial(_write_raw, connection, *rows)))
                changed, spent = _record(store, token, run, price=run)
                stores.append(changed - spent)
                added.append(spent)
        quiet, token = _seeded(folder / "quiet.db")
        with quiet:
            for run in range(1, RUNS + 1):
                unchanged, _ = _record(quiet, token, run, price=0)
                same.append(unchanged)
    # Each pair was measured within half a second: what else the machine does cancels out.
    ratio = statistics.median(ours / bare for ours, bare in zip(stores, raws, strict=True))
    return [
        Row(
            name="persist: all 10,000 rates changed",
            measured=f"{ratio:.2f}x",
            goal="<= 2x of raw sqlite3",
            met=ratio <= 2,
            note=f"{_ms(stores)} against {_ms(raws)}, roll-ups apart",
        ),
        Row(
            name="persist: the roll-ups of that cycle",
            measured=_ms(added),
            goal="-",
            met=True,
            note="read, added to, written",
        ),
        Row(
            name="persist: no rate changed",
            measured=_ms(same),
            goal="-",
            met=True,
            note="10,000 resources compared",
        ),
    ]


def _timed(act: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _record(store: Store, token: FenceToken, run: int, *, price: int) -> tuple[float, float]:
    """Return the seconds of recording one cycle, and those of them that went into roll-ups."""
    observation = _observation(run, price)
    spent: list[float] = []

    def add_days(*arguments: object) -> None:
        start = time.perf_counter()
        rollups.add_days(*arguments)  # type: ignore[arg-type]  # handed through
        spent.append(time.perf_counter() - start)

    with mock.patch.object(ledger, "add_days", add_days):
        whole = _timed(lambda: store.record(observation, token))
    return whole, sum(spent)


def _observation(run: int, price: int) -> Observation:
    return Observation(
        report=samples.report(f"cycle-{run}", started_at=_START + run * _CYCLE),
        inventory=samples.inventory(
            (_resource(number, price) for number in range(RESOURCES)),
            observed_at=_START + run * _CYCLE,
        ),
        failure=None,
        totals=None,
    )


def _resource(number: int, price: int) -> Resource:
    return samples.resource(str(number), monthly=Decimal(number % 97) + Decimal(price) / 100)


def _raw_rows(
    run: int,
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int, str]], int]:
    before, now = (to_micros(_START + (run + back) * _CYCLE) for back in (-1, 0))
    closed = [(now, number + 1, before) for number in range(RESOURCES)]
    opened = [
        (number + 1, now, (number % 97) * 10**9 + run * 10**7, "USD") for number in range(RESOURCES)
    ]
    return closed, opened, run


def _write_raw(
    connection: sqlite3.Connection,
    closed: list[tuple[int, int, int]],
    opened: list[tuple[int, int, int, str]],
    run: int,
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        "UPDATE rate_interval SET valid_to = ? WHERE resource_id = ? AND valid_from = ?", closed
    )
    connection.executemany(
        "INSERT INTO rate_interval (resource_id, valid_from, monthly, currency)"
        " VALUES (?, ?, ?, ?)",
        opened,
    )
    connection.execute(
        "INSERT INTO poll_cycle (cycle_id, account, provider, started_at, observed_at, duration_s,"
        " outcome, requests) VALUES (?, 'digitalocean', 'digitalocean', 0, 0, 0.4, 'good', 3)",
        (f"cycle-{run}",),
    )
    connection.execute("COMMIT")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _seeded(path: Path) -> tuple[Store, FenceToken]:
    upgrade(f"sqlite:///{path}")
    store = open_store(f"sqlite:///{path}", clock=SystemClock())
    token = store.claim("persister")
    store.record(_observation(0, 0), token)
    return store, token


def _ms(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.1f} ms"


if __name__ == "__main__":
    print_table(main())
