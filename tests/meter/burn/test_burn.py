"""What each route burned is what its row says, whatever runs beside it.

Everything is a ratio within one run, but a machine that is busy with something else, such as the
other half of the suite, adds to it: a run that misses its bounds is repeated, and the bounds are
wider than the goals, which `python -m benchmarks meter` compares on a quiet machine.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meter.burn.score import ATTRIBUTED, MEAN_ERROR, RUNS, WRONG_SHARE, Score, score

ROOT = Path(__file__).parents[3]
MOST_WAITED = 1.5

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]


WAITING = ("/sleep", "/longpoll")
CHEAPEST = ("/cpu1", "/direct")


def judged(folder: Path, *arguments: str) -> list[tuple[dict[str, int], Score]]:
    """Run the program and return, for each of its lines, our bill and how good it is."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.meter.burn.program", *arguments],
        cwd=ROOT,
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    return [
        (found["ours"], score(found["ours"], found["truth"], found["process_cpu_ns"]))
        for found in results
    ]


def faults(bill: dict[str, int], found: Score) -> list[str]:
    """Return the bounds that were missed, in words."""
    missed = []
    waited, cheapest = (sum(bill.get(route, 0) for route in some) for some in (WAITING, CHEAPEST))
    if waited > MOST_WAITED * cheapest:
        missed.append(f"routes that only wait cost {waited / cheapest:.1%} of the cheapest one")
    if not ATTRIBUTED <= found.attributed <= 1.01:
        missed.append(f"{found.attributed:.1%} of the process's CPU is in a route")
    if found.mean_error > MEAN_ERROR:
        missed.append(f"routes are off by {found.mean_error:.1%} in the mean")
    if found.wrong_share > WRONG_SHARE:
        missed.append(f"{found.wrong_share:.1%} of the bill is on the wrong route")
    return missed


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("wsgi", "--at-once", "1", "2", "8", "--each", "5"), id="threads-1-2-8"),
        pytest.param(("asgi", "--at-once", "1", "50", "--each", "5"), id="asyncio-1-50"),
        pytest.param(
            ("asgi", "--at-once", "200", "--each", "15", "--unit-ms", "2"), id="asyncio-200"
        ),
        pytest.param(("asgi", "--at-once", "50", "--each", "6", "--uvloop"), id="uvloop-50"),
        pytest.param(
            ("asgi", "--at-once", "50", "--each", "5", "--base-http", "--unit-ms", "6"),
            id="base-http-middleware-50",
        ),
    ],
)
def test_each_route_is_charged_what_it_burned(arguments, tmp_path):
    missed: dict[int, list[str]] = {}
    for _ in range(RUNS):
        found = judged(tmp_path, *arguments)
        missed = {number: faults(*one) for number, one in enumerate(found) if faults(*one)}
        if not missed:
            return
        print(f"again, in case the machine was busy: {missed}, {found}")

    assert not missed
