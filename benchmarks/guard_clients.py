"""A request through a guarded client beside the same without a guard, on loopback.

Run: `python -m benchmarks.guard_clients`. The server is a process of its own and answers a short
JSON text at once, so that what is seen is the client and the guard.
"""

import contextlib
import importlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.report import Row, part, print_table
from benchmarks.turns import Loop, in_turns, ratio
from costmon.guard import Budget, Guard

ROUNDS = 9
CALLS = 300
_BODY = b'{"answer": 42}'


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer at once, in one packet."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(_BODY)))
        self.end_headers()
        self.wfile.write(_BODY)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        server.daemon_threads = True
        print(server.server_address[1], flush=True)
        server.serve_forever()


@contextlib.contextmanager
def _server() -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.guard_clients", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


def _loop(get: Callable[[str], Any], url: str) -> Loop:
    def loop(count: int) -> None:
        for _ in range(count):
            assert get(url).content == _BODY

    return loop


def _requests(guard: Guard) -> tuple[Any, Any]:
    requests: Any = importlib.import_module("requests")
    adapter: Any = importlib.import_module("costmon.guard.requests")
    sessions = requests.Session(), adapter.GuardedSession(guard)
    for session in sessions:
        session.trust_env = False
    return sessions


def _httpx(guard: Guard) -> tuple[Any, Any]:
    httpx: Any = importlib.import_module("httpx")
    adapter: Any = importlib.import_module("costmon.guard.httpx")
    return httpx.Client(trust_env=False), adapter.guarded_client(guard, trust_env=False)


def _compared(name: str, make: Callable[[Guard], tuple[Any, Any]]) -> list[Row]:
    with _server() as url, Guard(budgets=[Budget("host:*", 1000, "month")]) as guard:
        bare, guarded = make(guard)
        with bare, guarded:
            loops = {"bare": _loop(bare.get, url), "guarded": _loop(guarded.get, url)}
            taken = in_turns(loops, rounds=ROUNDS, count=CALLS)
    times = ratio(taken["guarded"], taken["bare"])
    return [
        Row(
            name=name,
            measured=f"{times:.2f}x",
            goal="-",
            met=True,
            note=f"{statistics.median(taken['guarded']) * 1e6:,.0f} us /"
            f" {statistics.median(taken['bare']) * 1e6:,.0f} us on loopback",
        )
    ]


def main() -> list[Row]:
    """Measure the clients that are installed and return the rows."""
    rows = []
    for module, make in (("requests", _requests), ("httpx", _httpx)):
        name = f"GET through {module}, guarded / not"
        rows += part(name, partial(_compared, name, make), modules=(module,))
    return rows


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        _serve()
    else:
        print_table(main())
