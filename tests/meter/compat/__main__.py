"""Test frameworks and SDKs elsewhere: `python -m tests.meter.compat [--list] [name ...]`.

Makes a virtual environment for each row below, with the versions that its lock names, runs
its tests in it, and prints a table. Exits with 1 if any test failed. A Python that is
not on this machine is left out, and said. `--lock` locks the newest versions (needs uv).
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
LOCKS = Path(__file__).parent
TOOLS = (
    *("pytest>=9", "pytest-timeout>=2.4", "structlog>=25.1", "python-multipart", "asgiref>=3.8"),
)
LONGEST_S = 600


class Setup(NamedTuple):
    """One environment: its Python, and what `--lock` resolves."""

    name: str
    python: str
    packages: tuple[str, ...]
    tests: str = "tests/meter/frameworks"

    @property
    def lock(self) -> Path:
        """The file that names the version of every package."""
        return LOCKS / f"{self.name}.lock"


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
    Setup(
        "frameworks",
        "3.11",
        (
            *("connexion[flask]==3.3.0", "falcon==4.4.0", "datasette==0.65.5", "channels==4.3.2"),
            *("sentry-sdk==2.75.0", "a2wsgi", "fastapi", "django<6"),
        ),
    ),
    Setup("newest-3.11", "3.11", NEWEST),
    Setup("newest-3.12", "3.12", NEWEST),
    Setup("newest-3.13", "3.13", NEWEST),
    Setup("newest-3.14", "3.14", NEWEST),
    Setup(
        "sdks",
        "3.11",
        ("openai", "anthropic", "google-genai", "mistralai", "boto3", "hypothesis"),
        "tests/guard/sdks",
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.meter.compat", description=__doc__)
    parser.add_argument("--list", action="store_true", help="print the environments, and end")
    parser.add_argument("--lock", action="store_true", help="lock the newest versions, and end")
    parser.add_argument("names", nargs="*", metavar="name", help="some of the environments")
    told = parser.parse_args()
    chosen = [setup for setup in SETUPS if not told.names or setup.name in told.names]
    if told.list or not chosen:
        for setup in SETUPS:
            print(f"{setup.name:15} Python {setup.python:5} {' '.join(setup.packages)}")
        return 0 if told.list else 2
    if told.lock:
        for setup in chosen:
            _lock(setup)
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="costmon-compat-") as folder:
        for setup in chosen:
            is_good, said = _run(setup, Path(folder) / setup.name)
            failed += not is_good
            print(f"{setup.name:15} {'ok    ' if is_good else 'FAILED'} {said}", flush=True)
    return 1 if failed else 0


def _lock(setup: Setup) -> None:
    """Resolve for Linux: the newest versions of what the environment's row leaves open."""
    subprocess.run(
        [
            *("uv", "pip", "compile", "--quiet", "--upgrade", "--no-header", "--no-annotate"),
            *("--no-emit-index-url", "--no-emit-find-links"),
            *("--python-version", setup.python, "--python-platform", "linux"),
            *("-", "--output-file", str(setup.lock)),
        ],
        input="\n".join((*TOOLS, *setup.packages)),
        stdout=subprocess.DEVNULL,
        text=True,
        check=True,
    )


def _run(setup: Setup, folder: Path) -> tuple[bool, str]:
    interpreter = _interpreter(setup.python)
    if interpreter is None:
        return True, f"left out: there is no Python {setup.python} here"
    python = folder / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    for command in (
        [interpreter, "-m", "venv", str(folder)],
        [*pip, "install", "--quiet", "--no-deps", "-r", str(setup.lock)],
        [*pip, "check"],
    ):
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode:
            said = (made.stderr + made.stdout).strip().splitlines()
            return False, f"no environment: {said[-1] if said else command}"
    ran = subprocess.run(
        # Warnings of old frameworks on new Pythons are theirs.
        [
            *(str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *("-o", "filterwarnings=default", "--no-header", setup.tests),
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
    return not ran.returncode, f"{lines[-1].strip('= ')}; {_versions(setup)}"


def _versions(setup: Setup) -> str:
    wanted = (
        r"^((?:flask|werkzeug|fastapi|starlette|django|gevent|anyio|connexion|falcon|datasette|"
        r"channels|sentry-sdk|a2wsgi|openai|anthropic|google-genai|mistralai|boto3)==\S+)"
    )
    return ", ".join(re.findall(wanted, setup.lock.read_text("utf-8"), flags=re.MULTILINE))


def _interpreter(version: str) -> str | None:
    """Return a Python of that version: on the path, or of pyenv's; `None`: there is none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    for found in sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*/bin/python")):
        return str(found)
    return shutil.which(f"python{version}")


if __name__ == "__main__":
    sys.exit(main())
