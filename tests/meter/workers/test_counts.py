"""Under real servers with many processes, every request that was answered is in the sum."""

import tempfile
from pathlib import Path

import pytest

from costmon.meter.reporting.source import FileSource
from tests.meter.burn import servers

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

ASKED = 400
WSGI = "tests.meter.workers.counted:flask_app()"
ASGI = "tests.meter.workers.counted:fastapi_app"
# A worker that is told to end before it listens to signals never hears it: gunicorn kills it then.
GUNICORN = (
    *("gunicorn", "-b", "127.0.0.1:{port}", "--no-control-socket"),
    *("-w", "4", "--graceful-timeout", "5"),
)
UVICORN = ("uvicorn", "--factory", "--port", "{port}", "--log-level", "warning")


@pytest.fixture
def runtime():
    """Return a folder for the workers' files with a short name, which sockets need."""
    with tempfile.TemporaryDirectory(prefix="costmon-") as folder:
        yield Path(folder)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((*GUNICORN, WSGI), id="gunicorn-4-workers"),
        pytest.param((*GUNICORN, "--preload", WSGI), id="gunicorn-preload"),
        pytest.param((*GUNICORN, "--max-requests", "50", WSGI), id="gunicorn-recycled"),
        pytest.param((*GUNICORN, "-k", "gthread", "--threads", "4", WSGI), id="gunicorn-gthread"),
        pytest.param((*GUNICORN, "-k", "gevent", WSGI), id="gunicorn-gevent"),
        pytest.param((*UVICORN, "--workers", "2", ASGI), id="uvicorn-2-workers"),
    ],
)
def test_400_of_400_requests_are_counted(command, runtime, tmp_path):
    output = tmp_path / "server.txt"
    environment = {"XDG_RUNTIME_DIR": str(runtime)}
    with servers.running(command, output=output, environment=environment) as server:
        workers = server.load([f"/items/{number}" for number in range(ASKED)], 8)

    (counted,) = FileSource(runtime / "costmon" / "meter").services()
    route = "/items/{item_id}" if ASGI in command else "/items/<int:item_id>"
    assert len(set(workers)) > 1
    assert {row.key: row.requests for row in counted.routes} == {("GET", route, 200, ""): ASKED}, (
        output.read_text()
    )
    assert counted.faults == 0
    assert counted.service == "counted"
