"""Eight processes, one SQLite file, one budget: together they get exactly its limit."""

import subprocess
import sys
from decimal import Decimal

import pytest

from costmon.guard import Budget, Guard

pytestmark = pytest.mark.process

CALLER = """
import sys
from costmon.guard import Budget, BudgetRefused, Guard

with Guard(sys.argv[1], [Budget("global", "1", "total")]) as guard:
    guard.spent("global")
    print("ready", flush=True)
    sys.stdin.readline()
    made = 0
    try:
        while True:
            with guard.reserve(["host:x.test", "key:k"], "0.01"):
                made += 1
    except BudgetRefused as refused:
        print(made, refused.spent + refused.held, flush=True)
"""


def test_eight_processes_make_exactly_the_calls_that_the_budget_pays(tmp_path):
    url = f"sqlite:///{tmp_path / 'guard.db'}"
    callers = [
        subprocess.Popen(
            [sys.executable, "-c", CALLER, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    try:
        for caller in callers:
            assert caller.stdout is not None
            assert caller.stdout.readline() == "ready\n"
        answers = [caller.communicate("go\n", timeout=30)[0].split() for caller in callers]
    finally:
        for caller in callers:
            caller.kill()
            caller.communicate()

    assert sum(int(made) for made, _ in answers) == 100
    # Who was refused saw a budget that was used up, some of it by calls in flight.
    assert {Decimal(used) for _, used in answers} == {Decimal(1)}
    with Guard(url, [Budget("global", "1", "total")]) as guard:
        assert (guard.spent("global"), guard.held("global")) == (Decimal(1), Decimal(0))
