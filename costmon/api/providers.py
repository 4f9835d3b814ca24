"""How reading each account goes."""

import datetime as dt

import flask

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import (
    Meta,
    Problem,
    ProviderHealth,
    ProvidersAnswer,
    ReadingHealth,
    StaleKindNote,
)
from costmon.api.schemas.costs import gap_notes, whole_second
from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Gap, KindFailure
from costmon.state.freshness import (
    account_staleness,
    account_state,
    age_s,
    reading_staleness,
    reading_state,
    trouble,
)
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
    stale = trouble(account, now)
    readings = [_reading(account, kind, now) for kind in account.readings]
    success = account.last_success_at
    return ProviderHealth(
        name=account.name,
        provider=account.provider,
        state=account_state(account, now),
        reason=stale.reason if stale else None,
        failure=account.failure.reason if account.failure else None,
        last_success=_second(success),
        data_complete_through=_second(account.complete_through),
        next_poll=_second(account.next_poll_at),
        age_s=age_s(success, now) if success else None,
        breaker=account.breaker,
        gaps=gap_notes(
            dict.fromkeys(gap for kind in account.readings for gap in _gaps(account, kind))
        ),
        readings=readings,
        stale_kinds=[_stale_kind(kind, now) for kind in account.stale_kinds],
        missing=list(account.missing),
    )


def _reading(account: AccountState, kind: ReadingKind, now: dt.datetime) -> ReadingHealth:
    reading = account.readings[kind]
    success = reading.last_success_at
    is_inventory = kind == "inventory"
    stale = account_staleness(account, now) if is_inventory else reading_staleness(reading, now)
    return ReadingHealth(
        reading=kind,
        state=reading_state(account, kind, now),
        reason=stale.reason if stale else None,
        failure=reading.failure.reason if reading.failure else None,
        last_success=_second(success),
        data_complete_through=_second(reading.complete_through),
        next_poll=_second(reading.next_poll_at),
        age_s=age_s(success, now) if success else None,
        breaker=reading.breaker,
        gaps=gap_notes(_gaps(account, kind)),
    )


def _gaps(account: AccountState, kind: ReadingKind) -> tuple[Gap, ...]:
    if kind == "inventory":
        return account.inventory.gaps if account.inventory else ()
    return account.readings[kind].gaps


def _stale_kind(kind: KindFailure, now: dt.datetime) -> StaleKindNote:
    return StaleKindNote(
        kind=kind.kind,
        reason=kind.message,
        failure=kind.reason,
        since=_second(kind.since),
        last_success=_second(kind.last_seen_at),
        age_s=age_s(kind.last_seen_at, now) if kind.last_seen_at else None,
    )


def _second(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else whole_second(moment)
