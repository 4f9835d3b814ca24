"""The same bounds under real servers, whose own work is in no route."""

import json
import sys

import pytest

from tests.meter.burn import async_app, drive, servers, sync_app
from tests.meter.burn.score import Score, score

pytestmark = [pytest.mark.process, pytest.mark.timeout(120)]

GUNICORN = ("gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--no-control-socket")
SYNC = (*GUNICORN, "tests.meter.burn.served:flask_app()")
THREADS = (*GUNICORN, "-k", "gthread", "--threads", "8", "tests.meter.burn.served:flask_app()")
UVICORN = (
    "uvicorn",
    "--factory",
    "--port",
    "{port}",
    "--log-level",
    "warning",
    "tests.meter.burn.served:fastapi_app",
)


def burned(command, routes, each, at_once, output) -> Score:
    environment = {"XDG_RUNTIME_DIR": str(output.parent)}
    with servers.running(command, output=output, environment=environment) as server:
        server.load(drive.paths(routes, 1), 1)
        server.told("/burn/begin")
        server.load(drive.paths(routes, each), at_once, keep_alive="uvicorn" in command)
        found = server.told("/burn/result")
    json.dump(found, sys.stdout)
    return score(found["ours"], found["truth"], found["process_cpu_ns"])


def missed(found, attributed):
    return (
        not attributed <= found.attributed <= 1.01
        or found.mean_error > 0.10
        or found.wrong_share > 0.03
    )


@pytest.mark.parametrize(
    ("command", "routes", "at_once", "attributed"),
    [
        pytest.param(SYNC, sync_app.ROUTES, 2, 0.88, id="gunicorn-sync"),
        pytest.param(THREADS, sync_app.ROUTES, 8, 0.88, id="gunicorn-gthread"),
        pytest.param(UVICORN, async_app.ROUTES, 16, 0.95, id="uvicorn"),
    ],
)
def test_each_route_is_charged_what_it_burned(command, routes, at_once, attributed, tmp_path):
    found = burned(command, routes, 6, at_once, tmp_path / "server.txt")
    if missed(found, attributed):
        print(f"again, in case the machine was busy: {found}")
        found = burned(command, routes, 6, at_once, tmp_path / "server-again.txt")

    assert not missed(found, attributed), found
