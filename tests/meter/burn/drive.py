"""Put requests to an application in this process, without a server between."""

import asyncio
import contextlib
import io
import random
import sys
import threading
from collections.abc import Awaitable, Callable, Iterable
from typing import Any


def paths(routes: Iterable[str], each: int, seed: int = 7) -> list[str]:
    """Return every route `each` times, mixed."""
    mixed = [route for route in routes for _ in range(each)]
    random.Random(seed).shuffle(mixed)
    return mixed


def environ(path: str, method: str = "GET") -> dict[str, Any]:
    """Return what a WSGI server would hand over."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def scope(path: str, method: str = "GET") -> dict[str, Any]:
    """Return what an ASGI server would hand over."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
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


def _started(_status, _headers, _exc_info=None):
    return lambda _chunk: None


def wsgi(app: Callable[..., Any], asked: list[str], threads: int) -> None:
    """Ask for every path, on `threads` threads at a time."""
    left = list(reversed(asked))

    def work():
        while True:
            try:
                path = left.pop()
            except IndexError:
                return
            body = app(environ(path), _started)
            try:
                for _ in body:
                    pass
            finally:
                if hasattr(body, "close"):
                    body.close()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


async def asgi(app: Callable[..., Awaitable[None]], asked: list[str], at_once: int) -> None:
    """Ask for every path, `at_once` at a time; return when all work of theirs is over."""
    left = list(reversed(asked))

    async def work():
        while left:
            await request(app, left.pop())

    own = asyncio.current_task()
    await asyncio.gather(*(work() for _ in range(at_once)))
    while others := asyncio.all_tasks() - {own}:
        await asyncio.wait(others)


async def request(app: Callable[..., Awaitable[None]], path: str) -> None:
    """Ask for one path, and hang up after the answer."""
    asked, answered = False, asyncio.Event()

    async def receive():
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    with contextlib.suppress(asyncio.CancelledError):
        await app(scope(path), receive, send)
