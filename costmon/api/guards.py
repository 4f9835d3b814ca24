"""What guards have told, for who looks: how budgets stand, calls in flight, refusals."""

import flask

from costmon.api.answers import Meta
from costmon.api.document import described
from costmon.api.face import Face
from costmon.api.guard_answers import (
    Guard,
    GuardsAnswer,
    InFlight,
    InFlightAnswer,
    Refusal,
    RefusalsAnswer,
    Standing,
    StandingsAnswer,
)
from costmon.api.replies import json_reply
from costmon.intake.answer import plain
from costmon.state import budget_status
from costmon.state.freshness import age_s


def create_blueprint(face: Face) -> flask.Blueprint:
    """Return the routes that show what guards said."""
    blueprint = flask.Blueprint("guards", __name__)
    demo = face.settings.demo

    @blueprint.get("/api/v1/guard/guards")
    @described(tag="guard", answers={200: GuardsAnswer})
    def guards() -> flask.typing.ResponseReturnValue:
        """One row a guard that has been seen in the last day."""
        now = face.clock.now()
        confirmed = face.confirmed.read()
        rows = [
            Guard(
                guard=seen.guard,
                store=seen.store,
                app=seen.app,
                host=seen.host,
                pid=seen.pid,
                currency=seen.currency,
                seen_at=seen.seen_at,
                age_s=age_s(seen.seen_at, now),
                away=budget_status.is_away(seen, now),
                sequence=seen.sequence,
                confirmed=confirmed.get(seen.guard),
                leases=len(seen.leases),
                refused=sum(seen.refused.values()),
            )
            for seen in face.board.read().guards
        ]
        return json_reply(GuardsAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/scopes")
    @described(tag="guard", answers={200: StandingsAnswer})
    def scopes() -> flask.typing.ResponseReturnValue:
        """How every budget stands by the latest report about it, fullest first."""
        now = face.clock.now()
        rows = [
            _standing(row, over=row.is_over(now))
            for row in budget_status.standings(face.board.read())
        ]
        return json_reply(StandingsAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/leases")
    @described(tag="guard", answers={200: InFlightAnswer})
    def leases() -> flask.typing.ResponseReturnValue:
        """Calls in flight by the latest reports."""
        rows = [
            InFlight(
                id=lease.id,
                guard=guard.guard,
                app=guard.app,
                host=guard.host,
                scopes=list(lease.scopes),
                activity=lease.activity,
                estimate=plain(lease.estimate),
                currency=guard.currency,
                expires_at=lease.expires_at,
            )
            for guard, lease in budget_status.flights(face.board.read(), face.clock.now())
        ]
        return json_reply(InFlightAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/refusals")
    @described(tag="guard", answers={200: RefusalsAnswer})
    def refusals() -> flask.typing.ResponseReturnValue:
        """The latest calls that were not made, and why."""
        rows = [
            Refusal(at=note.at, guard=guard, scope=note.scope, reason=note.reason, text=note.text)
            for guard, note in face.board.read().refusals
        ]
        return json_reply(RefusalsAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    return blueprint


def _standing(row: budget_status.Standing, *, over: bool) -> Standing:
    return Standing(
        scope=row.scope,
        period=row.period,
        store=row.store,
        currency=row.currency,
        limit=None if row.limit is None else plain(row.limit),
        spent=plain(row.spent),
        held=plain(row.held),
        remaining=None if row.remaining is None else plain(row.remaining),
        resets_at=row.resets_at,
        over=over,
        reported_at=row.seen_at,
        guards=list(row.guards),
    )
