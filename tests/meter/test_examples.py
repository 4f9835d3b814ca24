"""Every example runs by itself, is charged for what it does, and shows it on its dashboard."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "meter"
REPORTS = {
    "with_django.py": "/reports/<int:rows>",
    "with_fastapi.py": "/reports/{rows}",
    "with_flask.py": "/reports/<int:rows>",
}
STARTS_WITHIN_S = 30.0


def test_each_example_is_known_here():
    assert {path.name for path in EXAMPLES.glob("*.py")} == set(REPORTS)


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@contextmanager
def running(name: str, port: int, dashboard_port: int, folder: Path) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-W", "error", EXAMPLES / name, str(port), str(dashboard_port)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            try:
                get(port, "/")
                break
            except urllib.error.URLError:
                assert process.poll() is None, process.communicate()[1]
                assert time.monotonic() < deadline, "it does not answer"
                time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


@pytest.mark.process
@pytest.mark.parametrize("name", REPORTS)
def test_the_example_shows_what_its_routes_cost(name, tmp_path):
    pytest.importorskip(name.removeprefix("with_").removesuffix(".py"))
    tmp_path.chmod(0o700)
    port, dashboard_port = free_ports(2)

    with running(name, port, dashboard_port, tmp_path):
        for path in ("/reports/50", "/slow", "/nothing/1", "/nothing/2"):
            get(port, path)
        page_status, page = get(dashboard_port, "/")
        figures = json.loads(get(dashboard_port, "/api/v1/meter")[1])["data"]

    rows = {row["route"]: row for row in figures["seen"]}
    assert page_status == 200
    assert b"<html" in page
    assert set(rows) == {"/", REPORTS[name], "/slow", "(unmatched)"}
    assert rows["(unmatched)"]["requests"] == 2
    # Work is charged, waiting is not.
    assert rows[REPORTS[name]]["cpu_mean_ns"] > 5 * rows["/slow"]["cpu_mean_ns"]
    # A loop's sleep ends up to a tick of its clock too early.
    assert rows["/slow"]["wall_mean_ns"] >= 95_000_000
