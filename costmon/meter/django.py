"""Measure a Django project under WSGI or ASGI.

```python
MIDDLEWARE = ["costmon.meter.django.CostMeterMiddleware", ...]  # first, to be the outermost
COSTMETER = {"provider": "AWS", "target_users": 1000}
```

A Django middleware does not see work before it, nor a body that is generated while it is sent. So
this one only determines routes, and wraps Django's handlers when it is loaded. Requests that do not
pass through a wrapped handler (Django's test clients) are measured by the middleware itself.
"""

import os
import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.urls import Resolver404, resolve

from costmon.errors import InputError
from costmon.meter.asgi import CostMeterMiddleware as MeteredASGI
from costmon.meter.figures import UNMATCHED
from costmon.meter.measuring.measure import Measure
from costmon.meter.process import METERS
from costmon.meter.routes.routing import pattern_route, store_route
from costmon.meter.wsgi import KEY, MeteredWSGI

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

SETTING = "COSTMETER"

_METER = "_costmon_meter"
_REQUEST = "costmon.request"
_RESPONSE = "costmon.response"
_NOT_FOUND = 404


class SettingError(InputError, ImproperlyConfigured):  # type: ignore[misc]  # Django has no types
    """`COSTMETER` in the settings is not valid; the text says what is accepted."""


class CostMeterMiddleware:
    """Determines the route of each request, in sync and async mode."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: "Callable[[HttpRequest], Any]") -> None:
        """Start measuring the project.

        Args:
            get_response: The next handler, as passed by Django.

        Raises:
            SettingError: `COSTMETER` is not valid.
        """
        options = options_in_settings()
        self._get_response = get_response
        self._is_async = iscoroutinefunction(get_response)
        try:
            if self._is_async:
                markcoroutinefunction(self)
                self._asgi = MeteredASGI(self._answer_as_asgi, **options)
                self._meter = self._asgi.meter
            else:
                self._wsgi = MeteredWSGI(self._answer_as_wsgi, **options)
                self._meter = self._wsgi.meter
        except InputError as error:
            raise SettingError(f"{SETTING} in the settings: {error}") from None
        _meter_handlers()

    def __call__(self, request: "HttpRequest") -> Any:
        """Handle a request."""
        place = _place(request)
        is_measured = KEY in place or not self._meter.aggregate.is_recording
        if self._is_async:
            answer = self._answer_async if is_measured else self._measure_async
            return answer(request, place)
        if is_measured:
            return self._answer(request, place)
        return self._measure(request)

    def _answer(self, request: "HttpRequest", place: dict[str, Any]) -> "HttpResponseBase":
        response = None
        try:
            response = self._get_response(request)
        finally:
            _tell_route(request, response, place)
        return response

    async def _answer_async(
        self, request: "HttpRequest", place: dict[str, Any]
    ) -> "HttpResponseBase":
        response = None
        try:
            response = await self._get_response(request)
        finally:
            _tell_route(request, response, place)
        return response

    def _measure(self, request: "HttpRequest") -> "HttpResponseBase":
        """Handle a request as if it came from a WSGI server."""
        environ = {"REQUEST_METHOD": request.method, "SCRIPT_NAME": "", _REQUEST: request}
        body = self._wsgi(environ, _start_nothing)
        response: HttpResponseBase = environ[_RESPONSE]
        if response.streaming and not response.is_async:
            response.streaming_content = body
        return response

    def _answer_as_wsgi(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        response: Any = self._answer(environ[_REQUEST], environ)
        environ[_RESPONSE] = response
        start_response(f"{response.status_code} {response.reason_phrase}", [])
        if not response.streaming:
            return [response.content]
        body: Iterable[bytes] = [] if response.is_async else response.streaming_content
        return body

    async def _measure_async(self, request: "HttpRequest", _: dict[str, Any]) -> "HttpResponseBase":
        """Handle a request as if it came from an ASGI server; streamed bodies are not measured."""
        scope = {"type": "http", "method": request.method, "headers": (), _REQUEST: request}
        await self._asgi(scope, _receive_nothing, _send_nothing)
        response: HttpResponseBase = scope[_RESPONSE]
        return response

    async def _answer_as_asgi(
        self,
        scope: Any,
        _: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        response: Any = await self._answer_async(scope[_REQUEST], scope)
        scope[_RESPONSE] = response
        await send({"type": "http.response.start", "status": response.status_code})
        content = b"" if response.streaming else response.content
        await send({"type": "http.response.body", "body": content})


def options_in_settings() -> dict[str, Any]:
    """Return the meter's options from `COSTMETER`; names may be in upper case.

    Raises:
        SettingError: It is not a dict with text keys, or has a name twice.
    """
    given = getattr(settings, SETTING, {})
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given):
        raise SettingError(
            f"{SETTING} in the settings is a {type(given).__name__}: use a dict such as "
            '{"provider": "AWS"}'
        )
    options = {name.lower(): value for name, value in given.items()}
    if len(options) < len(given):
        raise SettingError(
            f"{SETTING} in the settings has the same name twice, in upper and lower case"
        )
    return {"service": _project(), "place": _folder(), **options}


def _project() -> str:
    """Return the project's name: the package of its root URLconf; empty if there is none."""
    urls = getattr(settings, "ROOT_URLCONF", "")
    name = urls.partition(".")[0] if isinstance(urls, str) else ""
    return "" if name == "__main__" else name


def _folder() -> str:
    """Return the folder of the project: that of its settings; empty if they are not a module."""
    module = sys.modules.get(getattr(settings, "SETTINGS_MODULE", None) or "")
    file = getattr(module, "__file__", None)
    return "" if file is None else os.path.dirname(os.path.abspath(file))


def _place(request: "HttpRequest") -> dict[str, Any]:
    """Return the environ or scope that holds a request's measure and route."""
    place: dict[str, Any] = getattr(request, "environ", None) or getattr(request, "scope", {})
    measure = place.get(KEY)
    # Routers such as those of Channels pass on a copy of the scope.
    return measure.scope[0] if isinstance(measure, Measure) and measure.scope else place


def _tell_route(
    request: "HttpRequest", response: "HttpResponseBase | None", place: dict[str, Any]
) -> None:
    try:
        match = request.resolver_match
        if match is None and (response is None or response.status_code != _NOT_FOUND):
            # A middleware responded before URL resolution: use the requested route.
            match = resolve(request.path_info, getattr(request, "urlconf", None))
        store_route(place, UNMATCHED if match is None else pattern_route(match.route or ""))
    except Resolver404:
        store_route(place, UNMATCHED)
    except Exception as error:  # noqa: BLE001 - the request must not fail because of the meter
        METERS.first.fail("the route of a request could not be determined", error)


def _meter_handlers() -> None:
    """Wrap Django's handlers so that they are measured; idempotent."""
    if _METER in vars(WSGIHandler):
        return
    answer: Callable[..., Iterable[bytes]] = WSGIHandler.__call__
    answer_async: Callable[..., Awaitable[None]] = ASGIHandler.__call__

    @wraps(answer)
    def metered(
        self: WSGIHandler, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        meter = vars(self).get(_METER)
        if meter is None:
            meter = MeteredWSGI(partial(answer, self), **options_in_settings())
            setattr(self, _METER, meter)
        return meter(environ, start_response)  # type: ignore[no-any-return]  # the one made above

    @wraps(answer_async)
    async def metered_async(
        self: ASGIHandler,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        meter = vars(self).get(_METER)
        if meter is None:
            meter = MeteredASGI(partial(answer_async, self), **options_in_settings())
            setattr(self, _METER, meter)
        await meter(scope, receive, send)

    if "channels" in sys.modules:
        _meter_channels()
    WSGIHandler.__call__ = metered
    ASGIHandler.__call__ = metered_async
    setattr(WSGIHandler, _METER, None)


def _start_nothing(*_: object) -> Callable[[bytes], object]:
    return lambda _: None


async def _receive_nothing() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def _send_nothing(_: Any) -> None:
    return


def _meter_channels() -> None:
    """Measure the consumers of Channels, whose requests do not reach Django's handlers."""
    from importlib import import_module

    router = import_module("channels.routing").ProtocolTypeRouter
    answer: Callable[..., Awaitable[Any]] = router.__call__

    @wraps(answer)
    async def metered(
        self: Any,
        scope: Any,
        receive: Callable[[], Awaitable[Any]],
        send: Callable[[Any], Awaitable[None]],
    ) -> None:
        meter = vars(self).get(_METER)
        if meter is None:
            meter = MeteredASGI(partial(answer, self), **options_in_settings())
            setattr(self, _METER, meter)
        await meter(scope, receive, send)

    router.__call__ = metered
