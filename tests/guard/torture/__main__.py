"""The whole campaign: `python -m tests.guard.torture`, under `pg_virtualenv` for PostgreSQL, too.

Prints a table for each store, and exits with 1 if anything that must be 0 is not.
"""

import argparse
import logging
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.guard.stores.servers import RedisServer
from tests.guard.torture.campaign import Plan, run

_STORES = ("memory", "sqlite", "postgresql", "redis")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.guard.torture", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000, help="on each store")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--keep", action="store_true", help="keep the logs, and say where")
    parser.add_argument("stores", nargs="*", metavar="store", help=f"of {', '.join(_STORES)}")
    told = parser.parse_args()
    logging.getLogger("costmon.guard").addHandler(logging.NullHandler())
    bad = 0
    for store in told.stores or _STORES:
        folder = Path(tempfile.mkdtemp(prefix="costmon-torture-"))
        try:
            bad += _one(store, told.operations, told.seed, folder)
        finally:
            if told.keep:
                print(f"logs: {folder}")
            else:
                shutil.rmtree(folder)
    return 1 if bad else 0


def _one(store, operations, seed, folder):
    server = None
    plan = Plan(operations, 8, 2, kills=max(2, operations // 8000), move_every_s=0.25)
    if store == "memory":
        url, plan = "memory://", plan._replace(processes=0, threads=16, kills=0, move_every_s=0.1)
    elif store == "sqlite":
        url = f"sqlite:///{folder / 'guard.db'}"
    elif store == "postgresql":
        if not os.environ.get("PGHOST"):
            print("postgresql: skipped, PGHOST is not set; run under pg_virtualenv\n")
            return 0
        url = _database(f"costmon_torture_{seed}_{os.getpid()}")
    elif shutil.which("redis-server") is None:
        print("redis: skipped, redis-server is not installed\n")
        return 0
    else:
        server = RedisServer(folder)
        server.start()
        url = server.url
    try:
        report = run(url, plan, folder / "campaign", seed)
    finally:
        if server is not None:
            server.stop()
    for name, value in report.figures.items():
        print(f"  {name:<62} {value:>14}" if value != "" else name)
    for fault in report.faults:
        print(f"FAULT {fault}")
    print(flush=True)
    return len(report.faults)


def _database(name):
    import psycopg

    user, password = os.environ.get("PGUSER", ""), os.environ.get("PGPASSWORD", "")
    server = (
        f"postgresql://{user}:{password}@{os.environ['PGHOST']}:{os.environ.get('PGPORT', 5432)}"
    )
    with psycopg.connect(f"{server}/postgres", autocommit=True) as db:
        db.execute(f"CREATE DATABASE {name}".encode())
    return f"{server}/{name}"


if __name__ == "__main__":
    sys.exit(main())
