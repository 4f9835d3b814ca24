"""How long `import costmon.meter` takes where only the wheel is installed."""

import statistics
import tempfile
from pathlib import Path

from benchmarks.guard_import import import_ms, installed
from benchmarks.report import Row, print_table

ROUNDS = 21
_METER = "costmon.meter"
_BARE = "decimal, threading, typing"


def main() -> list[Row]:
    """Measure in turns and return the row."""
    with tempfile.TemporaryDirectory() as folder:
        python = installed(Path(folder))
        taken: dict[str, list[float]] = {_METER: [], _BARE: []}
        for _ in range(ROUNDS):
            for names, measured in taken.items():
                measured.append(import_ms(python, names))
    ours, bare = (statistics.median(measured) for measured in taken.values())
    return [
        Row(
            name="import costmon.meter, wheel without dependencies",
            measured=f"{ours:.1f} ms",
            goal="<= 30 ms",
            met=ours <= 30,
            note=f"import {_BARE}: {bare:.1f} ms; median of {ROUNDS} pairs,"
            f" {min(taken[_METER]):.1f}-{max(taken[_METER]):.1f} ms",
        )
    ]


if __name__ == "__main__":
    print_table(main())
