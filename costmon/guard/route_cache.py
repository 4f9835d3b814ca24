"""Cache the routes of calls by the arguments of their callers."""

from collections.abc import Iterable

from costmon.guard.policy import Route

_MOST = 4096
_MOST_NEW = 64


class RouteCache(dict[object, Route]):
    """Routes that were used again, so that a hit is one look-up.

    A new route is on trial for as long as 64 to 128 others come. A program that gives each call a
    scope of its own would otherwise keep thousands of routes for nothing, and their objects, which
    Python counts as long-lived, make it collect all objects of the process six times as often.
    """

    def __init__(self) -> None:
        super().__init__()
        self._new: dict[object, Route] = {}
        self._before: dict[object, Route] = {}

    def __missing__(self, name: object) -> Route:
        route = self._new.get(name) or self._before.get(name)
        if route is None:
            raise KeyError(name)
        if len(self) >= _MOST:
            self.clear()
        self[name] = route
        return route

    def add(self, name: object, route: Route) -> None:
        """Add a new route."""
        if name in self:
            self[name] = route
            return
        if len(self._new) >= _MOST_NEW:
            self._before, self._new = self._new, {}
        self._new[name] = route

    def every(self) -> Iterable[Route]:
        """Return all routes, the oldest of those on trial last."""
        return {**self, **self._new, **self._before}.values()
