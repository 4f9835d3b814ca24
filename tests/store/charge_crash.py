"""Kill a process that takes in windows of charges, at any moment, again and again.

`python -m tests.store.charge_crash` runs the whole campaign: 200 kills on SQLite and, where there
is a server (`pg_virtualenv`), 50 on PostgreSQL. It prints what was found and exits with 1 when the
ledger was ever a mix of two windows.

The writer replaces one window over and over. Window number n has rows of its own keys and amounts,
so that what the ledger holds tells which window it is of: after a kill, all of it must be of one.
"""

import argparse
import datetime as dt
import os
import random
import select
import signal
import subprocess
import sys
import tempfile
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import sqlalchemy as sa

from costmon.clock import SystemClock
from costmon.domain.charge_report import month_to_date
from costmon.store import open_store
from costmon.store.migrate import upgrade
from tests.store.charges import charge, day, window

ROWS = 1_500
_MODULUS = 997
_TODAY = dt.date(2026, 11, 30)
_END = 30
_ROOT = Path(__file__).parents[2]


def window_number(number):
    """Return the n-th window: other amounts, and ten other rows than the one before."""
    rows = [
        charge(
            f"{index + number * 10}",
            _amount(number, index),
            on=1 + index % 29,
            service_name=f"Service {index % 7}",
            sub_account_id=f"project-{index % 5}",
        )
        for index in range(ROWS)
    ]
    return window(*rows, until=_END, intake="replace", at=number)


def _amount(number, index):
    return Decimal((number * 7919 + index * 104_729) % _MODULUS - 100).scaleb(-12)


def write_for_ever(url, first):
    """Write windows from `first` on, saying the number of each before and after."""
    with open_store(url, clock=SystemClock()) as store:
        token = store.claim("persister")
        for number in range(first, first + 10_000):
            given = window_number(number)
            print(f"begin {number}", flush=True)
            store.record_charges(given, token)
            print(f"done {number}", flush=True)


def kill_once(url, first, rng):
    """Let a process write and kill it somewhere; return the last window it began, and finished."""
    command = [sys.executable, "-m", "tests.store.charge_crash", "--write", url, str(first)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        begun, done = first, None
        wanted = first + rng.randrange(3)
        for line in process.stdout:
            word, number = line.split()
            if word == "begin":
                begun = int(number)
            else:
                done = int(number)
            if word == "begin" and begun >= wanted:
                break
        # A window takes some tenths of a second: the moment is anywhere in it or in the next.
        select.select([], [], [], rng.random() * 0.6)
        os.kill(process.pid, signal.SIGKILL)
        for line in process.stdout:
            word, number = line.split()
            if word == "begin":
                begun = int(number)
            else:
                done = int(number)
    return begun, done


def held(url):
    """Return which window the ledger holds, 0 for none, and what is wrong with it, in words."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.exec_driver_sql('SELECT "x_SourceRowKey", "BilledCost" FROM charge').all()
        windows = connection.exec_driver_sql("SELECT observed_at FROM charge_window").all()
    engine.dispose()
    if not rows:
        return 0, ["a window is noted, and there are no rows"] if windows else []
    end = int(day(_END).timestamp())
    number = (windows[0][0] // 1_000_000 - end) // 60
    expected = {row.source_row_key: row.billed_cost for row in window_number(number).charges}
    faults = []
    if len(windows) != 1:
        faults.append(f"{len(windows)} windows are noted")
    if {key: Decimal(cost) for key, cost in rows} != expected:
        faults.append(f"the rows are not those of window {number}")
    return number, faults + _sums(url, expected)


def _sums(url, expected):
    """Compare every total with the vendor's; each group is rounded once, half a nano at most."""
    exact = sum(map(Fraction, expected.values()), Fraction())
    faults = []
    with open_store(url, clock=SystemClock()) as store:
        totals = {}
        for group in ("account", "service", "project", "day", "month", "category"):
            found = store.charges(month_to_date(_TODAY, group))
            totals[group] = sum((it.billed for it in found), Decimal(0))
            if sum(it.charge_count for it in found) != ROWS:
                faults.append(f"by {group}, rows are missing or counted twice")
    if len(set(totals.values())) != 1:
        faults.append(f"the parts differ from the total: {totals}")
    groups = 29 * 7 * 5
    if abs(Fraction(totals["account"]) - exact) > Fraction(groups, 2 * 10**9):
        faults.append(f"the total is {totals['account']} instead of {float(exact)}")
    return faults


def campaign(url, kills, seed):
    """Kill so often; return how often the old and the new window were found, and all faults."""
    rng = random.Random(seed)
    upgrade(url)
    old = new = 0
    faults = []
    first, known = 1, 0
    for kill in range(kills):
        begun, done = kill_once(url, first, rng)
        least = known if done is None else done
        known, wrong = held(url)
        faults += [f"kill {kill}: {it}" for it in wrong]
        if not least <= known <= begun:
            faults.append(f"kill {kill}: window {known} is there, of {least} to {begun}")
        old += known < begun
        new += known == begun
        first = begun + 1
    return old, new, faults


def databases(sqlite, postgresql):
    """Yield name, URL and kills of an empty database of each kind; skip what is not there."""
    with tempfile.TemporaryDirectory(prefix="costmon-crash-") as folder:
        yield "sqlite", f"sqlite:///{folder}/costmon.db", sqlite
    host = os.environ.get("PGHOST")
    if host is None:
        print("postgresql: skipped, PGHOST is not set (run under pg_virtualenv)")
        return
    server = sa.URL.create(
        "postgresql+psycopg",
        username=os.environ.get("PGUSER"),
        password=os.environ.get("PGPASSWORD"),
        host=host,
        port=int(os.environ.get("PGPORT", "5432")),
        database="postgres",
    )
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    name = f"costmon_crash_{os.getpid()}"
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = server.set(database=name, drivername="postgresql")
    yield "postgresql", url.render_as_string(hide_password=False), postgresql
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    engine.dispose()


def main():
    """Run what the command line says; 1 when anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.store.charge_crash", description=__doc__)
    parser.add_argument("--sqlite", type=int, default=200, help="kills on SQLite")
    parser.add_argument("--postgresql", type=int, default=50, help="kills on PostgreSQL")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--write", nargs=2, metavar=("URL", "FIRST"), help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.write:
        write_for_ever(told.write[0], int(told.write[1]))
        return 0
    bad = 0
    for name, url, kills in databases(told.sqlite, told.postgresql):
        old, new, faults = campaign(url, kills, told.seed)
        bad += len(faults)
        print(
            f"{name}: {kills} kills, {old} found the window before, {new} the one being written,"
            f" {len(faults)} faults (seed {told.seed})"
        )
        for fault in faults[:20]:
            print(f"  {fault}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
