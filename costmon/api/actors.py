"""The supervised children, as the supervisor published them."""

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Actor, ActorsAnswer, Meta
from costmon.api.schemas.costs import whole_second
from costmon.domain.child import ChildStatus


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about the supervised children."""
    blueprint = flask.Blueprint("actors", __name__)

    @blueprint.get("/api/v1/actors")
    @described(tag="service", answers={200: ActorsAnswer})
    def actors() -> flask.typing.ResponseReturnValue:
        """List supervised actors: state, incarnation, restarts, queued messages, last error."""
        rows = [_actor(child) for child in context.children.read()]
        meta = Meta(count=len(rows), demo=context.settings.demo)
        return json_reply(ActorsAnswer(data=rows, meta=meta))

    return blueprint


def _actor(child: ChildStatus) -> Actor:
    return Actor(
        name=child.name,
        role=child.role,
        state=child.state,
        generation=child.generation,
        restarts=child.restarts,
        mailbox=child.mailbox,
        dead_letters=child.dead_letters,
        dropped=child.dropped,
        busy_s=child.busy_s,
        last_error=child.last_error,
        started_at=whole_second(child.started_at) if child.started_at else None,
    )
