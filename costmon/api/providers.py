"""How reading each account goes."""

import datetime as dt

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Meta, Problem, ProviderHealth, ProvidersAnswer
from costmon.api.schemas.costs import gap_notes, whole_second
from costmon.state.freshness import account_staleness, account_state, age_s
from costmon.state.value import AccountState


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about accounts."""
    blueprint = flask.Blueprint("providers", __name__)

    @blueprint.get("/api/v1/providers")
    @described(tag="providers", answers={200: ProvidersAnswer, 503: Problem})
    def providers() -> flask.typing.ResponseReturnValue:
        """List accounts: whether each can be read, since when not, and what is not visible."""
        snapshot = context.snapshot.read()
        accounts = snapshot.accounts if snapshot else ()
        now = context.clock.now()
        rows = [_health(account, now) for account in accounts]
        meta = Meta(count=len(rows), demo=context.settings.demo)
        return json_reply(ProvidersAnswer(data=rows, meta=meta))

    return blueprint


def _health(account: AccountState, now: dt.datetime) -> ProviderHealth:
    inventory = account.inventory
    observed_at = whole_second(inventory.observed_at) if inventory else None
    stale = account_staleness(account, now)
    return ProviderHealth(
        name=account.name,
        provider=account.provider,
        state=account_state(account, now),
        reason=stale.reason if stale else None,
        failure=account.failure.reason if account.failure else None,
        last_success=observed_at,
        data_complete_through=observed_at,
        next_poll=whole_second(account.next_poll_at) if account.next_poll_at else None,
        age_s=age_s(inventory.observed_at, now) if inventory else None,
        breaker=account.breaker,
        gaps=gap_notes(inventory.gaps) if inventory else [],
    )
