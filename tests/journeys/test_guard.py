"""An operator stops spending and lets it go on, with the real process."""

import json
import os
import socket
import subprocess
import sys
import threading
from typing import Any

import pytest

from costmon.clock import SystemClock
from costmon.intake.frame import frame, read_frame
from tests.journeys.service import ME, PATIENCE_S, Service, run

pytestmark = pytest.mark.process

SCOPE = "host:api.example.com"
CIRCUIT = f"/api/v1/circuits/{SCOPE}"


def command(service: Service, *arguments: str, stdin: str = "") -> str:
    """Run a command against the service as its operator does; return what it printed."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "costmon", *arguments],
        cwd=service.directory,
        env={
            **kept,
            "COSTMON_PORT": str(service.port),
            "COSTMON_STATE_DIR": str(service.state),
            "PYTHONPATH": str(Service.ROOT),
        },
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Watcher:
    """A guard's connection that asks what holds."""

    def __init__(self, service: Service) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(str(service.state / "report.sock"))

    def ask(self, revision: str | None = None, *, wait: float = 0) -> Any:
        content = json.dumps({"op": "policy", "revision": revision, "wait": wait}).encode()
        self._socket.settimeout(PATIENCE_S)
        self._socket.sendall(frame(content))
        answer = read_frame(self._socket, idle_s=70, whole_s=5, clock=SystemClock())
        assert answer is not None
        return json.loads(answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()


def test_a_circuit_is_opened_by_command_and_closed_at_the_console(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when("/readyz", 200)
        assert service.get(CIRCUIT).json()["data"]["state"] == "closed"

        said = command(service, "circuits", "open", SCOPE, "--reason", "a loop", "--author", "ada")
        opened = service.get(CIRCUIT).json()["data"]
        told = command(
            service, "console", stdin=f'circuits()\nclose_circuit("{SCOPE}", "it was fixed")\n'
        )
        closed = service.get(CIRCUIT).json()["data"]
        code = service.terminate()

    assert said == f"{SCOPE} is open\n"
    assert (opened["state"], opened["reason"], opened["author"]) == ("open", "a loop", ME)
    assert "a loop" in told
    assert told.endswith(f"{SCOPE} is closed\n")
    assert closed["state"] == "closed"
    assert code == 0


def test_an_open_circuit_is_open_after_a_restart(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when("/readyz", 200)
        command(service, "circuits", "open", SCOPE, "--reason", "a loop")
        assert service.terminate() == 0

    with run(tmp_path, vendor) as service:
        answer = service.when(CIRCUIT, 200).json()["data"]

    assert (answer["state"], answer["reason"]) == ("open", "a loop")


def test_a_guard_that_waits_hears_of_a_circuit_at_once_and_of_the_end_of_the_service(
    tmp_path, vendor
):
    with run(tmp_path, vendor) as service, Watcher(service_ready(service)) as watcher:
        first = watcher.ask()["body"]["data"]
        heard: list[dict[str, Any]] = []
        waiting = threading.Thread(
            target=lambda: heard.append(watcher.ask(first["revision"], wait=60))
        )
        waiting.start()

        command(service, "circuits", "open", "host:*", "--reason", "everything")
        waiting.join(PATIENCE_S)
        (second,) = heard
        revision = second["body"]["data"]["revision"]
        ended = threading.Thread(target=lambda: heard.append(watcher.ask(revision, wait=60)))
        ended.start()
        code = service.terminate()
        ended.join(PATIENCE_S)

    assert second["status"] == 200
    assert [circuit["scope"] for circuit in second["body"]["data"]["circuits"]] == ["host:*"]
    assert heard[1]["status"] in {304, 503}
    assert code == 0
    assert not (service.state / "report.sock").exists()


def service_ready(service: Service) -> Service:
    """Return the service once it is ready."""
    service.when("/readyz", 200)
    return service
