"""Open alerts: the list, the page, and what people decide about one: acknowledge or snooze."""

from collections.abc import Callable

import flask
import structlog
from werkzeug.exceptions import BadRequest, NotFound, ServiceUnavailable

from costmon.alerts.memory import OpenAlert, open_alerts
from costmon.api.commands import accepted, author, body_of, order
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.alerts import (
    AcknowledgeBody,
    AlertsAnswer,
    SnoozeBody,
    alert_answer,
)
from costmon.api.schemas.answers import Meta, Problem
from costmon.api.schemas.guards import CommandAnswer
from costmon.api.waiters import Waiters
from costmon.errors import InputError, StoreError
from costmon.intake.answer import RETRY_AFTER_S
from costmon.intake.decision import acknowledge_command, snooze_command
from costmon.messages import AlertDecision
from costmon.web.alerts_page import alerts_page
from costmon.web.finding_view import findings_shown

ALERTS = "/api/v1/alerts"

# A decision is carried out in milliseconds; after this the page shows what holds until then.
_DONE_WITHIN_S = 1.0

_log = structlog.get_logger("costmon.api")


def create_blueprint(context: ApiContext, waiters: Waiters) -> flask.Blueprint:
    """Return the routes about alerts."""
    blueprint = flask.Blueprint("alerts", __name__)

    @blueprint.get(ALERTS)
    @described(tag="alerts", answers={200: AlertsAnswer, 503: Problem})
    def alerts() -> flask.typing.ResponseReturnValue:
        """List what people were alerted of and is not over, the most severe first."""
        rows = [alert_answer(known) for known in _open(context)]
        meta = Meta(count=len(rows), demo=context.settings.demo)
        return json_reply(AlertsAnswer(data=rows, meta=meta))

    @blueprint.post(f"{ALERTS}/<alert>/acknowledge")
    @described(
        tag="alerts",
        body=AcknowledgeBody,
        answers={202: CommandAnswer, 404: Problem, 503: Problem},
    )
    def acknowledge(alert: str) -> flask.typing.ResponseReturnValue:
        """Acknowledge an alert: it is not told again until it gets more severe or is over."""
        body = body_of(AcknowledgeBody) if flask.request.get_data() else AcknowledgeBody()
        return _ordered(context, lambda: _acknowledge(context, alert, body.reason))

    @blueprint.post(f"{ALERTS}/<alert>/snooze")
    @described(
        tag="alerts", body=SnoozeBody, answers={202: CommandAnswer, 404: Problem, 503: Problem}
    )
    def snooze(alert: str) -> flask.typing.ResponseReturnValue:
        """Snooze an alert: it is told again after a while if it still holds."""
        body = body_of(SnoozeBody)
        return _ordered(context, lambda: _snooze(context, alert, body.duration_s, body.reason))

    _add_page(blueprint, context, waiters)
    return blueprint


def _add_page(blueprint: flask.Blueprint, context: ApiContext, waiters: Waiters) -> None:
    page = described(tag="pages", answers={200: "text/html", 303: None})
    form = described(tag="pages", answers={303: None, 400: "text/html", 404: Problem, 503: Problem})

    @blueprint.get("/alerts")
    @page
    def shown() -> flask.typing.ResponseReturnValue:
        """Show findings with their explanation, and open alerts, to acknowledge or snooze them."""
        return _page(context, None)

    def carried_out(make: Callable[[], AlertDecision]) -> flask.typing.ResponseReturnValue:
        before = context.announced.read()
        try:
            command = make()
        except InputError as error:
            return _page(context, str(error))
        order(context, command)
        try:
            with waiters.place():
                context.announced.wait(lambda known: known is before, _DONE_WITHIN_S)
        except ServiceUnavailable:
            pass  # everybody waits already: the page may show it a moment later
        return flask.redirect("/alerts", code=303)

    @blueprint.post("/alerts/<alert>/acknowledge")
    @form
    def acknowledge_form(alert: str) -> flask.typing.ResponseReturnValue:
        """Acknowledge an alert."""
        reason = flask.request.form.get("reason", "")
        return carried_out(lambda: _acknowledge(context, alert, reason))

    @blueprint.post("/alerts/<alert>/snooze")
    @form
    def snooze_form(alert: str) -> flask.typing.ResponseReturnValue:
        """Snooze an alert."""
        fields = flask.request.form
        seconds = fields.get("duration_s", "")
        if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 9):  # noqa: PLR2004 - digits of 30 years
            return _page(context, f"duration_s: {seconds[:40]!r} is not a whole number of seconds")
        reason = fields.get("reason", "")
        return carried_out(lambda: _snooze(context, alert, int(seconds), reason))


def _page(context: ApiContext, fault: str | None) -> flask.Response:
    context.snapshot.read()
    now, known = context.clock.now(), context.announced.read()
    rows = None if known is None else open_alerts(known, now)
    try:
        findings = findings_shown(context.findings, rows or (), context.policy.read(), now)
    except StoreError as error:
        _log.warning("api.findings_unavailable", error=str(error))
        findings = None
    return alerts_page(rows, findings, fault)


def _open(context: ApiContext) -> tuple[OpenAlert, ...]:
    context.snapshot.read()
    known = context.announced.read()
    if known is None:
        raise ServiceUnavailable(
            "Alerts are not known yet: the database has not been read since the service started; "
            "see /readyz.",
            retry_after=RETRY_AFTER_S,
        )
    return open_alerts(known, context.clock.now())


def _condition(context: ApiContext, alert: str) -> str:
    for known in _open(context):
        if known.id == alert:
            return known.alert.condition
    raise NotFound(f"No alert {alert[:40]!r} is open; GET {ALERTS} lists those that are.")


def _acknowledge(context: ApiContext, alert: str, reason: str) -> AlertDecision:
    return acknowledge_command(condition=_condition(context, alert), author=author(), reason=reason)


def _snooze(context: ApiContext, alert: str, duration_s: int, reason: str) -> AlertDecision:
    return snooze_command(
        condition=_condition(context, alert),
        duration_s=duration_s,
        author=author(),
        reason=reason,
        now=context.clock.now(),
    )


def _ordered(context: ApiContext, make: Callable[[], AlertDecision]) -> flask.Response:
    try:
        command = make()
    except InputError as error:
        raise BadRequest(str(error)) from None
    order(context, command)
    return accepted(command)
