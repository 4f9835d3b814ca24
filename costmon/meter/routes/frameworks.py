"""Find routes in frameworks that keep them to themselves: Falcon, Connexion, Datasette, Channels.

The function that looks up the route is wrapped, once its module has been imported; what it finds is
stored for the request that the code runs for. Flask inside an ASGI application is found this way
too.
"""

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from weakref import WeakKeyDictionary

from costmon.meter.figures import UNMATCHED
from costmon.meter.measuring.measure import CURRENT
from costmon.meter.routes.routing import pattern_route, store_route
from costmon.meter.routes.rules import keep_rules

_WRAPPED = "_costmon_finds_routes"
_CONNEXION = "connexion.middleware.routing"
_PREFIX = "costmon.prefix"


def find_routes() -> None:
    """Wrap the look-up of each framework that has been imported; idempotent."""
    for name, owner, function, wrapper in _FRAMEWORKS:
        module = sys.modules.get(name)
        place = module if owner is None else getattr(module, owner, None)
        looked_up = getattr(place, function, None)
        if looked_up is not None and not hasattr(looked_up, _WRAPPED):
            ours = wraps(looked_up)(wrapper(looked_up))
            setattr(ours, _WRAPPED, True)
            setattr(place, function, ours)


def find_flask_routes() -> None:
    """Keep the rules of Flask applications inside an ASGI application; idempotent."""
    if "flask" in sys.modules:
        keep_rules()


def _store(template: str | None) -> None:
    """Store a template for the request that is being measured."""
    measure = CURRENT.get()
    if measure is None or template is None:
        return
    if measure.scope is not None:
        measure.found_route = template
    elif (environ := getattr(measure, "environ", None)) is not None:
        store_route(environ, template)


def _falcon(looked_up: Callable[..., Any]) -> Callable[..., Any]:
    def get_responder(self: Any, request: Any) -> Any:
        found = looked_up(self, request)
        _store(found[3])
        return found

    return get_responder


def _connexion(answer: Callable[..., Any]) -> Callable[..., Any]:
    templates: WeakKeyDictionary[Any, str] = WeakKeyDictionary()

    async def call(self: Any, scope: Mapping[str, Any], receive: Any, send: Any) -> None:
        if self.operation_id is not None:
            if self not in templates:
                templates[self] = _path_to(self, scope.get("router"), "") or UNMATCHED
            _store(templates[self])
            # Middlewares inside the routing, where Connexion adds them, begin after this.
            outer = vars(sys.modules[_CONNEXION])["_scope"].get(None)
            if outer is not None:
                store_route(outer, templates[self])
        await answer(self, scope, receive, send)

    return call


def _path_to(endpoint: object, router: Any, prefix: str) -> str | None:
    """Return the path of an endpoint in a tree of routers; `None` if it is not there."""
    for route in getattr(router, "routes", None) or ():
        path = prefix + getattr(route, "path", "")
        if getattr(route, "endpoint", None) is endpoint:
            return path
        found = _path_to(endpoint, route, path)
        if found is not None:
            return found
    return None


def _datasette(looked_up: Callable[..., Any]) -> Callable[..., Any]:
    def resolve_routes(routes: Any, path: str) -> Any:
        found = looked_up(routes, path)
        if found and found[0] is not None:
            _store(pattern_route(found[0].re.pattern))
        return found

    return resolve_routes


def _channels(answer: Callable[..., Any]) -> Callable[..., Any]:
    async def call(self: Any, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        path = scope.get("path_remaining")
        if path is None:
            path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        path = path.lstrip("/")
        route = next((it for it in self.routes if it.pattern.match(path)), None)
        if route is not None:
            template = scope.get(_PREFIX, "") + str(route.pattern).removeprefix("^")
            _store(pattern_route(template))
            scope = {**scope, _PREFIX: template.removesuffix("$")}
        return await answer(self, scope, receive, send)

    return call


_FRAMEWORKS: tuple[tuple[str, str | None, str, Callable[..., Callable[..., Any]]], ...] = (
    ("falcon.app", "App", "_get_responder", _falcon),
    (_CONNEXION, "RoutingOperation", "__call__", _connexion),
    ("datasette.app", None, "resolve_routes", _datasette),
    ("channels.routing", "URLRouter", "__call__", _channels),
)
"""Module, class, function, and what makes its wrapper."""
