"""The whole campaign: `python -m tests.guard.torture`, under `pg_virtualenv` for PostgreSQL, too.

Prints a table for each store, and exits with 1 if anything that must be 0 is not.
"""

import argparse
import logging
import random
import shutil
import sys
import tempfile
from pathlib import Path

from tests.guard.torture import places
from tests.guard.torture.campaign import Plan, run


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.guard.torture", description=__doc__)
    parser.add_argument("--operations", type=int, default=1_000_000, help="on each store")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**9))
    parser.add_argument("--keep", action="store_true", help="keep the logs, and say where")
    parser.add_argument("stores", nargs="*", metavar="store", help=", ".join(places.KINDS))
    told = parser.parse_args()
    logging.getLogger("costmon.guard").addHandler(logging.NullHandler())
    bad = 0
    for store in told.stores or places.KINDS:
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
    if store == "redis":
        # Its server's clock does not move with ours: what is over by ours is not tidied away, and
        # each call looks at all of it. Ten times the operations take a hundred times as long.
        operations //= 10
    plan = Plan(operations, 8, 2, kills=max(2, operations // 8000), move_every_s=0.25)
    if store == "memory":
        plan = plan._replace(processes=0, threads=16, kills=0, move_every_s=0.1)
    try:
        with places.opened(store, folder, f"costmon_torture_{seed}") as url:
            report = run(url, plan, folder / "campaign", seed)
    except places.Missing as missing:
        print(f"{store}: skipped: {missing}\n", flush=True)
        return 0
    print(report, flush=True)
    return len(report.faults)


if __name__ == "__main__":
    sys.exit(main())
