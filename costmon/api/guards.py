"""Serve what guards have reported: the status of budgets, calls in flight, refusals."""

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Meta
from costmon.api.schemas.guards import (
    BudgetStatus,
    BudgetStatusAnswer,
    Guard,
    GuardsAnswer,
    InFlight,
    InFlightAnswer,
    Refusal,
    RefusalsAnswer,
    Unpriced,
    UnpricedAnswer,
)
from costmon.intake.answer import plain
from costmon.intake.decision import CURRENCY
from costmon.state import budget_status
from costmon.state.freshness import age_s
from costmon.state.guard_state import unpriced_totals


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the routes that show what guards said."""
    blueprint = flask.Blueprint("guards", __name__)
    demo = context.settings.demo

    @blueprint.get("/api/v1/guard/guards")
    @described(tag="guard", answers={200: GuardsAnswer})
    def guards() -> flask.typing.ResponseReturnValue:
        """List guards that have reported in the last 24 hours."""
        now = context.clock.now()
        confirmed = context.confirmed.read()
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
                authenticated=seen.authenticated,
            )
            for seen in context.guard_state.read().guards
        ]
        return json_reply(GuardsAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/scopes")
    @described(tag="guard", answers={200: BudgetStatusAnswer})
    def scopes() -> flask.typing.ResponseReturnValue:
        """List the status of each budget, most used first; those without a report come last."""
        now, state, policy = context.clock.now(), context.guard_state.read(), context.policy.read()
        rows = [
            _budget_status(row, over=row.is_over(now))
            for row in budget_status.budget_statuses(state)
        ]
        budgets = [it.budget for it in policy.budgets] if policy else []
        rows += [_without_report(row) for row in budget_status.unreported_budgets(budgets, state)]
        return json_reply(BudgetStatusAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/leases")
    @described(tag="guard", answers={200: InFlightAnswer})
    def leases() -> flask.typing.ResponseReturnValue:
        """List calls in flight according to the latest reports."""
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
            for guard, lease in budget_status.flights(
                context.guard_state.read(), context.clock.now()
            )
        ]
        return json_reply(InFlightAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/refusals")
    @described(tag="guard", answers={200: RefusalsAnswer})
    def refusals() -> flask.typing.ResponseReturnValue:
        """List the latest refused calls, and why."""
        rows = [
            Refusal(at=note.at, guard=guard, scope=note.scope, reason=note.reason, text=note.text)
            for guard, note in context.guard_state.read().refusals
        ]
        return json_reply(RefusalsAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    @blueprint.get("/api/v1/guard/unpriced")
    @described(tag="guard", answers={200: UnpricedAnswer})
    def unpriced() -> flask.typing.ResponseReturnValue:
        """Count the calls to models and hosts that have no known price, and their cost."""
        rows = [
            Unpriced(scope=scope, currency=it.currency, calls=it.requests, spent=plain(it.spent))
            for scope, it in unpriced_totals(context.guard_state.read())
        ]
        return json_reply(UnpricedAnswer(data=rows, meta=Meta(count=len(rows), demo=demo)))

    return blueprint


def _without_report(row: budget_status.UnreportedBudget) -> BudgetStatus:
    budget, nothing = row.budget, "0" if row.is_unused else None
    return BudgetStatus(
        scope=budget.scope,
        period=budget.period,
        store=None,
        currency=budget.currency or CURRENCY,
        limit=plain(budget.usable),
        spent=nothing,
        held=nothing,
        remaining=plain(budget.usable) if row.is_unused else None,
        resets_at=None,
        over=False,
        reported_at=None,
        guards=[],
    )


def _budget_status(row: budget_status.BudgetStatus, *, over: bool) -> BudgetStatus:
    return BudgetStatus(
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
