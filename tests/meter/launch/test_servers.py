"""Real servers, metered from outside: every request of every worker counts."""

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from costmon.meter.reporting.source import FileSource

pytestmark = pytest.mark.process

REQUESTS = 40
FLASK = """
from flask import Flask
app = Flask("shop")
@app.get("/users/<int:uid>")
def user(uid):
    return {"uid": uid}
"""
FASTAPI = """
from fastapi import FastAPI
app = FastAPI()
@app.get("/users/{uid}")
async def user(uid: int):
    return {"uid": uid}
"""
DJANGO = """
import os, sys
from django.conf import settings
if not settings.configured:
    settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], SECRET_KEY="x")
from django.http import HttpResponse
from django.urls import path
urlpatterns = [path("users/<int:uid>", lambda request, uid: HttpResponse("u"))]
if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line(["manage.py", "runserver", "--noreload", sys.argv[1]])
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def served(folder: Path, text: str, command: list[str], port: int) -> Iterator[None]:
    """Run a server below `costmon meter run` until the context ends, then stop it in good order."""
    (folder / "application.py").write_text(text)
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "XDG_RUNTIME_DIR": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    options = ["--no-dashboard", "--warmup-s", "0", "--service", "shop"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "costmon", "meter", "run", *options, "--", *command],
            cwd=folder,
            env=environ,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + 30
        while not _listens(port):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.02)
        yield
    finally:
        # Each in the way that lets its workers end in good order.
        server.send_signal(signal.SIGTERM if command[0] == "gunicorn" else signal.SIGINT)
        try:
            server.wait(20)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def ask(port: int) -> None:
    for number in range(REQUESTS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request("GET", f"/users/{number}", headers={"Connection": "close"})
            assert connection.getresponse().status == 200
        finally:
            connection.close()


def counted(folder: Path) -> dict[str, int]:
    """Return requests by the first part of their route, as every worker has left them."""
    return {
        row.route[:6]: row.requests
        for snapshot in FileSource(folder / "costmon" / "meter").services()
        for row in snapshot.routes
        if row.method == "GET"
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o700)
    return tmp_path


SERVERS = {
    "gunicorn preloaded": (FLASK, "gunicorn -w 2 --preload -b 127.0.0.1:{port} application:app"),
    "gunicorn recycling": (
        FLASK,
        "gunicorn -w 2 --max-requests 10 --graceful-timeout 5 -b 127.0.0.1:{port} application:app",
    ),
    "flask": (FLASK, "flask --app application run --port {port}"),
    "uvicorn": (FASTAPI, "uvicorn --workers 2 --port {port} application:app"),
    "django": (DJANGO, "python application.py {port}"),
}


@pytest.mark.parametrize("name", SERVERS)
def test_every_request_is_counted(folder, name):
    text, line = SERVERS[name]
    port = free_port()
    command = line.format(port=port).split()
    if (
        command[0] != "python"
        and shutil.which(command[0], path=Path(sys.executable).parent) is None
    ):
        pytest.skip(f"{command[0]} is not installed")

    with served(folder, text, command, port):
        ask(port)

    assert counted(folder) == {"/users": REQUESTS}, (folder / "log").read_text()
