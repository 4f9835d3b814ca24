"""Past costs, from the roll-ups."""

import datetime as dt
from collections.abc import Callable
from typing import get_args

import flask
import structlog
from werkzeug.datastructures import MultiDict

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.queries import QueryError, check_names, choice
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import (
    HistoryAnswer,
    HistoryBucket,
    HistoryMeta,
    HistoryParameters,
    Problem,
    Shown,
)
from costmon.domain.history import GroupBy, HistoryQuery, HistoryRow, Step
from costmon.domain.money import shown
from costmon.domain.period import Period
from costmon.errors import StoreError
from costmon.web.history_page import history_page

LONGEST = dt.timedelta(days=5 * 366)
_DEFAULT = dt.timedelta(days=30)
_DAY = dt.timedelta(days=1)
_STEPS: tuple[Step, ...] = get_args(Step)
_GROUPS: tuple[GroupBy, ...] = get_args(GroupBy)
_SHOWN: tuple[Shown, ...] = get_args(Shown)
_ACCEPTED = ("from", "to", "step", "group_by", "not_observed")
_UNAVAILABLE = "History cannot be read at the moment; see /readyz. Current costs are not affected."


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about past costs."""
    blueprint = flask.Blueprint("history", __name__)
    log = structlog.get_logger("costmon.api")

    @blueprint.get("/api/v1/costs/history")
    @described(tag="costs", query=HistoryParameters, answers={200: HistoryAnswer, 503: Problem})
    def history() -> flask.typing.ResponseReturnValue:
        """Return recorded costs by day, week or month."""
        try:
            query = parse_query(flask.request.args, context.clock.now())
        except QueryError as error:
            return problem(400, "Bad request", str(error))
        try:
            rows = context.history(query)
        except StoreError as error:
            log.warning("api.history_unavailable", error=str(error))
            return problem(503, "Service unavailable", _UNAVAILABLE)
        return json_reply(
            HistoryAnswer(
                data=[_bucket(row) for row in rows],
                meta=HistoryMeta(
                    source="history",
                    start=query.period.start,
                    end=query.period.end,
                    step=query.step,
                    group_by=query.group_by,
                    not_observed="show" if query.not_observed else "omit",
                ),
            )
        )

    @blueprint.get("/history")
    @described(
        tag="pages",
        query=HistoryParameters,
        answers={200: "text/html", 400: "text/html", 503: "text/html"},
    )
    def page() -> flask.typing.ResponseReturnValue:
        """Recorded costs, for people."""
        try:
            query = parse_query(flask.request.args, context.clock.now())
        except QueryError as error:
            return history_page(None, (), str(error), 400)
        try:
            return history_page(query, context.history(query), None, 200)
        except StoreError as error:
            log.warning("api.history_unavailable", error=str(error))
            return history_page(query, (), _UNAVAILABLE, 503)

    return blueprint


def parse_query(given: MultiDict[str, str], now: dt.datetime) -> HistoryQuery:
    """Return what is asked: whole UTC days, the last 30 by default.

    Raises:
        QueryError: Something is not accepted; the text says what is.
    """
    check_names(given, _ACCEPTED)
    tomorrow = _midnight(now) + _DAY
    end = _moment("to", given["to"], _next_midnight) if "to" in given else tomorrow
    if "from" in given:
        start = _moment("from", given["from"], _midnight)
    else:
        start = end - min(_DEFAULT, end - dt.datetime.min.replace(tzinfo=dt.UTC))
    if start >= end:
        msg = f"from ({start:%Y-%m-%d}) must be before to ({end:%Y-%m-%d}, exclusive)"
        raise QueryError(msg)
    if end - start > LONGEST:
        msg = f"from and to are too far apart; accepted: at most {LONGEST.days} days"
        raise QueryError(msg)
    return HistoryQuery(
        period=Period(start=start, end=end),
        step=choice("step", given.get("step", "day"), _STEPS),
        group_by=choice("group_by", given.get("group_by", "total"), _GROUPS),
        not_observed=choice("not_observed", given.get("not_observed", "show"), _SHOWN) == "show",
    )


def _moment(
    name: str, value: str, to_midnight: Callable[[dt.datetime], dt.datetime]
) -> dt.datetime:
    # A "+" in a query is a blank unless the client escapes it, and few do.
    text = value.replace(" ", "+") if "T" in value else value
    try:
        moment = dt.datetime.fromisoformat(text)
        aware = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return to_midnight(aware.astimezone(dt.UTC))
    except (ValueError, OverflowError):
        msg = (
            f"{name}={value[:40]!r}; accepted: a date (2026-11-21) or a time "
            "(2026-11-21T10:00:00Z), UTC unless it says otherwise"
        )
        raise QueryError(msg) from None


def _midnight(moment: dt.datetime) -> dt.datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _next_midnight(moment: dt.datetime) -> dt.datetime:
    midnight = _midnight(moment)
    return midnight if midnight == moment else midnight + _DAY


def _bucket(row: HistoryRow) -> HistoryBucket:
    return HistoryBucket(
        start=row.period.start,
        end=row.period.end,
        group=row.group,
        currency=row.currency,
        accrued=shown(row.accrued),
        average_monthly=None if row.average_monthly is None else shown(row.average_monthly),
        last_monthly=shown(row.last_monthly),
        observed_s=row.observed_s,
        resource_count=row.resource_count,
        unpriced_count=row.unpriced_count,
        not_observed=None if row.not_observed is None else shown(row.not_observed),
        not_observed_s=row.not_observed_s,
    )
