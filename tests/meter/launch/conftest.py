"""Programs that know nothing of us, run with the environment that metering needs."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import costmon
from costmon.meter.launch.environment import environment_of

PACKAGE = str(Path(costmon.__file__).parent)
Run = Callable[..., str]


@pytest.fixture
def run_metered(tmp_path: Path) -> Run:
    """Return a function that runs a program's text and returns what it printed."""

    def run(
        text: str,
        *,
        python: Path | str = sys.executable,
        path: str = "",
        package: str = PACKAGE,
        stderr: list[str] | None = None,
        **options: object,
    ) -> str:
        (tmp_path / "program.py").write_text(text)
        environ = environment_of(
            {
                "PATH": os.environ["PATH"],
                "PYTHONPATH": path,
                "XDG_RUNTIME_DIR": str(tmp_path),
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            package=package,
            options={"port": None, **options},
        )
        done = subprocess.run(
            [python, tmp_path / "program.py"],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        if stderr is None:
            assert done.stderr == ""
        else:
            stderr.append(done.stderr)
        return done.stdout

    return run
