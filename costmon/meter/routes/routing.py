"""Tell which route template took a request, from what its framework left behind; never its path.

Called once for each request, so what is usual must be quick: a template is found by the identity of
the route object, under 1 us. Nothing here imports a framework, and nothing raises.
"""

import re
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final

from costmon.meter.figures import UNMATCHED
from costmon.meter.routes.routers import MOST_KEPT, route_below
from costmon.meter.routes.rules import RULE, keep_rules

TOLD: Final = "costmon.route"
"""The key of an `environ` or a scope under which an adapter tells the template itself."""

_WSGI_FRAMES = 8

_rules: dict[int, tuple[object, str]] = {}
_routes: dict[int, tuple[object, object, str]] = {}
_patterns: dict[str, str] = {}


def wsgi_route(
    environ: Mapping[str, Any], entry_script_name: str, error: BaseException | None = None
) -> str | None:
    """Return the template that took a request; `None` when no framework told.

    Flask forgets the request when its application returns, so ask when it begins its answer.

    Args:
        environ: As the application left it.
        entry_script_name: `SCRIPT_NAME` as the application got it: a proxy's prefix, not a mount.
        error: What left the application instead of an answer: in its frames the route is found.
    """
    try:
        request = environ.get("werkzeug.request")
        if request is None or TOLD in environ:
            return _remembered(environ, entry_script_name, error)
        return _taken_by(request.url_rule, environ, entry_script_name)
    except Exception:  # noqa: BLE001 - a framework we do not know must not fail its requests
        return None


def asgi_route(scope: Mapping[str, Any], entry_root_path: str) -> str | None:
    """Return the template that took a request; `None` when no framework told.

    Args:
        scope: As the application left it.
        entry_root_path: `root_path` as the application got it.
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
        told = scope.get(TOLD)
        if told is not None:
            root_path = scope.get("root_path", "")
            return told if told == UNMATCHED else f"{_below(root_path, entry_root_path)}{told}"
        template, is_lasting = route_below(scope, route, included)
        if is_lasting and template is not None:
            if len(_routes) >= MOST_KEPT:
                _routes.clear()
            _routes[id(route)] = (route, scope.get("router"), template)
    except Exception:  # noqa: BLE001 - a framework we do not know must not fail its requests
        return None
    else:
        return template


def tell(place: MutableMapping[str, Any], template: str) -> None:
    """Leave `template` in an `environ` or a scope for whoever measures the request."""
    place[TOLD] = template


def pattern_route(pattern: str) -> str:
    r"""Return Django's `ResolverMatch.route` as a template, such as `/users/<int:pk>/`.

    Of regular expressions the anchors go and `(?P<pk>[^/.]+)` is written `<pk>`, any other named
    group `<pk:\d+>`: routes that differ stay apart.
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
    return f"<{name}>" if accepted in _ANY_SEGMENT else f"<{name}:{accepted}>"


def _taken_by(
    rule: Any,
    environ: Mapping[str, Any],
    entry_script_name: str,
) -> str:
    if rule is None:
        return UNMATCHED
    known = _rules.get(id(rule))
    template = known[1] if known is not None and known[0] is rule else _ruled(rule)
    if environ.get("SCRIPT_NAME", "") == entry_script_name:
        return template
    return _mounted(environ, entry_script_name, template)


def _remembered(
    environ: Mapping[str, Any], entry_script_name: str, error: BaseException | None
) -> str | None:
    """Return the template where Flask has forgotten it, or where it was not Flask."""
    told = environ.get(TOLD)
    if told is not None:
        return UNMATCHED if told == UNMATCHED else _mounted(environ, entry_script_name, told)
    if RULE in environ:
        return _taken_by(environ[RULE], environ, entry_script_name)
    if error is not None:
        request = _request_left_by(error)
        if request is not None:
            return _taken_by(request.url_rule, environ, entry_script_name)
    elif "werkzeug.request" in environ:  # Flask was here, and has forgotten
        keep_rules()
    elif "bottle.route" in environ:
        return _mounted(environ, entry_script_name, environ["bottle.route"].rule)
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


def _mounted(environ: Mapping[str, Any], entry_script_name: str, template: str) -> str:
    return _below(environ.get("SCRIPT_NAME", ""), entry_script_name) + template


def _below(path: str, entry: str) -> str:
    return path[len(entry) :] if path.startswith(entry) else ""


def _request_left_by(error: BaseException) -> Any:
    """Return the request of the Flask application that `error` left; `None` when it is none."""
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
