"""Make the JSON for the page, and cache it to limit the load on the application."""

import json
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from costmon.clock import Clock
from costmon.errors import InputError
from costmon.meter.dashboard.actions import Action, control_for
from costmon.meter.dashboard.assets import etag_of
from costmon.meter.dashboard.query import DashboardQuery
from costmon.meter.dashboard.view import route_curve, view_of
from costmon.meter.figures import Snapshot
from costmon.meter.projection.values import Projection, Unprojected
from costmon.meter.recording_control import Control
from costmon.meter.reporting.source import Source

Project = Callable[[Snapshot], Projection | Unprojected]

_SOONEST_S = 0.5
# A response is cached for this many times the time to make it: at most 5 % of a core.
_PATIENCE = 20
_MOST_KEPT = 4


class UnreportedError(InputError):
    """No service of that name is reporting."""


class Answer(NamedTuple):
    """JSON and its ETag."""

    body: bytes
    etag: str


class Answers:
    """Makes and caches responses, one at a time; all readers get the same ones."""

    def __init__(self, source: Source, project: Project, clock: Clock) -> None:
        """Set up the cache.

        Args:
            source: Source of figures, which also accepts control messages.
            project: Projects a snapshot.
            clock: The clock.
        """
        self._source = source
        self._project = project
        self._clock = clock
        self._making = threading.Lock()
        self._kept: dict[DashboardQuery, tuple[float, Answer]] = {}

    def view(self, query: DashboardQuery) -> Answer:
        """Return the response to a query.

        Raises:
            UnreportedError: It names a service that is not reporting.
        """
        with self._making:
            now_s = self._clock.monotonic_s()
            until_s, answer = self._kept.get(query, (now_s, None))
            if answer is not None and now_s < until_s:
                return answer
            content = answer_of(self._source.services(), query, self._project)
            # ASCII only, so that a lone surrogate in a name does not fail.
            body = json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")
            answer = Answer(body, etag_of(body))
            done_s = self._clock.monotonic_s()
            kept_s = max(_SOONEST_S, (done_s - now_s) * _PATIENCE)
            self._kept.pop(query, None)
            while len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[query] = (done_s + kept_s, answer)
            return answer

    def order(self, action: Action, service: str | None) -> Control:
        """Send an action to every worker of a service, and return the control message.

        Raises:
            UnreportedError: The service is not reporting.
        """
        seen = chosen(self._source.services(), service)
        if seen is None:
            raise UnreportedError(
                "No application is reporting yet, so there is nothing to start or stop."
            )
        now_s = self._clock.now().timestamp()
        control = control_for(action, seen, recording=secrets.token_hex(8), issued_at=now_s)
        self._source.order(seen.service, control)
        with self._making:
            self._kept.clear()
        return control


def answer_of(
    services: Sequence[Snapshot], query: DashboardQuery, project: Project
) -> dict[str, Any]:
    """Return the response to a query: the view of one service, and the names of all.

    Raises:
        UnreportedError: It names a service that is not reporting.
    """
    seen = chosen(services, query.service)
    if seen is None:
        data = None
    else:
        asked = query.applied(seen)
        projected = project(asked)
        data = view_of(asked, projected)
        if query.route is not None and isinstance(projected, Projection):
            data["route_curve"] = route_curve(projected, query.route)
    return {"data": data, "meta": {"services": sorted(it.service for it in services)}}


def chosen(services: Sequence[Snapshot], name: str | None) -> Snapshot | None:
    """Return the service of that name, or the first one; `None` if none is reporting.

    Raises:
        UnreportedError: No service of that name is reporting.
    """
    if name is None:
        return min(services, key=lambda it: it.service, default=None)
    for snapshot in services:
        if snapshot.service == name:
            return snapshot
    names = ", ".join(sorted(it.service for it in services)[:20]) or "none"
    raise UnreportedError(f"Service {name[:80]!r} is not reporting; reporting: {names}.")
