"""Requests that pass through a WSGI application mounted in an ASGI one, such as Flask in FastAPI.

Both may be metered. The outer one counts the request; the inner one knows the route.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from costmon.meter.measuring.measure import CURRENT
from costmon.meter.routes.routing import store_route, wsgi_route

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


def outer_scope(environ: "WSGIEnvironment") -> dict[str, Any] | None:
    """Return the ASGI scope of the same request if that is being counted; else `None`.

    The WSGI bridge does not pass on the scope, so requests are matched by method and path.
    """
    measure = CURRENT.get()
    if measure is None or measure.scope is None or measure.ended_ns:
        return None
    scope: dict[str, Any] = measure.scope[0]
    if scope.get("method") != environ["REQUEST_METHOD"]:
        return None
    given: str = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    path = given.encode("latin-1", "replace").decode("utf-8", "replace")
    # Starlette before 0.33 removes the mount's path from the scope's path.
    if path in (scope["path"], scope.get("root_path", "") + scope["path"]):
        return scope
    return None


def reporting_route(
    scope: dict[str, Any], environ: "WSGIEnvironment", start_response: "StartResponse"
) -> "StartResponse":
    """Return a `start_response` that stores the inner route in `scope`."""
    entry = environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", "")

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Callable[[bytes], object]:
        route = wsgi_route(environ, entry)
        if route is not None:
            store_route(scope, route)
        return start_response(status, headers, *more)

    return start
