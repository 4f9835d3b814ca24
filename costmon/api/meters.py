"""Serve what metered applications report, and start, stop or reset their recordings."""

import flask
from werkzeug.exceptions import BadRequest, NotFound

from costmon.api.commands import body_of
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.etags import matches
from costmon.api.replies import encoded_reply, json_reply
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.meters import (
    MeterAnswer,
    MeterParameters,
    RecordingAnswer,
    RecordingBody,
    Wanted,
)
from costmon.errors import InputError
from costmon.meter.dashboard.answers import Answers, UnreportedError
from costmon.meter.dashboard.projecting import projector
from costmon.meter.dashboard.query import query_from
from costmon.meter.options import Options
from costmon.meter.reporting.source import Source
from costmon.pricing.instances.instance import RegionPrices
from costmon.pricing.instances.prices import listed

METER = "/api/v1/meter"


def create_blueprint(context: ApiContext, source: Source) -> flask.Blueprint:
    """Return the routes about metered applications.

    Args:
        context: Tells the time, and whether the service is stopping.
        source: What they have reported, and how they are told.
    """
    blueprint = flask.Blueprint("meters", __name__)
    answers = Answers(source, projector(_list_prices, context.clock), context.clock)

    @blueprint.get(METER)
    @described(
        tag="meter",
        query=MeterParameters,
        answers={200: MeterAnswer, 304: None, 404: Problem, 503: Problem},
    )
    def meter() -> flask.typing.ResponseReturnValue:
        """Return what each endpoint of a metered application costs, at any number of users."""
        context.snapshot.read()
        try:
            answer = answers.view(query_from(list(flask.request.args.items(multi=True))))
        except UnreportedError as error:
            raise NotFound(str(error)) from None
        except InputError as error:
            raise BadRequest(str(error)) from None
        if matches(flask.request.headers.get("If-None-Match", ""), answer.etag):
            return encoded_reply(b"", 304, etag=answer.etag)
        return encoded_reply(answer.body, 200, etag=answer.etag)

    @blueprint.post(f"{METER}/recording")
    @described(
        tag="meter",
        body=RecordingBody,
        answers={202: RecordingAnswer, 404: Problem, 503: Problem},
    )
    def record() -> flask.typing.ResponseReturnValue:
        """Start, stop or reset a service's recording; start and reset discard its figures."""
        body = body_of(RecordingBody)
        try:
            control = answers.order(body.action, body.service)
        except UnreportedError as error:
            raise NotFound(str(error)) from None
        wanted = Wanted(recording=control.recording, is_recording=control.is_recording)
        return json_reply(RecordingAnswer(data=wanted), 202)

    return blueprint


def _list_prices(options: Options) -> RegionPrices:
    """Return our own list's prices: a path that somebody reported is not opened here."""
    return listed().region(options.provider, options.region)
