"""How long `import costmon.guard` takes where only the wheel is installed."""

import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.report import Row, print_table

ROUNDS = 21
ROOT = Path(__file__).resolve().parents[1]
_TIMED = (
    "import time; began_s = time.perf_counter(); import {}; print(time.perf_counter() - began_s)"
)
_GUARD = "costmon.guard"
_BARE = "decimal, datetime, threading, typing"


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


def main() -> list[Row]:
    """Measure in turns and return the row."""
    with tempfile.TemporaryDirectory() as folder:
        python = installed(Path(folder))
        taken: dict[str, list[float]] = {_GUARD: [], _BARE: []}
        for _ in range(ROUNDS):
            for names, measured in taken.items():
                measured.append(import_ms(python, names))
    ours, bare = (statistics.median(measured) for measured in taken.values())
    return [
        Row(
            name="import costmon.guard, wheel without dependencies",
            measured=f"{ours:.1f} ms",
            goal="<= 30 ms",
            met=ours <= 30,
            note=f"import {_BARE}: {bare:.1f} ms; median of {ROUNDS} pairs,"
            f" {min(taken[_GUARD]):.1f}-{max(taken[_GUARD]):.1f} ms",
        )
    ]


if __name__ == "__main__":
    print_table(main())
