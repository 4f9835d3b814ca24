"""The document that describes the API."""

from functools import cache

import flask
import msgspec

from costmon.api.document import described, openapi


def create_blueprint(app: flask.Flask) -> flask.Blueprint:
    """Return the route that serves the description of all described routes of `app`."""
    blueprint = flask.Blueprint("openapi", __name__)

    @cache
    def document() -> bytes:
        return msgspec.json.encode(openapi(app))

    @blueprint.get("/openapi.json")
    @described(tag="service", answers={200: "application/json"})
    def description() -> flask.typing.ResponseReturnValue:
        """This document."""
        return flask.Response(document(), content_type="application/json")

    return blueprint
