"""What the vendors have charged, from the ledger, and how much of budgets and quotas is used."""

import datetime as dt
from typing import get_args

import flask
import structlog
from werkzeug.datastructures import MultiDict

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.queries import QueryError, check_names, choice
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Problem
from costmon.api.schemas.charges import (
    ChargesAnswer,
    ChargesMeta,
    ChargesParameters,
    Limits,
    LimitsMeta,
    QuotasAnswer,
    budget_used,
    charge_row,
    quota_used,
    reading_notes,
    restatement_notes,
)
from costmon.domain.charge_report import ChargeGroup, ChargeQuery
from costmon.errors import StoreError
from costmon.state.budget_status import budget_statuses
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charge_freshness import charge_readings
from costmon.state.value import AccountState

LONGEST = dt.timedelta(days=5 * 366)
_DAY = dt.timedelta(days=1)
_GROUPS: tuple[ChargeGroup, ...] = get_args(ChargeGroup)
_ACCEPTED = ("from", "to", "group_by")


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the routes about charges, and about how much of budgets and quotas is used."""
    blueprint = flask.Blueprint("charges", __name__)
    log = structlog.get_logger("costmon.api")

    def accounts() -> tuple[AccountState, ...]:
        snapshot = context.snapshot.read()
        return snapshot.accounts if snapshot else ()

    @blueprint.get("/api/v1/charges")
    @described(tag="costs", query=ChargesParameters, answers={200: ChargesAnswer, 503: Problem})
    def charges() -> flask.typing.ResponseReturnValue:
        """Return what the vendors charged, by account, currency and basis."""
        known = context.charges()
        try:
            query = parse_query(flask.request.args, known.today)
        except QueryError as error:
            return problem(400, "Bad request", str(error))
        try:
            totals = context.charge_query(query)
        except StoreError as error:
            log.warning("api.charges_unavailable", error=str(error))
            return problem(
                503,
                "Service unavailable",
                "Charges cannot be read at the moment; see /readyz. Current costs are not "
                "affected.",
            )
        readings = charge_readings(known, accounts(), context.clock.now())
        return json_reply(
            ChargesAnswer(
                data=[charge_row(total) for total in totals],
                meta=ChargesMeta(
                    source="ledger",
                    start=query.start,
                    end=query.end,
                    group_by=query.group_by,
                    demo=context.settings.demo,
                    freshness=reading_notes(readings),
                    restated=restatement_notes(known.restatements),
                ),
            )
        )

    @blueprint.get("/api/v1/quotas")
    @described(tag="costs", answers={200: QuotasAnswer, 503: Problem})
    def quotas() -> flask.typing.ResponseReturnValue:
        """Return how much of each quota and of each budget has been used."""
        known = context.charges()
        usage = [account.usage for account in accounts() if account.usage is not None]
        guards = budget_statuses(context.guard_state.read())
        budgets = budget_uses(context.caps, known, guards, context.rates, context.clock.now())
        return json_reply(
            QuotasAnswer(
                data=Limits(
                    quotas=[quota_used(use) for use in quota_uses(context.quotas, usage)],
                    budgets=[budget_used(use) for use in budgets],
                ),
                meta=LimitsMeta(charges_loaded=known.is_loaded, demo=context.settings.demo),
            )
        )

    return blueprint


def parse_query(given: MultiDict[str, str], today: dt.date) -> ChargeQuery:
    """Return what is asked: the vendors' days, the month to date by default.

    Raises:
        QueryError: Something is not accepted; the text says what is.
    """
    check_names(given, _ACCEPTED)
    end = _day("to", given["to"]) if "to" in given else today + _DAY
    start = _day("from", given["from"]) if "from" in given else _month_of(end)
    if start >= end:
        msg = f"from ({start}) must be before to ({end}, exclusive)"
        raise QueryError(msg)
    if end - start > LONGEST:
        msg = f"from and to are too far apart; accepted: at most {LONGEST.days} days"
        raise QueryError(msg)
    return ChargeQuery(
        start=start,
        end=end,
        group_by=choice("group_by", given.get("group_by", "account"), _GROUPS),
    )


def _month_of(end: dt.date) -> dt.date:
    """Return the first day of the month of the day before `end`."""
    return (end - _DAY if end > dt.date.min else end).replace(day=1)


def _day(name: str, value: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(value)
    except ValueError:
        day = dt.date.max
    if day.year == dt.MAXYEAR:
        msg = f"{name}={value[:40]!r}; accepted: a day, such as 2026-11-21"
        raise QueryError(msg)
    return day
