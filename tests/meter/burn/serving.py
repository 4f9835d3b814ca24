"""The burn under real servers: what to start, what to ask, what share must be in routes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.meter.burn import async_app, drive, servers, sync_app

_GUNICORN = ("gunicorn", "-b", "127.0.0.1:{port}", "-w", "1", "--no-control-socket")
_FLASK = "tests.meter.burn.served:flask_app()"


class Serving(NamedTuple):
    """One server.

    Attributes:
        command: A module of Python, and its arguments.
        routes: Of its application.
        at_once: Requests at a time.
        keep_alive: Whether clients keep their connections.
        attributed: Share of the process's CPU that must be in a route, at least.
    """

    command: Sequence[str]
    routes: Sequence[str]
    at_once: int
    keep_alive: bool
    attributed: float


SERVERS = {
    "gunicorn": Serving((*_GUNICORN, _FLASK), sync_app.ROUTES, 2, False, 0.88),
    "gunicorn gthread": Serving(
        (*_GUNICORN, "-k", "gthread", "--threads", "8", _FLASK), sync_app.ROUTES, 8, True, 0.88
    ),
    "uvicorn": Serving(
        (
            "uvicorn",
            "--factory",
            "--port",
            "{port}",
            "--log-level",
            "warning",
            "tests.meter.burn.served:fastapi_app",
        ),
        async_app.ROUTES,
        16,
        True,
        0.95,
    ),
}


def burned(serving: Serving, each: int, *, rival: bool = False) -> dict[str, Any]:
    """Return what was burned and measured: as a line of the program that needs no server.

    Args:
        serving: The server.
        each: Requests of each route.
        rival: Whether cloudmeter is on the same requests.
    """
    with tempfile.TemporaryDirectory(prefix="costmon-") as folder:
        environment = {"XDG_RUNTIME_DIR": folder, "BURN_RIVAL": "yes" if rival else ""}
        output = Path(folder) / "server.txt"
        with servers.running(serving.command, output=output, environment=environment) as server:
            server.load(drive.paths(serving.routes, 1), 1)
            server.told("/burn/begin")
            server.load(
                drive.paths(serving.routes, each), serving.at_once, keep_alive=serving.keep_alive
            )
            found: dict[str, Any] = server.told("/burn/result")
            return found
