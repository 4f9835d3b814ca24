"""Find a route's full template in a tree of Starlette or FastAPI routers.

After a request the scope holds only the innermost route or (plain Starlette before 1.1) only its
endpoint. Its mounts, hosts and prefixes are found by searching the tree of routers for that object,
once. If it occurs more than once or not at all, the framework's `matches` is called again for each
such request.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from costmon.meter.figures import UNMATCHED

MOST_KEPT = 20_000
"""The largest cache: an application that keeps creating routes must not exhaust memory."""

_DEEPEST = 20
_FULL, _PARTIAL = 2, 1
_REST = "/{path:path}"


class _Place(NamedTuple):
    """The place of a route in the tree; `keys` are the objects that scopes refer to it by."""

    keys: tuple[object, ...]
    template: str
    is_leaf: bool


_places: dict[tuple[int, int], tuple[object, object, _Place | None]] = {}
"""By identity of router and object; `None`: not found, or found more than once."""

_sizes: dict[int, int] = {}
"""The number of routes of each router when it was searched."""


def route_below(
    scope: Mapping[str, Any],
    route: object,
    included: Any,
) -> tuple[str | None, bool]:
    """Return the template of a request, and whether `route` alone determines it.

    Args:
        scope: The scope after the request.
        route: The route in the scope, or FastAPI's context of an included route.
        included: FastAPI's context of the included route that was matched last, if any.
    """
    router: Any = scope.get("router")
    if router is None:  # a middleware responded, or passed on a copy of the scope
        router = getattr(scope.get("app"), "router", None)
        if router is None:
            told = scope.get("path_template")  # set by Litestar
            return (told if isinstance(told, str) else None), False
        return _walk(router, scope, None), False
    endpoint = scope.get("endpoint")
    if route is None and getattr(included, "original_route", None) is not None:
        inner = included.starlette_route
        if endpoint is not None and getattr(inner, "endpoint", None) is endpoint:
            route = inner
    if route is None and endpoint is None:
        return _frontend(scope) or UNMATCHED, False
    for key in (route, endpoint):
        place = None if key is None else _place(router, key)
        if place is not None and place.is_leaf:
            return place.template, key is route
        if place is None and key is not None:
            break
    return _walk(router, scope, route), False


def _place(router: Any, key: object) -> _Place | None:
    is_as_it_was = _sizes.get(id(router)) == len(router.routes)
    known = _places.get((id(router), id(key))) if is_as_it_was else None
    if known is None or known[0] is not router or known[1] is not key:
        _look_around(router)
        known = _places.get((id(router), id(key)))
        if known is None or known[0] is not router or known[1] is not key:
            known = _places[id(router), id(key)] = (router, key, None)
    return known[2]


def _look_around(router: Any) -> None:
    found: dict[int, tuple[object, _Place | None]] = {}
    for place in _below(router.routes, "", "", 0):
        for key in place.keys:
            found[id(key)] = (key, None if id(key) in found else place)
    if len(_places) + len(found) > MOST_KEPT:
        _places.clear()
        _sizes.clear()
    _sizes[id(router)] = len(router.routes)
    for key, place_or_none in found.values():
        _places[id(router), id(key)] = (router, key, place_or_none)


def _below(routes: Any, host: str, prefix: str, depth: int) -> Iterator[_Place]:
    for candidate in _candidates(routes):
        route = getattr(candidate, "starlette_route", None) or candidate
        inner_host, path = _own(route, host, prefix)
        inner = _inner_routes(route)
        if inner is not None and depth < _DEEPEST:
            yield _Place((route, route.app), inner_host + path, is_leaf=False)
            yield from _below(inner, inner_host, path, depth + 1)
        elif _is_mount(route):
            yield _Place((route, route.app), inner_host + path + _REST, is_leaf=True)
        elif isinstance(getattr(route, "path", None), str):
            yield _Place(_keys(candidate, route), inner_host + path, is_leaf=True)


def _keys(candidate: object, route: Any) -> tuple[object, ...]:
    endpoint = getattr(route, "endpoint", None)
    if candidate is route:
        return (route,) if endpoint is None else (route, endpoint)
    return (candidate, route) if endpoint is None else (candidate, route, endpoint)


def _candidates(routes: Any) -> Iterator[Any]:
    """Yield the routes; an included router (FastAPI 0.137) is replaced by its contexts."""
    for route in routes:
        contexts = getattr(route, "effective_route_contexts", None)
        if contexts is None:
            yield route
        else:
            yield from contexts()


def _own(route: Any, host: str, prefix: str) -> tuple[str, str]:
    if hasattr(route, "host_regex"):
        return route.host + host, prefix
    return host, prefix + (getattr(route, "path", None) or "")


def _is_mount(route: Any) -> bool:
    return hasattr(route, "app") and not hasattr(route, "endpoint")


def _inner_routes(route: Any) -> Any:
    """Return the routes of a mounted application, inside its middlewares; `None` if unknown."""
    if not _is_mount(route):
        return None
    app = route.app
    for _ in range(_DEEPEST):
        routes = getattr(app, "routes", None)
        if routes is not None:
            return routes
        app = getattr(app, "app", None)
        if app is None:
            break
    return None


def _walk(router: Any, scope: Mapping[str, Any], innermost: object) -> str:
    """Return the template by matching `scope` again with the framework."""
    entry = _as_it_came(scope)
    host = prefix = ""
    routes = router.routes
    for _ in range(_DEEPEST):
        taken = _taken(routes, entry)
        if taken is None:
            return UNMATCHED
        route, child_scope = taken
        host, prefix = _own(route, host, prefix)
        inner = _inner_routes(route)
        if inner is None:
            return host + prefix + (_rest(route, innermost) if _is_mount(route) else "")
        entry.update(child_scope)
        routes = inner
    return UNMATCHED


def _rest(mount: object, innermost: object) -> str:
    """Return the path below a mount with unknown routes: the matched route, if it is known."""
    path = getattr(innermost, "path", None)
    return path if isinstance(path, str) and innermost is not mount else _REST


def _taken(routes: Any, scope: dict[str, Any]) -> tuple[Any, Mapping[str, Any]] | None:
    partial = None
    for candidate in _candidates(routes):
        match, child_scope = candidate.matches(scope)
        if match.value >= _PARTIAL:
            route = getattr(candidate, "starlette_route", None) or candidate
            if match.value == _FULL:
                return route, child_scope
            partial = partial or (route, child_scope)
    return partial


def _as_it_came(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of `scope` as it was before routing."""
    entry = dict(scope)
    for key in ("route", "endpoint", "fastapi", "path_params"):
        entry.pop(key, None)
    if "app_root_path" in entry:
        root_path = entry["root_path"]
        entry["root_path"] = entry.pop("app_root_path")
        utils = sys.modules.get("starlette._utils")
        if utils is not None and not hasattr(utils, "get_route_path"):
            # Before 0.33 a mount removed its path from the scope's path.
            entry["path"] = root_path[len(entry["root_path"]) :] + entry["path"]
    return entry


def _frontend(scope: Mapping[str, Any]) -> str | None:
    """Return the template of FastAPI's frontend files; `None` for other requests."""
    rest = scope.get("fastapi", {}).get("frontend_path")
    if rest is None:
        return None
    path: str = scope["path"]
    root_path = scope.get("app_root_path", scope.get("root_path", ""))
    path = path.removeprefix(root_path)
    return path[: len(path) - len(rest)].rstrip("/") + _REST
