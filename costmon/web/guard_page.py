"""The page at `/guard`."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import flask

from costmon.domain.policy import Policy
from costmon.state.guard_state import GuardState
from costmon.web.guard_view import Entered, guard_overview

View = Callable[[], flask.typing.ResponseReturnValue]

EXPIRIES = (
    ("", "until somebody closes it"),
    ("900", "for 15 minutes"),
    ("3600", "for an hour"),
    ("21600", "for 6 hours"),
    ("86400", "for a day"),
    ("604800", "for a week"),
)
"""Seconds, and their labels."""

PERIODS = ("hour", "day", "month", "total", "rolling:24h", "rolling:7d")


class GuardPage:
    """Renders the page, with a form that was not accepted or without one."""

    def __init__(
        self,
        *,
        guard_state: Callable[[], GuardState],
        policy: Callable[[], Policy | None],
        now: Callable[[], dt.datetime],
    ) -> None:
        """Prepare.

        Args:
            guard_state: Reads what guards have reported.
            policy: Reads the budgets and circuits that they enforce.
            now: Tells the time.
        """
        self._guard_state = guard_state
        self._policy = policy
        self._now = now

    def create_blueprint(self, describe: Callable[[View], Any]) -> flask.Blueprint:
        """Return the page; its style and icon are the other page's.

        Args:
            describe: Wraps the view for the API's document.
        """
        blueprint = flask.Blueprint("guard_page", __name__, template_folder="templates")

        def guard() -> flask.typing.ResponseReturnValue:
            """Show what guards spent, hold and refuse, with budgets and circuits."""
            return self.render(None)

        blueprint.add_url_rule("/guard", "guard", describe(guard))
        return blueprint

    def render(self, entered: Entered | None) -> flask.Response:
        """Return the page; 400 when it shows a form that was not accepted."""
        shown = guard_overview(self._guard_state(), self._policy(), self._now())
        text = flask.render_template(
            "costmon/guard.html",
            page=shown,
            entered=entered,
            expiries=EXPIRIES,
            periods=PERIODS,
            service=flask.request.host_url.rstrip("/"),
        )
        return flask.Response(
            text.encode("utf-8", "replace"),
            200 if entered is None else 400,
            {"Cache-Control": "no-store"},
            content_type="text/html; charset=utf-8",
        )
