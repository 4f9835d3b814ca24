"""The page at `/meter`: the one that metered applications serve themselves, for all of them."""

from collections.abc import Callable
from typing import Any

import flask
from markupsafe import Markup

from costmon.meter.dashboard.assets import FOLDER, main_html

View = Callable[[], flask.typing.ResponseReturnValue]


def create_blueprint(describe: Callable[[View], Any]) -> flask.Blueprint:
    """Return the page, its script and its style.

    Args:
        describe: Wraps the view for the API's document.
    """
    blueprint = flask.Blueprint(
        "meter_page",
        __name__,
        template_folder="templates",
        static_folder=FOLDER,
        static_url_path="/static/meter",
    )

    def meter() -> flask.typing.ResponseReturnValue:
        """The page: what each endpoint of the metered applications costs."""
        body = Markup(main_html())  # noqa: S704 - our own file, the same for everybody
        text = flask.render_template("costmon/meter.html", body=body)
        return flask.Response(
            text, 200, {"Cache-Control": "no-store"}, content_type="text/html; charset=utf-8"
        )

    blueprint.add_url_rule("/meter", "meter", describe(meter))
    return blueprint
