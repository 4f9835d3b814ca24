"""The wheel: everything is in it, and it runs where there is no checkout."""

import sysconfig
import tempfile
import zipfile
from pathlib import Path

import pytest

from costmon import __version__
from tests.architecture.installed import ROOT, python_with, run, site_of

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it into an environment that sees our dependencies, but not our checkout.

    Our own site-packages cannot be added whole: the editable install is in there.
    """
    folder = tmp_path_factory.mktemp("installed")
    python = python_with(wheel, folder)
    for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(source).iterdir():
            if "costmon" not in entry.name and entry.suffix != ".pth":
                (site_of(folder) / entry.name).symlink_to(entry)
    return python


def test_everything_that_is_not_code_is_in_the_wheel(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    assets = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "costmon").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    migrations = {
        f"costmon/_migrations/{path.relative_to(ROOT / 'migrations').as_posix()}"
        for path in (ROOT / "migrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    assert migrations
    assert sorted((assets | migrations) - packed) == []


def test_nothing_else_is_in_the_wheel(wheel):
    packed = zipfile.ZipFile(wheel).namelist()

    assert [
        name for name in packed if not name.startswith(("costmon/", f"costmon-{__version__}."))
    ] == []


def test_the_installed_wheel_tells_its_version(installed, tmp_path):
    done = run(installed, "-m", "costmon", "--version", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (0, f"costmon {__version__}\n"), done.stderr


def test_the_installed_wheel_is_not_the_checkout(installed, tmp_path):
    done = run(installed, "-c", "import costmon; print(costmon.__file__)", cwd=tmp_path)

    assert str(ROOT) not in done.stdout


def test_the_installed_wheel_runs_the_demo_once(installed):
    # A short path: the state directory holds a Unix socket.
    with tempfile.TemporaryDirectory(prefix="costmon-") as folder:
        done = run(installed, "-m", "costmon", "run", "--demo", "--once", cwd=Path(folder))

        assert done.returncode == 0, done.stderr[-3000:]
        assert "DEMO" in done.stdout
        assert (Path(folder) / "data-demo" / "costmon.db").exists()
