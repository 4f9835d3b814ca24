"""Print what a benchmark measured beside what it should reach, and what could not be measured."""

import importlib.util
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
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


def is_installed(module: str) -> bool:
    """Return whether a module can be imported; a folder of that name is not one."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return False
    return spec is not None and spec.origin is not None


def not_installed(name: str, needed: Sequence[str]) -> Row:
    """Return the row of what was not measured."""
    note = f"needs {', '.join(needed)}: make bench installs the packages"
    return Row(name, "not installed", "-", met=True, note=note)


def part(
    name: str,
    measure: Callable[[], list[Row]],
    *,
    modules: Sequence[str] = (),
    programs: Sequence[str] = (),
) -> list[Row]:
    """Measure one part of a benchmark, so that it cannot lose what others have measured.

    Args:
        name: What the row says was not measured.
        measure: Is called when all that it needs is there. What it raises is printed, and its row
            is a goal that was missed.
        modules: Modules that it needs.
        programs: Programs that it needs, on the path.
    """
    missing = [module for module in modules if not is_installed(module)]
    missing += [program for program in programs if shutil.which(program) is None]
    if missing:
        return [not_installed(name, missing)]
    try:
        return measure()
    except Exception as error:  # noqa: BLE001 - any failure of one part must leave the others
        traceback.print_exc(file=sys.stderr)
        note = f"{type(error).__name__}: {error}".splitlines()[0]
        return [Row(name, "failed", "-", met=False, note=note)]


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
