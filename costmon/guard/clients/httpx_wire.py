"""The common part of httpx and httpx2, which have the same interface with different classes."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, ClassVar

from costmon.errors import InputError
from costmon.guard.clients.costing import Costing
from costmon.guard.clients.exchange import Exchange
from costmon.guard.clients.gatekeeper import Gatekeeper
from costmon.guard.clients.reentrancy import covered, is_covered
from costmon.guard.clients.refusal_answer import REFUSAL, is_of_sdk, refusal_answer
from costmon.guard.clients.wire_call import WireCall, wire_call
from costmon.guard.errors import CallRefused


class HttpxWire:
    """Sends requests of one of the two libraries if a guard allows them.

    Args:
        library: The module `httpx` or `httpx2`.
    """

    def __init__(self, library: Any) -> None:
        self._library = library
        self._unsent = (
            library.ConnectError,  # name not found, connection refused, no handshake
            library.ConnectTimeout,
            library.PoolTimeout,
            library.UnsupportedProtocol,
        )
        # Both check that a stream is an instance of their own class.
        self._stream = type("GuardedStream", (_Stream, library.SyncByteStream), {})
        self._async_stream = type("GuardedStream", (_AsyncStream, library.AsyncByteStream), {})
        bases = (_Upload, library.SyncByteStream, library.AsyncByteStream)
        self._upload = type("CountedUpload", bases, {})

    def send(self, guard: Gatekeeper, costing: Costing, request: Any, send: Any) -> Any:
        """Send one request by `send`."""
        if is_covered():
            return send(request)
        call = self._call(request)
        try:
            exchange = Exchange.begin(guard, costing, call)
        except CallRefused as refused:
            return self._refused(request, call, refused)
        try:
            with covered():
                response = send(self._outgoing(request, exchange))
        except BaseException as error:
            exchange.failed(error, unsent=isinstance(error, self._unsent))
            raise
        return self._watched(response, exchange)

    async def send_async(
        self,
        guard: Gatekeeper,
        costing: Costing,
        request: Any,
        send: Any,
    ) -> Any:
        """Send one request by `send`, waiting for budget without blocking the loop."""
        if is_covered():
            return await send(request)
        call = self._call(request)
        try:
            exchange = await Exchange.begin_async(guard, costing, call)
        except CallRefused as refused:
            return self._refused(request, call, refused)
        try:
            with covered():
                response = await send(self._outgoing(request, exchange))
        except BaseException as error:
            exchange.failed(error, unsent=isinstance(error, self._unsent))
            raise
        return self._watched(response, exchange)

    def _refused(self, request: Any, call: WireCall, refused: CallRefused) -> Any:
        """Return the refusal as an answer to an SDK, or raise it."""
        if not is_of_sdk(call.headers):
            raise refused
        answer = refusal_answer(call, refused)
        return self._library.Response(
            answer.status,
            headers=dict(answer.headers),
            content=answer.body,
            request=request,
            extensions={REFUSAL: refused},
        )

    def _call(self, request: Any) -> WireCall:
        whole = isinstance(request.stream, self._library.ByteStream)
        body = b"".join(request.stream) if whole else None
        size = None if body is None else len(body)
        return wire_call(request.method, str(request.url), request.headers.items(), body, size)

    def _outgoing(self, request: Any, exchange: Exchange) -> Any:
        """Return the request to send: the caller's, or a copy that is counted or has headers."""
        stream = request.stream
        if not isinstance(stream, self._library.ByteStream):
            stream = self._upload(stream, exchange)
        elif not exchange.headers:
            return request
        told = [(name.encode(), value.encode()) for name, value in exchange.headers.items()]
        return self._library.Request(
            request.method,
            request.url,
            headers=[*request.headers.raw, *told],
            stream=stream,
            extensions=request.extensions,
        )

    def _watched(self, response: Any, exchange: Exchange) -> Any:
        """Let the exchange inspect what is read from a response."""
        exchange.answered(response.status_code, response.headers.items())
        stream = response.stream
        if isinstance(stream, self._library.ByteStream):
            for piece in stream:  # it is in memory, like the responses of test transports
                exchange.received(piece)
            exchange.completed()
        elif isinstance(stream, self._library.AsyncByteStream):
            response.stream = self._async_stream(stream, exchange)
        else:
            response.stream = self._stream(stream, exchange)
        return response


class _Upload:
    """Counts a body that is produced while it is sent."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:
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


class _Stream:
    """A response's body, inspected while it is read."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:
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
        """Close it; if it is incomplete, the rest will not be read."""
        try:
            self._stream.close()
        finally:
            self._exchange.closed()


class _AsyncStream:
    """A response's body, inspected while it is read in asyncio."""

    def __init__(self, stream: Any, exchange: Exchange) -> None:
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
        """Close it; if it is incomplete, the rest will not be read."""
        try:
            await self._stream.aclose()
        finally:
            self._exchange.closed()


class SyncGuard:
    """A transport that asks a guard before each request.

    Args:
        guard: The guard that allows or refuses each call.
        transport: Sends allowed requests.
        costing: What requests cost.
    """

    wire: ClassVar[HttpxWire]

    def __init__(
        self,
        guard: Gatekeeper,
        transport: Any,
        costing: Costing | None = None,
    ) -> None:
        self._guard = guard
        self._costing = costing or Costing()
        self._inner = transport

    def handle_request(self, request: Any) -> Any:
        """Send one request if the guard allows it."""
        send = self._inner.handle_request
        return self.wire.send(self._guard, self._costing, request, send)

    def close(self) -> None:
        """Close the wrapped transport."""
        self._inner.close()


class AsyncGuard:
    """A transport for asyncio that asks a guard before each request; see `SyncGuard`."""

    wire: ClassVar[HttpxWire]

    def __init__(
        self,
        guard: Gatekeeper,
        transport: Any,
        costing: Costing | None = None,
    ) -> None:
        self._guard = guard
        self._costing = costing or Costing()
        self._inner = transport

    async def handle_async_request(self, request: Any) -> Any:
        """Send one request if the guard allows it."""
        send = self._inner.handle_async_request
        return await self.wire.send_async(self._guard, self._costing, request, send)

    async def aclose(self) -> None:
        """Close the wrapped transport."""
        await self._inner.aclose()


def wrap_transports(
    client: Any,
    guarded: Any,
    guard: Gatekeeper,
    costing: Costing | None,
) -> None:
    """Guard all transports of a client, including those of its proxies.

    Raises:
        InputError: It is not such a client.
    """
    mounts = getattr(client, "_mounts", None)
    if not isinstance(mounts, dict) or not hasattr(client, "_transport"):
        raise InputError(f"{type(client).__name__} is not a client that can be guarded")
    costs = costing or Costing()
    client._transport = guarded(guard, client._transport, costs)  # noqa: SLF001 - checked above
    for pattern, transport in mounts.items():
        if transport is not None:  # otherwise the client's own transport
            mounts[pattern] = guarded(guard, transport, costs)
