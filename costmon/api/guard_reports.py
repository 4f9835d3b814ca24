"""What guards tell the service, and what it tells them."""

import flask
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from costmon.api.commands import author, known_policy, tell
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.etags import matches
from costmon.api.replies import encoded_reply
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.guards import WaitParameters
from costmon.api.waiters import Waiters, asked_wait_s
from costmon.domain.policy import Policy
from costmon.errors import InputError
from costmon.intake.answer import PolicyAnswer, ReportAnswer, encode_policy, encode_taken
from costmon.intake.report import LARGEST_BYTES, ReportBody, decode_report
from costmon.messages import GuardReported


def create_blueprint(context: ApiContext, waiters: Waiters) -> flask.Blueprint:
    """Return the routes that guards talk to."""
    blueprint = flask.Blueprint("guard_link", __name__)

    @blueprint.post("/api/v1/guard/reports")
    @described(tag="guard", body=ReportBody, answers={202: ReportAnswer, 503: Problem})
    def report() -> flask.typing.ResponseReturnValue:
        """Accept a guard's report; the response says what is stored and which policy applies."""
        body = flask.request.get_data()
        if len(body) > LARGEST_BYTES:
            raise RequestEntityTooLarge(f"The report is larger than {LARGEST_BYTES} bytes.")
        try:
            told = decode_report(body)
        except InputError as error:
            raise BadRequest(str(error)) from None
        tell(context, GuardReported(report=told, authenticated=bool(author())))
        confirmed = context.confirmed.read().get(told.guard)
        return _marked(encoded_reply(encode_taken(confirmed, context.policy.read()), 202))

    @blueprint.get("/api/v1/guard/policy")
    @described(
        tag="guard", query=WaitParameters, answers={200: PolicyAnswer, 304: None, 503: Problem}
    )
    def policy() -> flask.typing.ResponseReturnValue:
        """Return budgets and circuits for guards; with `wait`, respond when they change."""
        wait_s = asked_wait_s()
        held = known_policy(context)
        tags = flask.request.headers.get("If-None-Match", "")

        def known(policy: Policy | None) -> bool:
            return policy is None or matches(tags, _etag(policy))

        if wait_s and known(held):
            with waiters.place():
                context.policy.wait(known, wait_s)
            held = known_policy(context)
        if known(held):
            return _marked(encoded_reply(b"", 304, etag=_etag(held)))
        return _marked(encoded_reply(encode_policy(held), 200, etag=_etag(held)))

    return blueprint


def _marked(response: flask.Response) -> flask.Response:
    """Say whether the guard was authenticated: it may report and obey without being so."""
    response.headers["Costmon-Authenticated"] = "true" if author() else "false"
    return response


def _etag(policy: Policy) -> str:
    return f'"{policy.revision}"'
