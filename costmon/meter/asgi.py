"""Measure FastAPI, Starlette and any other ASGI application.

`app.add_middleware(CostMeterMiddleware, provider="GCP")`; add it last, so that it is the outermost
and measures the other middlewares too.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter_ns
from typing import Any

from costmon.meter.hooks.callbacks import CALLBACKS
from costmon.meter.hooks.tasks import FollowingFactory, follow_tasks
from costmon.meter.measuring.measure import CURRENT, Measure
from costmon.meter.measuring.steps import metered
from costmon.meter.option_parsing import parse_options
from costmon.meter.process import METERS, ProcessMeter
from costmon.meter.routes.frameworks import find_flask_routes, find_routes
from costmon.meter.routes.routing import asgi_route
from costmon.meter.tenant import tenant_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

KEY = "costmon.meter"
"""The key of a request's scope that holds its measure, if it is being counted."""

_HUNG_UP = 499
_LONGEST_TITLE = 200
_NO_BODY = frozenset({204, 304})


class CostMeterMiddleware:
    """ASGI middleware that measures requests; wrapping an application twice counts once."""

    # `*unnamed` makes the signature compatible with Starlette's type of a middleware.
    def __init__(self, app: Application, *unnamed: Any, **options: Any) -> None:
        """Wrap an application.

        Args:
            app: The application to wrap.
            unnamed: Not accepted: options are keyword arguments.
            options: See `costmon.meter.options.Options`.

        Raises:
            InputError: An option is not valid; the text says what is accepted.
        """
        if unnamed:
            raise TypeError(
                "CostMeterMiddleware takes keyword options only, such as provider='AWS'"
            )
        self.app = app
        self._is_named = False
        self._options = parse_options(options)
        self.meter = METERS.of(self._options)
        find_routes()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the application and measure the request."""
        if not self._is_named and KEY not in scope:
            self._is_named = True
            self.meter = METERS.named(self.meter, self._options, _title(scope))
            self.meter.is_loop = True
            CALLBACKS.install()
            find_routes()
            find_flask_routes()
        meter = self.meter
        aggregate = meter.aggregate
        kind = scope["type"]
        if kind == "http":
            method = scope["method"]
        elif kind == "websocket":
            method = "WEBSOCKET"
        else:
            try:
                return await self.app(scope, receive, send)
            finally:
                # The end of the lifespan: uvicorn then ends the process with a signal, so that no
                # atexit function runs.
                meter.flush()
        if KEY in scope or not aggregate.is_recording:
            return await self.app(scope, receive, send)
        if not meter.is_running:
            meter.run()
        follow_here()
        measure = aggregate.begin(method, _Request)
        measure.scope = (scope, scope.get("root_path", ""))
        scope[KEY] = measure
        exchange = (_Exchange if kind == "http" else _Socket)(measure, receive, send)
        token = CURRENT.set(measure)
        outer = token.old_value
        try:
            work = self.app(scope, exchange.receive, exchange.send)
            if measure.is_measured:
                work = metered(work, measure, outer if isinstance(outer, Measure) else None)
            await work
        except asyncio.CancelledError:
            measure.status = measure.status or _HUNG_UP
            raise
        except BaseException:
            measure.status = measure.status or 500
            raise
        finally:
            end(meter, measure, scope)
            try:
                CURRENT.reset(token)
            except ValueError:
                # The garbage collector closed the coroutine in another context.
                CURRENT.set(None)


class _Request(Measure):
    """An ASGI request, whose route the framework leaves in its scope."""

    __slots__ = ()

    def current_route(self) -> str | None:
        """Return the template, as far as it is known now."""
        return self.named_route or self.found_route or asgi_route(*self.scope)


def follow_here() -> None:
    """Attribute tasks of the running loop to the request that starts them."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return  # trio has no asyncio loop
    if type(loop.get_task_factory()) is not FollowingFactory:
        follow_tasks(loop)


def end(meter: ProcessMeter, measure: Measure, scope: Scope) -> None:
    """Count a request; internal errors do not reach the application."""
    try:
        if measure.status in _NO_BODY or measure.method == "HEAD":
            measure.bytes_out = 0
        if not measure.status:
            measure.status = _HUNG_UP
        measure.route = measure.current_route()
        options = meter.options
        if options.tenant_header:
            measure.tag = _tenant(scope, options.tenant_header, options.tenants)
        measure.end()
        measure.scope = None
    except Exception as error:  # noqa: BLE001 - the request must not fail because of the meter
        meter.fail("a request was not counted", error)


class _Exchange:
    """Counts the messages between server and application for one HTTP request."""

    __slots__ = ("_measure", "_receive", "_send")

    def __init__(self, measure: Measure, receive: Receive, send: Send) -> None:
        self._measure = measure
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """Pass on a message from the client."""
        message = await self._receive()
        if body := message.get("body"):
            self._measure.bytes_in += len(body)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on a message from the application."""
        measure = self._measure
        kind = message["type"]
        if kind == "http.response.body":
            if body := message.get("body"):
                measure.bytes_out += len(body)
            if not message.get("more_body", False):
                measure.answered_ns = perf_counter_ns()
        elif kind == "http.response.start":
            measure.status = message["status"]
        elif kind == "http.response.pathsend":
            measure.bytes_out += _size(message["path"])
            measure.answered_ns = perf_counter_ns()
        return self._send(message)


class _Socket:
    """Counts the messages between server and application for one WebSocket."""

    __slots__ = ("_measure", "_receive", "_send")

    def __init__(self, measure: Measure, receive: Receive, send: Send) -> None:
        self._measure = measure
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        """Pass on a message from the client."""
        message = await self._receive()
        self._measure.bytes_in += _payload(message)
        return message

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on a message from the application."""
        measure = self._measure
        kind = message["type"]
        if kind == "websocket.accept":
            measure.status = 101
        elif kind == "websocket.close":
            measure.status = measure.status or 403
        elif kind == "websocket.http.response.start":
            measure.status = message["status"]
        elif kind == "websocket.http.response.body":
            measure.bytes_out += len(message.get("body") or b"")
        else:
            measure.bytes_out += _payload(message)
        return self._send(message)


def _title(scope: Scope) -> str:
    """Return the title of a FastAPI application; empty for FastAPI's default."""
    title = getattr(scope.get("app"), "title", None)
    return title[:_LONGEST_TITLE] if isinstance(title, str) and title != "FastAPI" else ""


def _payload(message: Message) -> int:
    if data := message.get("bytes"):
        return len(data)
    if text := message.get("text"):
        return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return 0


def _size(path: str) -> int:
    import os

    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def _tenant(scope: Scope, header: str, known: tuple[str, ...]) -> str:
    name = header.lower().encode("latin-1", "replace")
    for key, value in scope["headers"]:
        if key == name:
            return tenant_of(value.decode("latin-1"), known)
    return tenant_of(None, known)
