"""What detection has found in spend: open and past findings, as they were told."""

import flask
import structlog
from werkzeug.exceptions import BadRequest

from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Meta, Problem
from costmon.domain.finding import FindingSeverity, FindingState, SpendFinding
from costmon.errors import StoreError
from costmon.intake.answer import Answer, Moment

MOST = 200


class ContributorRow(Answer, frozen=True):
    """Another scope that has risen since a finding began, compared with the day before."""

    scope: str
    observed: float
    expected: float


class FindingRow(Answer, frozen=True):
    """A finding by its newest state; amounts are in `unit`.

    `low` to `high` is the usual range of `expected`; `burned` and `per_hour` are what is spent
    above it. `part_of`: not told itself, since the finding of that id tells of the same money.
    """

    id: str
    scope: str
    unit: str
    state: FindingState
    cause: str
    severity: FindingSeverity
    quiet: bool
    part_of: str | None
    opened_at: Moment
    at: Moment
    since: Moment
    observed: float
    expected: float
    low: float
    high: float
    burned: float
    per_hour: float
    projected: float
    projected_until: Moment
    confidence: float
    why: list[str]
    contributors: list[ContributorRow]


class FindingsAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/findings`."""

    data: list[FindingRow]
    meta: Meta


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the route about findings."""
    blueprint = flask.Blueprint("findings", __name__)
    log = structlog.get_logger("costmon.api")

    @blueprint.get("/api/v1/findings")
    @described(tag="costs", answers={200: FindingsAnswer, 503: Problem})
    def findings() -> flask.typing.ResponseReturnValue:
        """List the 200 newest findings, newest first: what was observed, expected and burned."""
        if flask.request.args:
            raise BadRequest("there are no parameters")
        try:
            found = context.findings.newest(MOST)
        except StoreError as error:
            log.warning("api.findings_unavailable", error=str(error))
            return problem(
                503, "Service unavailable", "Findings cannot be read at the moment; see /readyz."
            )
        meta = Meta(count=len(found), demo=context.settings.demo)
        return json_reply(FindingsAnswer(data=[_row(one) for one in found], meta=meta))

    return blueprint


def _row(one: SpendFinding) -> FindingRow:
    return FindingRow(
        id=one.id,
        scope=one.series.scope,
        unit=one.series.unit,
        state=one.state,
        cause=one.cause,
        severity=one.severity,
        quiet=one.quiet,
        part_of=one.part_of,
        opened_at=one.opened_at,
        at=one.at,
        since=one.since,
        observed=one.observed,
        expected=one.expected,
        low=one.low,
        high=one.high,
        burned=one.burned,
        per_hour=one.per_hour,
        projected=one.projected,
        projected_until=one.projected_until,
        confidence=one.confidence,
        why=list(one.why),
        contributors=[ContributorRow(*it) for it in one.contributors],
    )
