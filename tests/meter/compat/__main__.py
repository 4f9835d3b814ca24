"""Run the framework tests elsewhere: `python -m tests.meter.compat [--list] [name ...]`.

Makes a virtual environment for each row below (with uv, from the package index), runs
tests/meter/frameworks in it, and prints a table. Exits with 1 if any test failed. A Python that is
not on this machine is left out, and said.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
TOOLS = ("pytest>=9", "pytest-timeout>=2.4", "structlog>=25.1", "python-multipart", "asgiref>=3.8")
LONGEST_S = 600


class Setup(NamedTuple):
    """What one environment has."""

    name: str
    python: str
    packages: tuple[str, ...]


NEWEST = ("flask", "fastapi", "django", "gevent")
SETUPS = (
    Setup(
        "2023",
        "3.11",
        ("flask==2.3.3", "werkzeug==2.3.8", "fastapi==0.95.2", "anyio<4", "django==4.2.16"),
    ),
    Setup("2024", "3.11", ("flask==3.0.3", "fastapi==0.110.3", "django==5.0.9", "gevent==24.2.1")),
    Setup("fastapi-0.128", "3.11", ("fastapi==0.128.0", "starlette==0.46.2")),
    Setup("fastapi-0.136", "3.11", ("fastapi==0.136.0", "flask==3.1.0", "django==5.1.5")),
    Setup("starlette-1.0", "3.11", ("fastapi==0.136.0", "starlette==1.0.0")),
    Setup("fastapi-0.137", "3.11", ("fastapi==0.137.0",)),
    Setup("fastapi-0.150", "3.11", ("fastapi==0.150.0",)),
    Setup("newest-3.11", "3.11", NEWEST),
    Setup("newest-3.12", "3.12", NEWEST),
    Setup("newest-3.13", "3.13", NEWEST),
    Setup("newest-3.14", "3.14", NEWEST),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.meter.compat", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the environments, and end")
    parser.add_argument("--uv", default="uv", help="the uv program")
    parser.add_argument("names", nargs="*", metavar="name", help="some of the environments")
    told = parser.parse_args()
    chosen = [setup for setup in SETUPS if not told.names or setup.name in told.names]
    if told.list or not chosen:
        for setup in SETUPS:
            print(f"{setup.name:15} Python {setup.python:5} {' '.join(setup.packages)}")
        return 0 if told.list else 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="costmon-compat-") as folder:
        for setup in chosen:
            is_good, said = _run(setup, told.uv, Path(folder) / setup.name)
            failed += not is_good
            print(f"{setup.name:15} {'ok    ' if is_good else 'FAILED'} {said}", flush=True)
    return 1 if failed else 0


def _run(setup: Setup, uv: str, folder: Path) -> tuple[bool, str]:
    interpreter = _interpreter(setup.python)
    if interpreter is None:
        return True, f"left out: there is no Python {setup.python} here"
    python = folder / "bin" / "python"
    for command in (
        [uv, "venv", "--quiet", "--python", interpreter, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", str(python), *TOOLS, *setup.packages],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            return False, f"no environment: {made.stderr.strip().splitlines()[-1]}"
    ran = subprocess.run(
        # Warnings of old frameworks on new Pythons are theirs.
        [
            *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *("-o", "filterwarnings=default", "--no-header", "tests/meter/frameworks"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    if ran.returncode:
        print(ran.stdout[-20_000:], ran.stderr[-5_000:], sep="\n", file=sys.stderr)
    lines = ran.stdout.strip().splitlines() or ran.stderr.strip().splitlines() or ["nothing said"]
    return not ran.returncode, f"{lines[-1].strip('= ')}; {_versions(uv, python)}"


def _versions(uv: str, python: Path) -> str:
    listed = subprocess.run(
        [uv, "pip", "freeze", "--python", str(python)], capture_output=True, text=True, check=False
    )
    wanted = re.compile(r"^(flask|werkzeug|fastapi|starlette|django|gevent|anyio)==", re.IGNORECASE)
    return ", ".join(line for line in listed.stdout.splitlines() if wanted.match(line))


def _interpreter(version: str) -> str | None:
    """Return a Python of that version: on the path, or of pyenv's; `None`: there is none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    for found in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")):
        return str(found)
    return shutil.which(f"python{version}")


if __name__ == "__main__":
    sys.exit(main())
