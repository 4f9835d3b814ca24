"""Pythons that have the wheel and not this checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build_wheel(folder: Path) -> Path:
    """Build the wheel with what is installed; nothing is fetched."""
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        check=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def python_with(wheel: Path, folder: Path) -> Path:
    """Return a Python that has the wheel and the standard library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_of(folder))
    return folder / "bin" / "python"


def site_of(folder: Path) -> Path:
    return next(folder.glob("lib/python*/site-packages"))


def run(
    python: Path | str, *arguments: str, cwd: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run it with no setting of ours in its environment but what is given."""
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env=environment() | environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def environment() -> dict[str, str]:
    hidden = ("COSTMON_", "DO_", "PYTHON")
    return {name: text for name, text in os.environ.items() if not name.startswith(hidden)}
