"""Metered workers and the service, as processes: whoever is killed, nobody is counted twice."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from costmon.meter.reporting.source import FileSource
from tests.journeys.service import PATIENCE_S, Service, run

pytestmark = pytest.mark.process

_WORKER = """
import sys
from costmon.meter.wsgi import MeteredWSGI

def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]

app = MeteredWSGI(app, service="shop", port=None, warmup_s=0)

def serve(count):
    for _ in range(count):
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SCRIPT_NAME": ""}
        answer = app(environ, lambda *_: None)
        assert b"".join(answer) == b"hello"
        getattr(answer, "close", int)()

print("ready", flush=True)
for line in sys.stdin:
    serve(int(line))
    print("served", flush=True)
"""


class Worker:
    """A metered program that serves as many requests as it is told to."""

    def __init__(self, runtime):
        self.process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            cwd=Service.ROOT,
            env={
                "PATH": os.environ["PATH"],
                "XDG_RUNTIME_DIR": str(runtime),
                "COSTMON_REPORT_SOCKET": str(runtime / "report.sock"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._expect("ready")

    def serve(self, count):
        assert self.process.stdin
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        self._expect("served")

    def end(self):
        assert self.process.stdin
        self.process.stdin.close()
        assert self.process.wait(PATIENCE_S) == 0

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)

    def _expect(self, word):
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{word}\n"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None and not stream.closed:
                stream.close()


@pytest.fixture
def runtime(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir(mode=0o700)
    return folder


@contextmanager
def served(tmp_path, vendor, runtime):
    """Run the service where workers look for it, and have it ready."""
    socket = str(runtime / "report.sock")
    with run(tmp_path, vendor, COSTMON_REPORT_SOCKET=socket) as service:
        service.when("/readyz", 200)
        yield service


def kept(service):
    """Return how many requests the service has kept when it ended."""
    document = json.loads((service.state / "meters.json").read_bytes())
    (shop,) = document["services"]
    snapshots = [it["snapshot"] for it in shop["workers"]] + [shop["past"]]
    return sum(row[3] for it in snapshots if it for row in it["whole"]["routes"])


def in_files(runtime):
    (shop,) = FileSource(runtime / "costmon" / "meter").services()
    return sum(row.requests for row in shop.routes)


def settle(runtime, count):
    """Wait until the worker's file says so many: then the service was told at the same time."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = FileSource(runtime / "costmon" / "meter").services()
        if found and sum(row.requests for row in found[0].routes) == count:
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def test_what_a_worker_measured_reaches_the_service_and_outlives_it(tmp_path, vendor, runtime):
    with served(tmp_path, vendor, runtime) as service:
        with Worker(runtime) as worker:
            worker.serve(40)
            worker.end()
        assert service.terminate() == 0

    assert kept(service) == 40
    assert in_files(runtime) == 40


def test_a_service_that_is_restarted_or_killed_counts_a_living_worker_once(
    tmp_path, vendor, runtime
):
    with Worker(runtime) as worker:
        worker.serve(10)
        with served(tmp_path, vendor, runtime) as service:
            service.wait_for("meters.service_appeared")
            assert service.terminate() == 0
        worker.serve(20)
        with served(tmp_path, vendor, runtime) as service:
            worker.serve(30)
            settle(runtime, 60)
            service.process.kill()
            service.process.wait(PATIENCE_S)
        with served(tmp_path, vendor, runtime) as service:
            worker.serve(40)
            worker.end()
            assert service.terminate() == 0

    assert kept(service) == 100


def test_a_worker_that_is_killed_loses_its_last_second_at_most(tmp_path, vendor, runtime):
    with served(tmp_path, vendor, runtime) as service:
        with Worker(runtime) as worker:
            worker.serve(7)
            settle(runtime, 7)
            worker.kill()
        assert in_files(runtime) == 7
        with Worker(runtime) as worker:
            worker.serve(5)
            worker.end()
        assert service.terminate() == 0

    assert 5 <= kept(service) <= 12
    assert in_files(runtime) == 5  # of the newest start


def test_a_damaged_file_of_the_service_is_said_and_nothing_else(tmp_path, vendor, runtime):
    state = tmp_path / "data"
    state.mkdir(mode=0o700)
    (state / "meters.json").write_text("{")

    with served(tmp_path, vendor, runtime) as service:
        service.wait_for("store.meters_damaged")
        assert service.terminate() == 0

    assert (state / "meters.bad").read_text() == "{"
