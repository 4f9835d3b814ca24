"""The scrape."""

import flask

from costmon.api.document import described
from costmon.api.face import Face
from costmon.export.endpoints import EndpointCollector
from costmon.export.guards import GuardCollector
from costmon.export.prometheus import CostCollector, exposition
from costmon.state.meters import services


def create_blueprint(face: Face) -> flask.Blueprint:
    """Return the route that Prometheus scrapes."""
    blueprint = flask.Blueprint("metrics", __name__)
    collectors = (
        CostCollector(
            snapshot=face.snapshot.latest,
            children=face.children.read,
            pending=face.pending,
            now=face.clock.now,
        ),
        GuardCollector(board=face.board.read, policy=face.policy.read, now=face.clock.now),
        EndpointCollector(services=lambda: services(face.meters.read(), face.clock.monotonic_s())),
    )

    @blueprint.get("/metrics")
    @described(tag="service", answers={200: "text/plain"})
    def metrics() -> flask.typing.ResponseReturnValue:
        """Actors, polls, costs, guards and endpoints for Prometheus, or OpenMetrics if accepted."""
        body, content_type = exposition(collectors, flask.request.headers.get("Accept", ""))
        return flask.Response(
            body, headers={"Cache-Control": "no-store"}, content_type=content_type
        )

    return blueprint
