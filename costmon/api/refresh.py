"""Ask for a poll now."""

import uuid

import flask
import structlog

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Problem, RefreshAccepted, RefreshAnswer
from costmon.messages import RefreshRequested


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route that asks for a poll, under both its names."""
    blueprint = flask.Blueprint("refresh", __name__)
    log = structlog.get_logger("costmon.api")

    @blueprint.post("/api/v1/refresh")
    @blueprint.post("/refresh")
    @described(tag="service", answers={202: RefreshAnswer, 503: Problem})
    def refresh() -> flask.typing.ResponseReturnValue:
        """Request a poll of all accounts now; the response does not wait for it."""
        # A closed snapshot means that the pollers are being stopped: accepting would be a lie.
        context.snapshot.read()
        requested = RefreshRequested(id=uuid.uuid4().hex)
        context.refresh(requested)
        log.info("api.refresh_requested", id=requested.id)
        return json_reply(
            RefreshAnswer(data=RefreshAccepted(id=requested.id, status="accepted"), meta={}), 202
        )

    return blueprint
