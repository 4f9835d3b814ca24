"""How much of what routes burn is charged to them, by our meter and by cloudmeter's wall clock.

Run: `python -m benchmarks.meter_burn`. Handlers burn a known amount of CPU and time themselves;
both meters are on the same requests. See `tests/meter/burn`, which runs a short version.
"""

import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.report import Row, is_installed, not_installed, print_table
from tests.meter.burn.score import Score, score
from tests.meter.burn.serving import SERVERS, burned

EACH = 30
UNIT_MS = 5
ATTRIBUTED, MEAN_ERROR, WRONG_SHARE = 0.95, 0.10, 0.03

_RIVAL = "cloudmeter"

_RUNS = {
    "Flask, {} threads": ("wsgi", "--at-once", "1", "2", "8"),
    "FastAPI, {} at once": ("asgi", "--at-once", "1", "50", "200"),
    "FastAPI on uvloop, {} at once": ("asgi", "--at-once", "50", "200", "--uvloop"),
    "FastAPI under BaseHTTPMiddleware, {} at once": (
        "asgi",
        "--at-once",
        "1",
        "50",
        "200",
        "--base-http",
    ),
}


def _results(arguments: tuple[str, ...]) -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "tests.meter.burn.program", *arguments]
    command += ["--each", str(EACH), "--unit-ms", str(UNIT_MS)]
    if is_installed(_RIVAL):
        command.append("--rival")
    with tempfile.TemporaryDirectory() as folder:
        # Where what is measured is handed over.
        surroundings = {**os.environ, "XDG_RUNTIME_DIR": folder}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=surroundings)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _meets(found: Score, attributed: float) -> bool:
    return (
        attributed <= found.attributed <= 1.01
        and found.mean_error <= MEAN_ERROR
        and found.wrong_share <= WRONG_SHARE
    )


def rows_of(title: str, result: dict[str, Any], attributed: float = ATTRIBUTED) -> list[Row]:
    """Return our row and cloudmeter's of one run."""
    rows = []
    for who, bill in (("costmon.meter", result["ours"]), (_RIVAL, result["cloudmeter"])):
        if bill is None:
            rows.append(not_installed(f"{title}: {who}", [who]))
            continue
        found = score(bill, result["truth"], result["process_cpu_ns"])
        ours = who == "costmon.meter"
        rows.append(
            Row(
                name=f"{title}: {who}",
                measured=f"{found.attributed:.1%} in routes, error {found.mean_error:.1%},"
                f" {found.wrong_share:.1%} on the wrong one",
                goal=f">= {attributed:.0%}, <= {MEAN_ERROR:.0%}, <= {WRONG_SHARE:.0%}"
                if ours
                else "-",
                met=_meets(found, attributed) or not ours,
                note=f"worst route off by {found.max_error:.1%}; error {found.around_error:.1%} if"
                " the framework's work around a handler counts as its route's; the process used"
                f" {result['process_cpu_ns'] / 1e9:.1f} s of CPU",
            )
        )
    return rows


def main() -> list[Row]:
    """Burn under every kind of load and return the rows."""
    rows = []
    for title, arguments in _RUNS.items():
        counts = [word for word in arguments if word.isdigit()]
        for at_once, result in zip(counts, _results(arguments), strict=True):
            rows += rows_of(title.format(at_once), result)
    for name, serving in SERVERS.items():
        title = f"{name}, {serving.at_once} at once"
        rows += rows_of(
            title, burned(serving, EACH, rival=is_installed(_RIVAL)), serving.attributed
        )
    return rows


if __name__ == "__main__":
    print_table(main())
