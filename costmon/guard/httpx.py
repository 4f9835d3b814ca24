"""A guard under httpx: one lease for every request that is sent, redirects included.

```python
client = guarded_client(guard)                        # or guarded_async_client(guard)
openai.OpenAI(http_client=client)
```

or `httpx.Client(transport=GuardTransport(guard))`. Refusals (`CallRefused`) are raised as they are.
An SDK that takes every error of its transport for a broken connection (OpenAI's does) wraps them
in its own: `costmon.guard.exchange.refusal_in` finds them.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx

from costmon.guard.costing import Costing
from costmon.guard.covering import covered, is_covered
from costmon.guard.exchange import Exchange
from costmon.guard.gatekeeper import Gatekeeper
from costmon.guard.wire_call import WireCall, wire_call

_UNSENT = (
    httpx.ConnectError,  # no such name, refused, no handshake
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
)


class GuardTransport(httpx.BaseTransport):
    """A transport that asks a guard before each request.

    Args:
        guard: Is asked.
        transport: Sends; a new `HTTPTransport` with `options` by default.
        costing: What requests cost.
        options: Of the `HTTPTransport`, such as `verify`, `proxy`, `http2`.
    """

    def __init__(
        self,
        guard: Gatekeeper,
        transport: httpx.BaseTransport | None = None,
        *,
        costing: Costing | None = None,
        **options: Any,  # noqa: ANN401 - as httpx declares them
    ) -> None:
        self._guard = guard
        self._costing = costing or Costing()
        self._inner = transport or httpx.HTTPTransport(**options)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request if the guard lets it."""
        return guarded_send(self._guard, self._costing, request, self._inner.handle_request)

    def close(self) -> None:
        """Close the transport that sends."""
        self._inner.close()


class AsyncGuardTransport(httpx.AsyncBaseTransport):
    """A transport for asyncio that asks a guard before each request; see `GuardTransport`."""

    def __init__(
        self,
        guard: Gatekeeper,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        costing: Costing | None = None,
        **options: Any,  # noqa: ANN401 - as httpx declares them
    ) -> None:
        self._guard = guard
        self._costing = costing or Costing()
        self._inner = transport or httpx.AsyncHTTPTransport(**options)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request if the guard lets it."""
        send = self._inner.handle_async_request
        return await guarded_send_async(self._guard, self._costing, request, send)

    async def aclose(self) -> None:
        """Close the transport that sends."""
        await self._inner.aclose()


def guarded_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    transport: httpx.BaseTransport | None = None,
    **options: Any,  # noqa: ANN401 - as httpx declares them
) -> httpx.Client:
    """Return an `httpx.Client` with a guard; `options` are the client's."""
    wire = {name: options.pop(name) for name in _WIRE & options.keys()}
    inner = GuardTransport(guard, transport, costing=costing, **wire)
    return httpx.Client(transport=inner, **options)


def guarded_async_client(
    guard: Gatekeeper,
    *,
    costing: Costing | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    **options: Any,  # noqa: ANN401 - as httpx declares them
) -> httpx.AsyncClient:
    """Return an `httpx.AsyncClient` with a guard; `options` are the client's."""
    wire = {name: options.pop(name) for name in _WIRE & options.keys()}
    inner = AsyncGuardTransport(guard, transport, costing=costing, **wire)
    return httpx.AsyncClient(transport=inner, **options)


_WIRE = frozenset(("verify", "cert", "http1", "http2", "limits", "proxy"))
"""Options of a client that are really its transport's."""


def guarded_send(
    guard: Gatekeeper,
    costing: Costing,
    request: httpx.Request,
    send: Any,  # noqa: ANN401 - the bound method of the transport that sends
) -> httpx.Response:
    """Send one request if the guard lets it."""
    if is_covered():
        return send(request)  # type: ignore[no-any-return]  # a response
    exchange = Exchange.begin(guard, costing, _call(request))
    try:
        with covered():
            response: httpx.Response = send(_outgoing(request, exchange))
    except BaseException as error:
        exchange.failed(error, unsent=isinstance(error, _UNSENT))
        raise
    exchange.answered(response.status_code, response.headers.items())
    if isinstance(response.stream, httpx.ByteStream):
        _whole(response.stream, exchange)
    elif isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Stream(response.stream, exchange)
    return response


async def guarded_send_async(
    guard: Gatekeeper,
    costing: Costing,
    request: httpx.Request,
    send: Any,  # noqa: ANN401 - the bound method of the transport that sends
) -> httpx.Response:
    """Send one request if the guard lets it, waiting for room without blocking the loop."""
    if is_covered():
        return await send(request)  # type: ignore[no-any-return]  # a response
    exchange = await Exchange.begin_async(guard, costing, _call(request))
    try:
        with covered():
            response: httpx.Response = await send(_outgoing(request, exchange))
    except BaseException as error:
        exchange.failed(error, unsent=isinstance(error, _UNSENT))
        raise
    exchange.answered(response.status_code, response.headers.items())
    if isinstance(response.stream, httpx.ByteStream):
        _whole(response.stream, exchange)
    elif isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _AsyncStream(response.stream, exchange)
    return response


def _whole(stream: httpx.ByteStream, exchange: Exchange) -> None:
    """Look at a body that is in memory, as those of test transports are."""
    for piece in stream:
        exchange.received(piece)
    exchange.completed()


def _call(request: httpx.Request) -> WireCall:
    body = b"".join(request.stream) if isinstance(request.stream, httpx.ByteStream) else None
    size = None if body is None else len(body)
    return wire_call(request.method, str(request.url), request.headers.items(), body, size)


def _outgoing(request: httpx.Request, exchange: Exchange) -> httpx.Request:
    """Return the request to send: the caller's own, or a copy of it that counts or tells."""
    stream = request.stream
    if not isinstance(stream, httpx.ByteStream):
        stream = _Upload(stream, exchange)
    elif not exchange.headers:
        return request
    return httpx.Request(
        request.method,
        request.url,
        headers=[
            *request.headers.raw,
            *((k.encode(), v.encode()) for k, v in exchange.headers.items()),
        ],
        stream=stream,
        extensions=request.extensions,
    )


class _Upload(httpx.SyncByteStream, httpx.AsyncByteStream):
    """Counts a body that is made while it is sent."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:  # noqa: ANN401 - either kind of stream
        self._stream = stream
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._stream:
            self._exchange.sent(len(piece))
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._stream:
            self._exchange.sent(len(piece))
            yield piece

    def close(self) -> None:
        """Close the caller's stream."""
        self._stream.close()

    async def aclose(self) -> None:
        """Close the caller's stream."""
        await self._stream.aclose()


class _Stream(httpx.SyncByteStream):
    """An answer's body, looked at while it is read."""

    def __init__(self, stream: httpx.SyncByteStream, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange
        exchange.watch(self)

    def __iter__(self) -> Iterator[bytes]:
        try:
            for piece in self._stream:
                self._exchange.received(piece)
                yield piece
        except Exception:
            self._exchange.broken()
            raise
        self._exchange.completed()

    def close(self) -> None:
        """Close it; if not all has come, nobody wants the rest."""
        try:
            self._stream.close()
        finally:
            self._exchange.closed()


class _AsyncStream(httpx.AsyncByteStream):
    """An answer's body, looked at while it is read in asyncio."""

    def __init__(self, stream: httpx.AsyncByteStream, exchange: Exchange) -> None:
        self._stream = stream
        self._exchange = exchange
        exchange.watch(self)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._stream:
                self._exchange.received(piece)
                yield piece
        except Exception:
            self._exchange.broken()
            raise
        self._exchange.completed()

    async def aclose(self) -> None:
        """Close it; if not all has come, nobody wants the rest."""
        try:
            await self._stream.aclose()
        finally:
            self._exchange.closed()
