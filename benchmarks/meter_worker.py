"""One contender in a process of its own: for each count it reads, the CPU ns that a request took.

Run by `benchmarks.meter_overhead`: `python -m benchmarks.meter_worker FRAMEWORK CONTENDER`. What a
contender hooks is its whole process's, so that no two can share one.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.meter_contenders import Asgi, metered_fastapi, metered_flask

_BODY = {"type": "http.request", "body": b"", "more_body": False}


def _environ(path: str) -> dict[str, Any]:
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": sys.stdin.buffer,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def _scope(path: str) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def _write(_chunk: bytes) -> None:
    pass


def _wsgi_loop(app: Callable[..., Any]) -> Callable[[int], None]:
    statuses: list[str] = []

    def started(status: str, _headers: object, _exc_info: object = None) -> Callable[..., None]:
        statuses.append(status)
        return _write

    def run(count: int) -> None:
        statuses.clear()
        for number in range(count):
            body = app(_environ(f"/users/{number}"), started)
            for _ in body:
                pass
            body.close()
        assert statuses == ["200 OK"] * count, statuses[:3]

    return run


def _asgi_loop(app: Asgi, folder: str) -> Callable[[int], None]:
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return _BODY

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    async def ask(path: str) -> None:
        await app(_scope(path), receive, send)

    async def every(count: int) -> None:
        loop = asyncio.get_running_loop()
        for number in range(count):
            # A task for each request, as servers make it.
            await loop.create_task(ask(f"/{folder}/{number}"))

    # One loop for all rounds: the first request sets up what lives as long as the loop.
    runner = asyncio.Runner()

    def run(count: int) -> None:
        statuses.clear()
        runner.run(every(count))
        assert statuses == [200] * count, statuses[:3]

    return run


def loop_of(framework: str, contender: str) -> Callable[[int], None]:
    """Return what makes a number of requests to `framework` with `contender` on it."""
    if framework == "flask":
        return _wsgi_loop(metered_flask(contender))
    return _asgi_loop(metered_fastapi(contender), framework)


def main(framework: str, contender: str) -> int:
    """Answer each count with the CPU ns a request took, until there are no more."""
    loop = loop_of(framework, contender)
    # One processor: threads that wake each other across two take now more, now less.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    for line in sys.stdin:
        count = int(line)
        began_ns = time.process_time_ns()
        loop(count)
        print((time.process_time_ns() - began_ns) / count, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
