"""Current costs: in full, and as a summary."""

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.freshness import fresh_meta
from costmon.api.middleware import problem
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.costs import (
    CurrentAnswer,
    account_freshness,
    current_totals,
    headline,
)
from costmon.api.schemas.summary import SummaryAnswer, summary
from costmon.state.bill import bill

CURRENT = "/api/v1/costs/current"
FORMER = "/api/v1/domonitor/costs/current"


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the routes about current costs."""
    blueprint = flask.Blueprint("costs", __name__)

    @blueprint.get(FORMER)
    @blueprint.get(CURRENT)
    @described(tag="costs", answers={200: CurrentAnswer, 304: None, 404: Problem, 503: Problem})
    def current() -> flask.typing.ResponseReturnValue:
        """Return current costs of all resources."""
        snapshot = context.snapshot.read()
        if snapshot is None or headline(snapshot) is None:
            return no_data_yet()
        return context.representations.answer(snapshot)

    @blueprint.get("/api/v1/summary")
    @described(tag="costs", answers={200: SummaryAnswer, 404: Problem, 503: Problem})
    def in_short() -> flask.typing.ResponseReturnValue:
        """Return current totals, the bill of the month, and each account's share of both."""
        snapshot = context.snapshot.read()
        now = context.clock.now()
        accounts = snapshot.accounts if snapshot else ()
        month = bill(context.charges(), accounts, context.rates, context.currency, now)
        found = headline(snapshot) if snapshot else None
        is_tried = any(one.has_a_verdict or one.off_because for one in accounts)
        if snapshot is None or not (found or month.is_known or is_tried):
            return no_data_yet()
        totals = current_totals(found, snapshot.as_of) if found and snapshot.as_of else None
        return json_reply(
            SummaryAnswer(
                data=summary(totals, [account_freshness(it, now) for it in accounts], month),
                meta=fresh_meta(snapshot, now),
            )
        )

    return blueprint


def no_data_yet() -> flask.typing.ResponseReturnValue:
    """Return the answer before the first poll."""
    return problem(404, "Not found", "No cost data available yet. Wait for the next polling cycle.")
