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
        """Ask all accounts to be polled now; the answer does not wait for them.

        Charges and usage are read at most once a minute in this way; `held_back` names what is not
        read again.
        """
        # A closed snapshot means that the pollers are being stopped: accepting would be a lie.
        context.snapshot.read()
        requested = RefreshRequested(id=uuid.uuid4().hex)
        held_back = context.refresh(requested)
        log.info("api.refresh_requested", id=requested.id, held_back=held_back)
        accepted = RefreshAccepted(id=requested.id, status="accepted", held_back=list(held_back))
        return json_reply(RefreshAnswer(data=accepted, meta={}), 202)

    return blueprint
