"""The wheel: everything is in it, and it runs where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

import pytest

from costmon import __version__

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.process, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with what is installed; nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        capture_output=True,
        check=True,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it into an environment that sees our dependencies, but not our checkout.

    Our own site-packages cannot be added whole: the editable install is in there.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    site = next(folder.glob("lib/python*/site-packages"))
    for source in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(source).iterdir():
            if "costmon" not in entry.name and entry.suffix != ".pth":
                (site / entry.name).symlink_to(entry)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "bin" / "python"


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    hidden = ("COSTMON_", "DO_", "PYTHON")
    return subprocess.run(
        [python, *arguments],
        cwd=cwd,
        env={name: text for name, text in os.environ.items() if not name.startswith(hidden)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


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


def bare_python(wheel: Path, folder: Path) -> Path:
    """Return a Python that has the wheel and the standard library."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    site = next(folder.glob("lib/python*/site-packages"))
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return folder / "bin" / "python"


def test_the_guard_works_on_the_wheel_and_the_standard_library_alone(wheel, tmp_path):
    program = """
import sys
before = set(sys.modules)
import costmon.guard
theirs = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(theirs - set(sys.stdlib_module_names)))
from costmon.guard import Budget, BudgetRefused, Guard
guard = Guard("sqlite:///guard.db", [Budget("global", "0.05", "total")])
for _ in range(5):
    guard.reserve("host:api.openai.com", "0.01").settle()
try:
    guard.reserve("global", "0.01")
except BudgetRefused as refused:
    print(refused.scope, refused.spent, guard.spent("provider:openai"))
guard.health.record("api.openai.com", "timeout", 1.0)
print(guard.retry("api.openai.com", lambda: "answered"))
guard.close()
"""

    done = run(bare_python(wheel, tmp_path / "bare"), "-c", program, cwd=tmp_path)

    assert done.stdout.splitlines() == ["['costmon']", "global 0.05 0.05", "answered"], done.stderr


def test_the_meter_works_on_the_wheel_and_the_standard_library_alone(wheel, tmp_path):
    program = """
import os, sys, threading, urllib.request, wsgiref.simple_server
os.environ["XDG_RUNTIME_DIR"] = os.getcwd()
import costmon.meter
from costmon.meter.wsgi import MeteredWSGI

class Quiet(wsgiref.simple_server.WSGIRequestHandler):
    def log_message(self, *told):
        pass

def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

metered = MeteredWSGI(application, service="bare", port=0)
server = wsgiref.simple_server.make_server("127.0.0.1", 0, metered, handler_class=Quiet)
serving = threading.Thread(target=server.serve_forever)
serving.start()
for _ in range(3):
    urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/").read()
server.shutdown()
serving.join()
server.server_close()
(row,) = costmon.meter.snapshot().routes
print(row.method, row.route, row.status, row.requests, row.bytes_out, row.cpu_ns > 0)
costmon.meter.stop()
theirs = {name.partition(".")[0] for name in sys.modules}
print(sorted(theirs & {"flask", "msgspec", "structlog", "requests", "pykka", "sqlalchemy"}))
"""

    done = run(bare_python(wheel, tmp_path / "bare"), "-c", program, cwd=tmp_path)

    told = ["GET (unmatched) 200 3 6 True", "[]"]
    assert (done.stdout.splitlines(), done.stderr) == (told, "")
