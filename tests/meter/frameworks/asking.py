"""Ask an ASGI application in this thread, without a server, as a server would."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


def _paths_are_whole() -> bool:
    """Tell whether Starlette wants `root_path` before the path: since 0.33, as ASGI says."""
    try:
        from starlette import _utils
    except ImportError:
        return True
    return hasattr(_utils, "get_route_path")


_PATHS_ARE_WHOLE = _paths_are_whole()


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def a_scope(
    path: str,
    method: str = "GET",
    *,
    root_path: str = "",
    headers: Iterable[tuple[str, str]] = (),
    kind: str = "http",
    query: str = "",
) -> dict[str, Any]:
    given = [("host", "testserver"), *headers]
    if any(name == "host" for name, _ in given[1:]):
        given = given[1:]
    scope: dict[str, Any] = {
        "type": kind,
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "scheme": "http" if kind == "http" else "ws",
        "path": root_path + path if _PATHS_ARE_WHOLE else path,
        "raw_path": (root_path + path).encode(),
        "query_string": query.encode(),
        "root_path": root_path,
        "headers": [(name.encode(), value.encode()) for name, value in given],
        "client": ("127.0.0.1", 50000),
        "server": ("testserver", 80),
    }
    if kind == "http":
        scope["method"] = method
    else:
        scope["subprotocols"] = []
    return scope


async def asked(
    app: App, scope: Scope, body: bytes = b"", *, hangs_up: asyncio.Event | None = None
) -> Answer:
    """Send one request; after its body the client waits, until it hangs up if it does.

    The status of no answer is 0.
    """
    sent: list[Message] = []
    given = [{"type": "http.request", "body": body, "more_body": False}]
    done = asyncio.Event()

    async def receive() -> Message:
        if given:
            return given.pop(0)
        await (hangs_up or done).wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    done.set()
    nothing: Message = {"status": 0}
    start = next((said for said in sent if said["type"] == "http.response.start"), nothing)
    return Answer(
        start["status"],
        {name.decode().lower(): value.decode() for name, value in start.get("headers", [])},
        b"".join(
            message.get("body", b"") for message in sent if message["type"] == "http.response.body"
        ),
    )


def ask(app: App, path: str, method: str = "GET", *, body: bytes = b"", **scope: Any) -> Answer:
    """Return the answer to one request, in an event loop of its own."""
    return asyncio.run(asked(app, a_scope(path, method, **scope), body))
