"""Print what a benchmark measured beside what it should reach."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        name: What was measured.
        measured: The figure, with its unit.
        goal: What it should reach; `-` when it is only stated.
        met: Whether it does.
        note: How it was measured, in a few words.
    """

    name: str
    measured: str
    goal: str
    met: bool
    note: str


def print_table(rows: Sequence[Row]) -> None:
    """Print the rows in columns, with a mark for goals that were missed."""
    table = [("what", "measured", "goal", "", "how")]
    table += [
        (row.name, row.measured, row.goal, "ok" if row.met else "MISSED", row.note) for row in rows
    ]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    for line in table:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=False))
        print("  ".join((*cells, line[4])).rstrip())
