"""Run the real process and talk to it as its user does."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from costmon.config.user import name_of_user
from costmon.demo.server import DemoServer
from costmon.store.migrate import upgrade
from costmon.testing.stub import StubServer

PATIENCE_S = 20.0
CURRENT = "/api/v1/costs/current"
ME = name_of_user(os.geteuid())
TOKEN = "planted-secret-0123456789abcdef"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


_TEMPLATE = tempfile.TemporaryDirectory(prefix="costmon-template-")


@cache
def _empty_database() -> Path:
    path = Path(_TEMPLATE.name) / "costmon.db"
    upgrade(f"sqlite:///{path}")
    return path


class Service:
    """`python -m costmon run` in a process of its own, in a directory of its own.

    It finds an empty database there, which takes a fifth less processor time than to make one.

    Args:
        directory: Where it runs.
        arguments: Of `costmon run`.
        stdin: What it reads.
        module: What Python runs.
        environment: Variables that it gets beside a few of ours.
    """

    ROOT = Path(__file__).parents[2]
    makes_database = False

    def __init__(
        self,
        directory: Path,
        *arguments: str,
        stdin: str = "",
        module: str = "costmon",
        **environment: str,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.state = directory / "data"
        if not self.makes_database and not self.state.exists():
            self.state.mkdir(0o700)
            shutil.copy(_empty_database(), self.state)
        self.port = free_port()
        self.lines: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self._heard = threading.Condition()
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-m", module, "run", *arguments],
            cwd=directory,
            env={
                **kept,
                "COSTMON_PORT": str(self.port),
                "COSTMON_STATE_DIR": str(self.state),
                "COSTMON_LOG_FORMAT": "json",
                "PYTHONPATH": str(self.ROOT),
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if self.process.stdin is not None:
            self.process.stdin.write(stdin)
            self.process.stdin.close()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            with self._heard:
                self.raw.append(text)
                if text.startswith("{"):
                    self.lines.append(json.loads(text))
                self._heard.notify_all()
        with self._heard:
            self._heard.notify_all()

    def heard(self, event: str, **facts: object) -> list[dict[str, Any]]:
        return [
            line
            for line in self.lines
            if line.get("event") == event
            and all(line.get(key) == value for key, value in facts.items())
        ]

    def wait_for(self, event: str, *, count: int = 1, **facts: object) -> dict[str, Any]:
        """Return the `count`-th such log line, when it comes."""
        deadline = time.monotonic() + PATIENCE_S
        with self._heard:
            while len(found := self.heard(event, **facts)) < count:
                left = deadline - time.monotonic()
                assert left > 0, f"no {count} x {event} {facts} in:\n{''.join(self.raw)[-6000:]}"
                assert self.process.poll() is None, f"ended:\n{''.join(self.raw)[-6000:]}"
                self._heard.wait(min(left, 0.2))
        return found[count - 1]

    def wait_until_only_the_inventory_is_polled(self) -> None:
        """Wait until charges and usage are read, which come again in an hour at the earliest."""
        for reading in ("charges", "usage"):
            self.wait_for("persister.reading_recorded", reading=reading)

    def authorization(self) -> dict[str, str]:
        """Return the header that decisions need where no token is set: the service made one."""
        token = self.state / "api-token"
        return {"Authorization": f"Bearer {token.read_text().strip()}"} if token.exists() else {}

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        if method != "GET":
            headers = {**self.authorization(), **headers}
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return Answer(response.status, dict(response.headers), response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read())

    def when(self, path: str, status: int) -> Answer:
        """Return the first answer with that status, when it comes."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = self.get(path)
            except (urllib.error.URLError, ConnectionError):
                answer = None
            if answer is not None and answer.status == status:
                return answer
            assert time.monotonic() < deadline, f"{path} never answered {status}: {answer}"
            assert self.process.poll() is None, f"ended:\n{''.join(self.raw)[-6000:]}"
            time.sleep(0.02)

    def terminate(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> int:
        """Wait for the end, and for the last of its output; return the exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


class FirstService(Service):
    """A service that starts for the first time, and makes its database."""

    makes_database = True


def run(
    directory: Path,
    vendor: DemoServer | StubServer,
    *arguments: str,
    stdin: str = "",
    module: str = "costmon",
    **environment: str,
) -> Service:
    """Run the service against a simulated vendor, polling several times a second."""
    return Service(
        directory,
        *arguments,
        stdin=stdin,
        module=module,
        **{
            "DO_API_TOKEN": TOKEN,
            "DO_API_URL": vendor.base_url if isinstance(vendor, DemoServer) else vendor.url,
            "COSTMON_POLL_INTERVAL": "0.3s",
            **environment,
        },
    )


def cycles(service: Service) -> list[str]:
    """Return the ids of all cycles in the history, read by hand."""
    with closing(sqlite3.connect(service.state / "costmon.db")) as database:
        return [row[0] for row in database.execute("select cycle_id from poll_cycle")]
