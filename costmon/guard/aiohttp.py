"""Guard aiohttp: one lease for every request that is sent, including retries and redirects.

```python
async with aiohttp.ClientSession(middlewares=(guard_middleware(guard),)) as session: ...
async with GuardedSession(guard) as session: ...
```

Needs aiohttp 3.12 or newer, which has client middlewares. Refusals (`CallRefused`) are raised
unchanged. Middlewares of a single request replace those of the session, so include the guard's.
"""

import weakref
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
from aiohttp import ClientRequest, ClientResponse, StreamReader
from aiohttp.payload import BytesPayload, Payload

from costmon.guard.clients.costing import Costing
from costmon.guard.clients.exchange import Exchange
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.reentrancy import covered, is_covered
from costmon.guard.clients.wire_call import WireCall, wire_call

Handler = Callable[[ClientRequest], Awaitable[ClientResponse]]
Middleware = Callable[[ClientRequest, Handler], Awaitable[ClientResponse]]

_UNSENT = (
    aiohttp.ClientConnectorError,  # name not found, connection refused, no handshake
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
)


def guard_middleware(guard: Gatekeeper, costing: Costing | None = None) -> Middleware:
    """Return a client middleware that asks a guard before each request; put it last."""
    costs = costing or Costing()

    async def guarded(request: ClientRequest, handler: Handler) -> ClientResponse:
        return await guarded_send(guard, costs, request, handler)

    return guarded


def GuardedSession(  # noqa: N802 - returns a session, as a class would; aiohttp discourages subclassing
    guard: Gatekeeper,
    costing: Costing | None = None,
    *,
    middlewares: tuple[Middleware, ...] = (),
    **options: Any,
) -> aiohttp.ClientSession:
    """Return a `ClientSession` with the guard after its other middlewares."""
    chain = (*middlewares, guard_middleware(guard, costing))
    return aiohttp.ClientSession(middlewares=chain, **options)


async def guarded_send(
    guard: Gatekeeper, costing: Costing, request: ClientRequest, handler: Handler
) -> ClientResponse:
    """Send one request if the guard allows it, waiting for budget without blocking the loop."""
    if is_covered():
        return await handler(request)
    exchange = await Exchange.begin_async(guard, costing, _call(request))
    # aiohttp made the request for this one attempt, so the caller's arguments do not change.
    request.headers.update(exchange.headers)
    restore = _count_upload(request, exchange)
    try:
        with covered():
            response = await handler(request)
    except BaseException as error:
        restore()
        exchange.failed(error, unsent=isinstance(error, _UNSENT))
        raise
    _watch(response, exchange, restore)
    return response


def _call(request: ClientRequest) -> WireCall:
    body = request.body
    whole: bytes | None = None
    size: int | None = 0
    if isinstance(body, BytesPayload):
        whole = bytes(body._value)
        size = len(whole)
    elif isinstance(body, Payload):
        size = body.size
    return wire_call(request.method, str(request.url), request.headers.items(), whole, size)


def _count_upload(request: ClientRequest, exchange: Exchange) -> Callable[[], None]:
    """Count a body that is produced while it is sent; return a function that stops it."""
    body = request.body
    if not isinstance(body, Payload) or isinstance(body, BytesPayload) or body.size is not None:
        return lambda: None
    write = body.write_with_length

    async def counted(writer: Any, length: int | None) -> None:
        await write(_CountingWriter(writer, exchange), length)  # type: ignore[arg-type]  # same interface

    body.write_with_length = counted  # type: ignore[method-assign,assignment]  # on this one payload

    def restore() -> None:
        body.__dict__.pop("write_with_length", None)

    return restore


class _CountingWriter:
    """Counts what a payload writes."""

    def __init__(self, writer: Any, exchange: Exchange) -> None:
        self._writer = writer
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    async def write(self, chunk: Any, **options: Any) -> None:
        """Write and count."""
        self._exchange.sent(memoryview(chunk).nbytes)
        await self._writer.write(chunk, **options)


def _watch(response: ClientResponse, exchange: Exchange, restore: Callable[[], None]) -> None:
    """Let the exchange inspect what is read from a response."""
    content = response.content
    plain = "content-encoding" not in response.headers
    # aiohttp has decoded the content unless the session disables that.
    decoded = plain or getattr(content, "total_compressed_bytes", None) is not None
    exchange.answered(response.status, response.headers.items(), decoded=decoded)
    response.content = _Content(content, exchange)
    _let_go(response, content)
    exchange.watch(response)
    content.on_eof(restore)
    if content.at_eof():
        exchange.completed()


def _let_go(response: ClientResponse, content: StreamReader) -> None:
    """Allow a response that the program dropped to be garbage-collected.

    The open connection refers to it, to signal the end of the content: without this, it would keep
    its lease and the connection for as long as the server keeps the connection open.
    """
    callbacks: list[Any] = getattr(content, "_eof_callbacks", [])
    for place, callback in enumerate(callbacks):
        if getattr(callback, "__self__", None) is response:
            callbacks[place] = partial(_call_weakly, weakref.WeakMethod(callback))


def _call_weakly(method: "weakref.WeakMethod[Callable[[], None]]") -> None:
    callback = method()
    if callback is not None:
        callback()


class _Content(StreamReader):
    """The content of a response, inspected while it is read; everything else is delegated.

    The fields of its base class are never set, so that all attributes are the real content's.
    """

    __slots__ = ("_exchange", "_real")

    def __init__(self, real: StreamReader, exchange: Exchange) -> None:
        self._real = real
        self._exchange = exchange

    def __getattr__(self, name: str) -> Any:
        if name in {"_real", "_exchange"}:
            raise AttributeError(name)
        return getattr(self._real, name)

    def __repr__(self) -> str:
        return repr(self._real)

    def _seen(self, data: bytes) -> bytes:
        exchange = self._exchange
        if not exchange.over:
            if data:
                exchange.received(data)
            if self._real.at_eof():
                exchange.weighed(self._real.total_raw_bytes)
                exchange.completed()
        return data

    async def read(self, n: int = -1) -> bytes:
        """Read from the real content."""
        try:
            return self._seen(await self._real.read(n))
        except Exception:
            self._exchange.broken()
            raise

    async def readany(self) -> bytes:
        """Read from the real content."""
        try:
            return self._seen(await self._real.readany())
        except Exception:
            self._exchange.broken()
            raise

    async def readuntil(self, separator: bytes = b"\n", **options: Any) -> bytes:
        """Read from the real content."""
        try:
            return self._seen(await self._real.readuntil(separator, **options))
        except Exception:
            self._exchange.broken()
            raise

    async def readline(self, **options: Any) -> bytes:
        """Read from the real content."""
        return await self.readuntil(**options)

    async def readexactly(self, n: int) -> bytes:
        """Read from the real content."""
        try:
            return self._seen(await self._real.readexactly(n))
        except Exception:
            self._exchange.broken()
            raise

    async def readchunk(self) -> tuple[bytes, bool]:
        """Read from the real content."""
        try:
            data, last = await self._real.readchunk()
        except Exception:
            self._exchange.broken()
            raise
        return self._seen(data), last

    def read_nowait(self, n: int = -1) -> bytes:
        """Read from the real content."""
        return self._seen(self._real.read_nowait(n))

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """End it: the response was closed or released, or its end is known."""
        if not self._exchange.over:
            if self._real.is_eof() and self._real.exception() is None:
                self._exchange.received(self._real.read_nowait(-1))
                self._exchange.weighed(self._real.total_raw_bytes)
                self._exchange.completed()
            else:
                self._exchange.weighed(self._real.total_raw_bytes)
                self._exchange.closed()
        self._real.set_exception(exc, *cause)

    def set_read_chunk_size(self, n: int) -> None:
        """Delegate to the real content."""
        self._real.set_read_chunk_size(n)

    def on_eof(self, callback: Callable[[], None]) -> None:
        """Delegate to the real content."""
        self._real.on_eof(callback)

    async def wait_eof(self) -> None:
        """Wait for the real content."""
        await self._real.wait_eof()

    def unread_data(self, data: bytes) -> None:
        """Return data to the real content."""
        self._real.unread_data(data)

    def feed_data(self, data: bytes, size: int = 0) -> bool:
        """Feed the real content."""
        return self._real.feed_data(data, size)

    def feed_eof(self) -> None:
        """Feed the real content."""
        self._real.feed_eof()
