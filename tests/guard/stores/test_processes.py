"""Several processes on one store, some of them killed."""

import os
import random
import subprocess
import sys
import time
from contextlib import closing

import pytest

from costmon.guard.stores import open_store
from costmon.guard.stores.base import Hold, Refusal
from tests.guard.stores.kinds import SERVERS
from tests.guard.stores.makers import HOUR, limited, line

pytestmark = [
    pytest.mark.parametrize("place", ["sqlite", *SERVERS], indirect=True),
    pytest.mark.process,
]


@pytest.fixture
def clock():
    from costmon.clock import SystemClock

    return SystemClock()


@pytest.fixture
def start(place):
    started = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.guard.stores.worker", place.url, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.communicate()


def test_eight_processes_are_granted_exactly_the_limit(store, start):
    workers = [start("spend", number) for number in range(8)]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()

    granted = sum(int(worker.stdout.readline()) for worker in workers)

    spent, held = store.totals([line()])[0]
    # Who was refused while another held what it then released does not ask again.
    assert spent == granted <= 1000
    while isinstance(hold := store.reserve(limited(1000), 5, 60.0), Hold):
        store.settle(hold, 5)
    assert store.totals([line()]) == [(1000, 0)]
    assert held == 0


def test_killed_holders_are_charged_at_their_estimate_after_the_ttl(store, start):
    holder = start("hold", 20, 0.5)
    assert holder.stdout.readline() == "held\n"
    assert isinstance(store.reserve(limited(1000), 801, 60.0), Refusal)
    holder.kill()
    holder.wait()

    until = time.monotonic() + 10
    while store.totals([line()])[0][1] and time.monotonic() < until:
        time.sleep(0.02)

    assert store.totals([line()]) == [(200, 0)]
    (row,) = store.usage(HOUR, HOUR + 1)
    assert (row.requests, row.expired) == (20, 20)


def test_a_process_killed_at_any_instant_leaves_whole_figures(store, start):
    spenders = [start("spend", number) for number in range(3)]
    for worker in spenders:
        worker.stdout.readline()
        worker.stdin.write("go\n")
        worker.stdin.flush()
    spenders[0].kill()
    spenders[0].wait()
    for worker in spenders[1:]:
        worker.stdout.readline()

    spent, held = store.totals([line()])[0]
    assert spent + held <= 1000
    assert held == sum(row.nano for row in store.leases(1000))
    assert sum(row.spent for row in store.usage(HOUR, HOUR + 1)) == spent


def test_a_fork_is_noticed(store):
    hold = store.reserve(limited(1000), 10, 60.0)
    child = os.fork()
    if not child:
        mine = store.reserve(limited(1000), 10, 60.0)
        done = store.settle(hold, 3) == "held" and isinstance(mine, Hold)
        store.close()
        os._exit(0 if done else 1)
    _, status = os.waitpid(child, 0)

    assert status == 0
    assert store.totals([line()]) == [(3, 10)]
    assert store.settle(hold, 5) == "settled"


def test_two_stores_of_one_process_and_one_of_another_count_together(store, place, clock, start):
    """SQLite's locks on a file are lost when the process closes the file another time."""
    with closing(open_store(place.url, clock=clock, rng=random.Random(1))) as second:
        for one in (store, second):
            one.settle(one.reserve(limited(1000), 10, 60.0), 10)
        assert start("once").wait() == 0
        for one in (store, second):
            one.settle(one.reserve(limited(1000), 10, 60.0), 10)
        assert start("once").wait() == 0

        assert store.totals([line()]) == second.totals([line()]) == [(60, 0)]


def test_a_daemon_whose_parent_has_exited_counts_with_other_processes(store, start):
    """A lock of the parent is not inherited, but SQLite's memory of it is."""
    store.settings()
    store.close()
    daemon = start("daemon")
    assert daemon.stdout.readline() == "spent\n"
    daemon.wait()
    assert start("once").wait() == 0
    daemon.stdin.write("again\n")
    daemon.stdin.flush()
    assert daemon.stdout.readline() == "spent\n"
    assert start("once").wait() == 0
    daemon.stdin.write("end\n")
    daemon.stdin.flush()
    assert daemon.stdout.read() == ""

    assert store.totals([line()]) == [(50, 0)]
