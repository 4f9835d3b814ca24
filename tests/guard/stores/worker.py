"""A process of its own with a store: `python worker.py URL JOB ...`, told and telling by pipes."""

import os
import random
import sys

from costmon.clock import SystemClock
from costmon.guard.stores import open_store
from costmon.guard.stores.base import Hold
from tests.guard.stores.makers import limited


def main(url, job, *rest):
    store = open_store(url, clock=SystemClock(), rng=random.Random())
    wanted = limited(1_000)
    if job == "spend":
        # Ready; all begin at once.
        store.totals(wanted.lines)
        print("ready", flush=True)
        sys.stdin.readline()
        granted = 0
        rng = random.Random(int(rest[0]))
        while isinstance(hold := store.reserve(wanted, 5, 60.0), Hold):
            if rng.random() < 0.2:
                store.release(hold)
            else:
                store.settle(hold, 5)
                granted += 5
        print(granted, flush=True)
    elif job == "hold":
        for _ in range(int(rest[0])):
            store.reserve(wanted, 10, float(rest[1]))
        print("held", flush=True)
        sys.stdin.readline()
    elif job == "once":
        store.settle(store.reserve(wanted, 10, 60.0), 10)
    elif job == "daemon":
        store.settle(store.reserve(wanted, 10, 60.0), 10)
        if os.fork():
            os._exit(0)
        for _ in range(2):
            store.settle(store.reserve(wanted, 10, 60.0), 10)
            print("spent", flush=True)
            sys.stdin.readline()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
