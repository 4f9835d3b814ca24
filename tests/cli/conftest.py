"""Ports and a running demo."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def unused_port() -> int:
    return free_port()


@dataclass(frozen=True)
class Demo:
    """A running demo, and the arguments that reach it."""

    port: int
    folder: Path

    @property
    def where(self) -> list[str]:
        return ["--port", str(self.port)]

    @property
    def state(self) -> list[str]:
        return ["--demo", "--state-dir", str(self.folder / "data")]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, _runtime_folder: str) -> Iterator[Demo]:
    """Run `costmon run --demo` for a module's tests."""
    folder = tmp_path_factory.mktemp("demo")
    running = Demo(port=free_port(), folder=folder)
    arguments = ["run", *running.state, *running.where, "--log-format", "json"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("COSTMON_", "DO_"))}
    environ["XDG_RUNTIME_DIR"] = _runtime_folder  # where commands find the token
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "costmon", *arguments], cwd=folder, env=environ, stderr=log
        )
    try:
        deadline = time.monotonic() + 50
        while not _answers(running.port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline, "the demo did not become ready"
            time.sleep(0.05)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (folder / "log").read_text()


def _answers(port: int) -> bool:
    """Tell whether all is well and the first cycle has been written, which is a moment later."""
    ready, _ = _get(port, "/readyz")
    _, history = _get(port, "/api/v1/costs/history?group_by=kind")
    return ready == 200 and b'"droplet"' in history


def _get(port: int, path: str) -> tuple[int | None, bytes]:
    with contextlib.suppress(OSError, http.client.HTTPException):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()
    return None, b""
