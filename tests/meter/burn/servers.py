"""Run a real server on a free port of loopback, put load on it from outside, and end it."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
_START_S = 20.0
_STOP_S = 10.0


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A running server.

    Attributes:
        port: On 127.0.0.1.
        process: Its first process; the others are its children.
    """

    def __init__(self, port: int, process: "subprocess.Popen[str]") -> None:
        self.port = port
        self.process = process

    def get(self, path: str) -> bytes:
        """Return the body of an answer of 200, over a connection of its own."""
        connection = self._connection()
        try:
            return _got(connection, path)
        finally:
            connection.close()

    def told(self, path: str) -> Any:
        """Return the JSON of an answer of 200."""
        return json.loads(self.get(path))

    def load(self, asked: Sequence[str], at_once: int, *, keep_alive: bool = False) -> list[bytes]:
        """Return what every path is answered with, `at_once` at a time; all must be answered.

        Args:
            asked: The paths.
            at_once: How many at a time.
            keep_alive: Whether each of those keeps its connection, as proxies do.
        """
        left, failed, contents = list(reversed(asked)), [], []

        def work():
            connection = self._connection()
            with contextlib.closing(connection):
                while True:
                    try:
                        path = left.pop()
                    except IndexError:
                        return
                    try:
                        contents.append(_got(connection, path))
                    except (AssertionError, OSError, http.client.HTTPException) as error:
                        failed.append(f"{path}: {error!r}")
                    if not keep_alive:
                        connection.close()

        workers = [threading.Thread(target=work) for _ in range(at_once)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not failed, failed
        return contents

    def _connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)


def _got(connection: http.client.HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status == 200, (path, answer.status, content)
    return content


@contextlib.contextmanager
def running(
    command: Sequence[str], *, output: Path, environment: Mapping[str, str]
) -> Iterator[Server]:
    """Start `command`, in which `{port}` is replaced, and end it as an operator would.

    Args:
        command: A module of Python and its arguments, such as `gunicorn` and what follows it.
        output: The file that what the server prints goes to.
        environment: Added to our own.
    """
    port = free_port()
    words = [word.replace("{port}", str(port)) for word in command]
    with output.open("w") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    try:
        _await_port(process, port, output)
        yield Server(port, process)
        process.send_signal(signal.SIGTERM)
        process.wait(_STOP_S)
    finally:
        # Its whole session, so that no worker outlives a failed test.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_STOP_S)


def _await_port(process, port, output):
    until_s = time.monotonic() + _START_S
    while time.monotonic() < until_s:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.05)
    message = f"the server did not open port {port}:\n{output.read_text()}"
    raise AssertionError(message)
