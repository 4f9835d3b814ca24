"""How each rule stands: in one word, with its figures."""

import flask

from costmon.alerts.rule_status import RuleStatus, Status, rule_statuses
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Meta, Problem
from costmon.intake.answer import Answer, Moment, plain


class BreakerNote(Answer, frozen=True):
    """When a rule opens the circuit of its scope; never unless it is `enabled`."""

    enabled: bool
    threshold_multiplier: str
    on_budget: bool
    on_finding: str | None
    open_s: float


class RuleRow(Answer, frozen=True):
    """A rule and how its scope stands; amounts are exact figures as text.

    `spent_hour` is of the last 60 minutes and `spent_day` of the last 24 hours before `as_of`, or
    of the last complete day that was charged, if that is more; they are null while they are not
    known, which is not 0. `reason` says why.
    """

    scope: str
    rule: str
    status: Status
    reason: str | None
    currency: str
    spent_hour: str | None
    hourly: str | None
    spent_day: str | None
    daily: str | None
    exceeded: list[str]
    spike_multiplier: str
    cooldown_s: float
    breaker: BreakerNote
    as_of: Moment | None


class RulesAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/rules`."""

    data: list[RuleRow]
    meta: Meta


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about rules."""
    blueprint = flask.Blueprint("rules", __name__)

    @blueprint.get("/api/v1/rules")
    @described(tag="costs", answers={200: RulesAnswer, 503: Problem})
    def rules() -> flask.typing.ResponseReturnValue:
        """List rules: ok, warning, exceeded, blind or not collected, and the figures."""
        snapshot = context.snapshot.read()
        statuses = rule_statuses(
            context.rules,
            snapshot.accounts if snapshot else (),
            context.rule_standings(),
            context.clock.now(),
        )
        meta = Meta(count=len(statuses), demo=context.settings.demo)
        return json_reply(RulesAnswer(data=[_row(one) for one in statuses], meta=meta))

    return blueprint


def _row(status: RuleStatus) -> RuleRow:
    rule, standing = status.rule, status.standing
    return RuleRow(
        scope=status.scope,
        rule=rule.scope,
        status=status.status,
        reason=status.reason,
        currency=rule.currency,
        spent_hour=None if standing is None or standing.hourly is None else plain(standing.hourly),
        hourly=None if rule.hourly is None else plain(rule.hourly),
        spent_day=plain(standing.daily) if standing else None,
        daily=None if rule.daily is None else plain(rule.daily),
        exceeded=list(standing.exceeded) if standing else [],
        spike_multiplier=plain(rule.spike_multiplier),
        cooldown_s=rule.cooldown_s,
        breaker=BreakerNote(
            enabled=rule.breaker.enabled,
            threshold_multiplier=plain(rule.breaker.threshold_multiplier),
            on_budget=rule.breaker.on_budget,
            on_finding=rule.breaker.on_finding,
            open_s=rule.breaker.open_s,
        ),
        as_of=standing.at if standing else None,
    )
