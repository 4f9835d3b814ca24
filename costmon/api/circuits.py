"""Circuits: which are open, whether a scope's calls may pass, and changing that by hand."""

import datetime as dt
import hashlib
import math

import flask
from msgspec import structs
from werkzeug.exceptions import BadRequest

from costmon.api.commands import accepted, author, body_of, known_policy, order
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.etags import matches
from costmon.api.replies import encoded_reply, json_reply
from costmon.api.schemas.answers import Meta, Problem
from costmon.api.schemas.encoding import encode
from costmon.api.schemas.guards import (
    CircuitBody,
    CircuitNow,
    CircuitsAnswer,
    CommandAnswer,
    ScopeCircuit,
    ScopeCircuitAnswer,
    WaitParameters,
)
from costmon.api.waiters import Waiters, asked_wait_s
from costmon.domain.policy import Policy
from costmon.domain.stops import standing_of
from costmon.errors import InputError
from costmon.intake.answer import circuit_answer
from costmon.intake.decision import circuit_command, scope_field

CIRCUIT = "/api/v1/circuits/<path:scope>"

_SHORTEST_WAIT_S = 0.01


def create_blueprint(context: ApiContext, waiters: Waiters) -> flask.Blueprint:
    """Return the routes about circuits."""
    blueprint = flask.Blueprint("circuits", __name__)

    @blueprint.get("/api/v1/circuits")
    @described(tag="guard", answers={200: CircuitsAnswer, 503: Problem})
    def circuits() -> flask.typing.ResponseReturnValue:
        """List the latest decision on each scope; an open circuit may have expired since."""
        now = context.clock.now()
        rows = [
            CircuitNow(**structs.asdict(circuit_answer(it)), current=it.current_state(now))
            for it in known_policy(context).circuits
        ]
        meta = Meta(count=len(rows), demo=context.settings.demo)
        return json_reply(CircuitsAnswer(data=rows, meta=meta))

    @blueprint.get(CIRCUIT, merge_slashes=False)
    @described(
        tag="guard",
        query=WaitParameters,
        answers={200: ScopeCircuitAnswer, 304: None, 404: Problem, 503: Problem},
    )
    def circuit(scope: str) -> flask.typing.ResponseReturnValue:
        """Return whether calls of a scope are allowed; with `wait`, respond when that changes."""
        left_s: float = asked_wait_s()
        named = _scope(scope)
        tags = flask.request.headers.get("If-None-Match", "")

        def known(policy: Policy | None) -> bool:
            return policy is None or matches(tags, _shown(policy, named, context.clock.now())[1])

        if left_s and known(known_policy(context)):
            with waiters.place():
                while left_s > 0 and known(policy := known_policy(context)):
                    # A circuit that expires does not change the policy.
                    span_s = min(left_s, _ends_in_s(policy, named, context.clock.now()))
                    context.policy.wait(known, span_s)
                    left_s -= span_s
        body, etag = _shown(known_policy(context), named, context.clock.now())
        if matches(tags, etag):
            return encoded_reply(b"", 304, etag=etag)
        return encoded_reply(body, 200, etag=etag)

    @blueprint.put(CIRCUIT, merge_slashes=False)
    @described(
        tag="guard", body=CircuitBody, answers={202: CommandAnswer, 404: Problem, 503: Problem}
    )
    def change(scope: str) -> flask.typing.ResponseReturnValue:
        """Open or close a circuit; guards react within a second."""
        body = body_of(CircuitBody)
        try:
            command = circuit_command(
                scope=scope,
                state=body.state,
                reason=body.reason,
                author=author(),
                expires_in_s=body.expires_in_s,
                now=context.clock.now(),
            )
        except InputError as error:
            raise BadRequest(str(error)) from None
        order(context, command)
        return accepted(command)

    return blueprint


def _scope(text: str) -> str:
    try:
        return scope_field(text)
    except InputError as error:
        raise BadRequest(str(error)) from None


def _shown(policy: Policy, scope: str, now: dt.datetime) -> tuple[bytes, str]:
    """Return the body and its ETag."""
    stop = standing_of(scope, policy.circuits, now)
    shown = ScopeCircuit(
        scope=scope,
        state="closed" if stop is None else stop.current_state(now),
        circuit=None if stop is None else stop.scope,
        reason=None if stop is None else stop.reason,
        author=None if stop is None else stop.author,
        changed_at=None if stop is None else stop.changed_at,
        expires_at=None if stop is None else stop.ends_at(now),
    )
    body = encode(ScopeCircuitAnswer(data=shown))
    return body, f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _ends_in_s(policy: Policy, scope: str, now: dt.datetime) -> float:
    """Return seconds until the state of a scope changes by itself; infinity for never."""
    stop = standing_of(scope, policy.circuits, now)
    ends_at = None if stop is None else stop.ends_at(now)
    if ends_at is None:
        return math.inf
    return max(_SHORTEST_WAIT_S, (ends_at - now).total_seconds())
