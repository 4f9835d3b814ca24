"""Put any number of requests through the meter, and see what is left of them in memory."""

import asyncio
import gc
import itertools
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from costmon.meter.measuring.aggregate import Aggregate

_ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr,
}
_BODY = b"answer"


class Held(NamedTuple):
    """What this process holds in memory.

    Attributes:
        blocks: Objects' pieces of memory that are in use.
        rss_bytes: Memory of the process, as the operating system sees it.
    """

    blocks: int
    rss_bytes: int


def held() -> Held:
    """Return what is in use after everything that can be forgotten is."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Held(sys.getallocatedblocks(), pages * 4096)


def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """A WSGI application that does nothing."""
    start_response("200 OK", [("Content-Length", str(len(_BODY)))])
    return [_BODY]


def wsgi(app: Callable[..., Any], count: int) -> None:
    """Make `count` requests to a WSGI application, with as many different paths."""

    def start_response(_status, _headers, _exc_info=None):
        return None

    for number in range(count):
        body = app({**_ENVIRON, "PATH_INFO": f"/users/{number}"}, start_response)
        for _ in body:
            pass
        if hasattr(body, "close"):
            body.close()


async def asgi_answer(_scope: Any, _receive: Any, send: Any) -> None:
    """An ASGI application that does nothing."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": _BODY})


async def asgi(app: Callable[..., Any], count: int) -> None:
    """Make `count` requests to an ASGI application, each in a task, with as many paths."""

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(_message):
        return None

    loop = asyncio.get_running_loop()
    for number in range(count):
        scope = {"type": "http", "method": "GET", "path": f"/users/{number}", "headers": []}
        await loop.create_task(app(scope, receive, send))


def times(seed: int) -> Iterator[int]:
    """Return times in ns from a microsecond to a day, for ever."""
    chance = random.Random(seed)
    # Made before, so that what is measured is not this.
    return itertools.cycle([int(10 ** chance.uniform(3, 13.9)) for _ in range(4_096)])


def direct(aggregate: Aggregate, count: int, seed: int = 1) -> None:
    """Count `count` requests of 40 routes, with times of every size."""
    cpu, wall = times(seed), times(seed + 1)
    for number in range(count):
        measure = aggregate.begin("GET")
        measure.route = f"/route/{number % 40}"
        measure.status = 200
        measure.cpu_ns = next(cpu)
        measure.bytes_out = 10
        measure.answered_ns = measure.ended_ns = measure.started_ns + next(wall)
        aggregate.record(measure)
