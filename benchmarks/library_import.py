"""How long importing a library of ours takes where only the wheel is installed."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Row, part, print_table

ROUNDS = 21
ROOT = Path(__file__).resolve().parents[1]
_TIMED = (
    "import time; began_s = time.perf_counter(); import {}; print(time.perf_counter() - began_s)"
)


def installed(folder: Path) -> Path:
    """Install the wheel, and nothing that it needs, into an environment of its own."""
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir"]
    subprocess.run([*build, str(folder), str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return python


def import_ms(python: Path, names: str) -> float:
    """Return the milliseconds that importing `names` takes in a new process."""
    timed = [str(python), "-I", "-c", _TIMED.format(names)]
    return float(subprocess.run(timed, check=True, capture_output=True, text=True).stdout) * 1e3


def rows(names: str, bare: str) -> list[Row]:
    """Measure in turns and return the row, where the wheel can be built.

    Args:
        names: Modules of a library of ours.
        bare: Modules of the standard library that it cannot do without.
    """
    name = f"import {names}, wheel without dependencies"
    return part(name, lambda: [_row(name, names, bare)], modules=("build", "hatchling"))


def _row(name: str, names: str, bare: str) -> Row:
    with tempfile.TemporaryDirectory() as folder:
        python = installed(Path(folder))
        taken: dict[str, list[float]] = {names: [], bare: []}
        for _ in range(ROUNDS):
            for named, measured in taken.items():
                measured.append(import_ms(python, named))
    ours, theirs = (statistics.median(measured) for measured in taken.values())
    return Row(
        name=name,
        measured=f"{ours:.1f} ms",
        goal="<= 30 ms",
        met=ours <= 30,
        note=f"import {bare}: {theirs:.1f} ms; median of {ROUNDS} pairs,"
        f" {min(taken[names]):.1f}-{max(taken[names]):.1f} ms",
    )


def main() -> list[Row]:
    """Measure both libraries, the meter with an adapter."""
    return [
        *rows("costmon.guard", "decimal, datetime, threading, typing"),
        *rows("costmon.meter.wsgi", "decimal, datetime, threading, typing"),
    ]


if __name__ == "__main__":
    print_table(main())
