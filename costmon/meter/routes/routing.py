"""Determine the route template of a request, never its path.

This is called once per request, so the common case must be fast: templates are cached by the
identity of the route object, under 1 us. Nothing here imports a framework, and nothing raises.
"""

import re
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final

from costmon.meter.figures import UNMATCHED
from costmon.meter.routes.routers import MOST_KEPT, route_below
from costmon.meter.routes.rules import RULE, keep_rules

ROUTE_KEY: Final = "costmon.route"
"""The key of an `environ` or a scope under which an adapter stores the template."""

MOST_MOUNTS = 100
"""How many prefixes are believed to be those of mounted applications."""

_MANY_MOUNTS = "/{mount}"
_WSGI_FRAMES = 8

_rules: dict[int, tuple[object, str]] = {}
_routes: dict[int, tuple[object, object, str]] = {}
_patterns: dict[str, str] = {}
_mounts: set[str] = set()


def wsgi_route(
    environ: Mapping[str, Any],
    entry: tuple[str, str],
    error: BaseException | None = None,
) -> str | None:
    """Return the template of a request; `None` if the framework is unknown.

    Flask discards the request when its application returns, so call this in `start_response`.

    Args:
        environ: The environ after routing.
        entry: `SCRIPT_NAME` and `PATH_INFO` before routing.
        error: The exception that the application raised, whose frames hold the route.
    """
    try:
        request = environ.get("werkzeug.request")
        if request is None or ROUTE_KEY in environ:
            return _remembered(environ, entry, error)
        return _taken_by(request.url_rule, environ, entry)
    except Exception:  # noqa: BLE001 - an unknown framework must not fail requests
        return None


def asgi_route(scope: Mapping[str, Any], entry_root_path: str) -> str | None:
    """Return the template of a request; `None` if the framework is unknown.

    Args:
        scope: The scope after routing.
        entry_root_path: `root_path` before routing.
    """
    try:
        route = scope.get("route")
        included = scope.get("fastapi")
        if included is not None:
            included = included.get("effective_route_context")
            if included is not None and included.original_route is route:
                route = included
        known = _routes.get(id(route))
        if known is not None and known[0] is route and known[1] is scope.get("router"):
            return known[2]
        stored: str | None = scope.get(ROUTE_KEY)
        if stored is not None:
            root_path = scope.get("root_path", "")
            if stored == UNMATCHED or root_path == entry_root_path:
                return stored
            path = scope.get("path", "")
            is_mount = path.startswith(root_path) or "app_root_path" in scope
            return (_mount(root_path, entry_root_path) if is_mount else "") + stored
        template, is_lasting = route_below(scope, route, included)
        if is_lasting and template is not None:
            if len(_routes) >= MOST_KEPT:
                _routes.clear()
            _routes[id(route)] = (route, scope.get("router"), template)
    except Exception:  # noqa: BLE001 - an unknown framework must not fail requests
        return None
    else:
        return template


def store_route(place: MutableMapping[str, Any], template: str) -> None:
    """Store `template` in an `environ` or a scope, for the middleware that measures it."""
    place[ROUTE_KEY] = template


def pattern_route(pattern: str) -> str:
    r"""Return Django's `ResolverMatch.route` as a template, such as `/users/<int:pk>/`.

    Regular expressions lose their anchors; `(?P<pk>[^/.]+)` becomes `<pk>`, and any other named
    group `<pk:\d+>`, so that different routes stay distinct.
    """
    template = _patterns.get(pattern)
    if template is None:
        template = "/" + _ANCHORS.sub("", _NAMED.sub(_named, pattern)).lstrip("/")
        if len(_patterns) >= MOST_KEPT:
            _patterns.clear()
        _patterns[pattern] = template
    return template


_NAMED = re.compile(r"\(\?P<(\w+)>((?:[^()\\]|\\.)*)\)")
_ANCHORS = re.compile(r"(?:(?:^|(?<=/))\^)|\$$|\\Z$")
_ANY_SEGMENT = {"[^/]+", "[^/.]+"}


def _named(group: re.Match[str]) -> str:
    name, accepted = group.groups()
    return f"<{name}>" if accepted.replace("\\", "") in _ANY_SEGMENT else f"<{name}:{accepted}>"


def _taken_by(
    rule: Any,
    environ: Mapping[str, Any],
    entry: tuple[str, str],
) -> str:
    if rule is None:
        return UNMATCHED
    known = _rules.get(id(rule))
    template = known[1] if known is not None and known[0] is rule else _ruled(rule)
    return _mounted(environ, entry, template)


def _remembered(
    environ: Mapping[str, Any], entry: tuple[str, str], error: BaseException | None
) -> str | None:
    """Return the template if Flask has discarded it, or for other frameworks."""
    stored = environ.get(ROUTE_KEY)
    if stored is not None:
        return UNMATCHED if stored == UNMATCHED else _mounted(environ, entry, stored)
    if RULE in environ:
        return _taken_by(environ[RULE], environ, entry)
    if error is not None:
        request = _request_left_by(error)
        if request is not None:
            return _taken_by(request.url_rule, environ, entry)
    elif "werkzeug.request" in environ:  # Flask has discarded the request
        keep_rules()
    elif "bottle.route" in environ:
        return _mounted(environ, entry, environ["bottle.route"].rule)
    return None


def _ruled(rule: Any) -> str:
    template: str = rule.rule
    if rule.host:
        template = rule.host + template
    elif rule.subdomain:
        template = f"{rule.subdomain}.{template}"
    if len(_rules) >= MOST_KEPT:
        _rules.clear()
    _rules[id(rule)] = (rule, template)
    return template


def _mounted(environ: Mapping[str, Any], entry: tuple[str, str], template: str) -> str:
    """Return a template below the path at which its application is mounted."""
    script_name = environ.get("SCRIPT_NAME", "")
    if script_name == entry[0]:
        return template
    if script_name + environ.get("PATH_INFO", "") != entry[0] + entry[1]:
        # A mount moves a part of the path. This is a prefix from elsewhere: from a header.
        return template
    return _mount(script_name, entry[0]) + template


def _mount(path: str, entry: str) -> str:
    """Return the path of a mount below the entry, unless there are too many to be mounts."""
    if not path.startswith(entry):
        return ""
    prefix = path[len(entry) :]
    if prefix in _mounts or len(_mounts) < MOST_MOUNTS:
        _mounts.add(prefix)
        return prefix
    return _MANY_MOUNTS


def _request_left_by(error: BaseException) -> Any:
    """Return the Flask request in the frames of `error`; `None` if there is none."""
    trace: TracebackType | None = error.__traceback__
    for _ in range(_WSGI_FRAMES):
        if trace is None:
            return None
        if trace.tb_frame.f_code.co_name == "wsgi_app":
            context = trace.tb_frame.f_locals.get("ctx")
            if context is not None:
                return context.request
        trace = trace.tb_next
    return None
