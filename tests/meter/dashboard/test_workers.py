"""Several real workers, one page: it shows them all, and outlives the worker that serves it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.meter.dashboard.conftest import ask

pytest.importorskip("gunicorn", reason="gunicorn is not installed")
pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

ROOT = Path(__file__).parents[3]
APP = """
import flask
from costmon.meter.flask import CostMeter

app = flask.Flask("shop")

@app.get("/orders/<int:number>")
def show_order(number):
    return "ok"

CostMeter(app, service="shop", warmup_s=0, port={port})
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@pytest.fixture(params=[(), ("--preload",)], ids=["workers", "preload"])
def served(request, tmp_path):
    """Return the ports of an application with 3 workers and of its dashboard, and who leads."""
    port, dashboard = free_port(), free_port()
    (tmp_path / "shop.py").write_text(APP.format(port=dashboard))
    (tmp_path / "run").mkdir(mode=0o700)
    hidden = ("COSTMON_", "XDG_", "GUNICORN_")
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "gunicorn", "shop:app", "-w", "3", "-b", f"127.0.0.1:{port}"),
            *("--chdir", str(tmp_path), "--graceful-timeout", "2", *request.param),
        ],
        env={
            **{name: text for name, text in os.environ.items() if not name.startswith(hidden)},
            "XDG_RUNTIME_DIR": str(tmp_path / "run"),
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield port, dashboard, server.pid
    server.terminate()
    try:
        server.wait(10)
    finally:
        server.kill()
        server.wait()


def until(question, what):
    """Return the first answer that is one."""
    pause = threading.Event()
    for _ in range(300):
        try:
            answer = question()
        except (OSError, http.client.HTTPException):
            answer = None
        if answer:
            return answer
        pause.wait(0.1)
    pytest.fail(f"{what} never came")


def shown(dashboard):
    return ask(dashboard).json["data"] or {"requests": 0, "processes": 0}


def test_one_page_shows_all_workers_and_outlives_the_one_that_serves_it(served):
    port, dashboard, master = served
    until(lambda: ask(port, "/orders/1").status == 200, "the application")
    sent = 1

    def counted_by_two():
        nonlocal sent
        for number in range(20):
            assert ask(port, f"/orders/{number}").status == 200
            sent += 1
        return shown(dashboard)["processes"] >= 2

    until(counted_by_two, "a second worker")
    view = until(lambda: (it := shown(dashboard))["requests"] >= sent and it, "all requests")
    assert view["requests"] == sent
    assert [route["route"] for route in view["projection"]["routes"]] == ["/orders/<int:number>"]

    identity = json.loads(ask(dashboard, "/api/v1/meter/identity").body)
    if identity["pid"] == master:
        return  # which loaded the application: its end is the end of all
    # Whoever dies like this has handed over what it counted more than a second ago.
    until(lambda: threading.Event().wait(1.5) or True, "a moment")
    os.kill(identity["pid"], signal.SIGKILL)

    def another():
        ask(port, "/orders/1")
        told = json.loads(ask(dashboard, "/api/v1/meter/identity").body)
        return told["pid"] != identity["pid"]

    until(another, "another worker's page")
    assert until(lambda: shown(dashboard)["requests"] >= sent, "what was counted before")
