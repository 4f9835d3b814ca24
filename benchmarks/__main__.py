"""Measure everything and print one table; names after the command choose some of it."""

import importlib
import sys
from collections.abc import Sequence
from functools import partial

from benchmarks.report import Row, part, print_table

MODULES = (
    "supervision",
    "persist",
    "http",
    "metrics",
    "poll",
    "vendors",
    "vercel",
    "footprint",
    "forecast",
    "guard",
    "meter",
)


NEEDS = {"meter": ("flask", "fastapi", "gunicorn", "uvicorn", "uvloop")}
"""What cannot be left out of a benchmark, beside what the service needs."""


def _measure(name: str) -> list[Row]:
    rows: list[Row] = importlib.import_module(f"benchmarks.{name}").main()
    return rows


def main(names: Sequence[str]) -> int:
    """Run the benchmarks `names`, all when there are none; 1 when a goal was missed."""
    unknown = set(names) - set(MODULES)
    if unknown:
        sys.stderr.write(f"no such benchmark; there are: {', '.join(MODULES)}\n")
        return 2
    rows: list[Row] = []
    for name in names or MODULES:
        sys.stderr.write(f"measuring {name}...\n")
        rows += part(name, partial(_measure, name), modules=NEEDS.get(name, ()))
    print_table(rows)
    return 0 if all(row.met for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
