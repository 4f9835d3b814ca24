"""The page at `/`."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import flask

from costmon import __version__
from costmon.domain.child import ChildStatus
from costmon.domain.totals import Threshold
from costmon.errors import SnapshotClosedError
from costmon.state.charges import ChargeState
from costmon.state.value import Snapshot
from costmon.web import words
from costmon.web.charge_view import Limits, month_shown
from costmon.web.view import overview

View = Callable[[], flask.typing.ResponseReturnValue]


def create_blueprint(
    *,
    snapshot: Callable[[], Snapshot | None],
    children: Callable[[], tuple[ChildStatus, ...]],
    charges: Callable[[], ChargeState],
    limits: Limits,
    now: Callable[[], dt.datetime],
    threshold: Threshold,
    demo: bool,
    describe: Callable[[View], Any],
) -> flask.Blueprint:
    """Return the page, its style and its icon.

    Args:
        snapshot: Reads the current costs; raises `SnapshotClosedError` when it cannot.
        children: Reads the state of the supervised children.
        charges: Reads what was charged.
        limits: Budgets and quotas, and the exchange rates for them.
        now: Tells the time.
        threshold: The monthly run-rate that alerts.
        demo: The vendor is simulated.
        describe: Wraps the view for the API's document.
    """
    blueprint = flask.Blueprint(
        "web",
        __name__,
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    for name in ("money", "moment", "age", "short", "whole", "round_money", "fine", "spend"):
        blueprint.add_app_template_filter(getattr(words, name), name)

    @blueprint.app_context_processor
    def everywhere() -> dict[str, object]:
        return {"demo": demo, "version": __version__}

    def page() -> flask.typing.ResponseReturnValue:
        """The page: what everything costs now."""
        try:
            current = snapshot()
        except SnapshotClosedError:
            return _html(flask.render_template("costmon/closed.html"), 503)
        at = now()
        shown = overview(current, children(), now=at, threshold=threshold)
        month = month_shown(charges(), current.accounts if current else (), limits, at)
        return _html(flask.render_template("costmon/page.html", page=shown, month=month), 200)

    blueprint.add_url_rule("/", "page", describe(page))
    return blueprint


def _html(text: str, status: int) -> flask.Response:
    return flask.Response(
        # A name may hold half a surrogate pair, which UTF-8 has no form for.
        text.encode("utf-8", "replace"),
        status,
        {"Cache-Control": "no-store"},
        content_type="text/html; charset=utf-8",
    )
