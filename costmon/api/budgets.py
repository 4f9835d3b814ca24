"""Budgets that guards enforce: the file's, and those set by hand, which take precedence."""

import flask
from werkzeug.exceptions import BadRequest

from costmon.api.commands import accepted, author, body_of, known_policy, order
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import Meta, Problem
from costmon.api.schemas.guards import BudgetBody, BudgetName, BudgetsAnswer, CommandAnswer
from costmon.errors import InputError
from costmon.intake.answer import budget_answer
from costmon.intake.decision import budget_command, removal_command

BUDGETS = "/api/v1/budgets"


def create_blueprint(context: ApiContext) -> flask.Blueprint:
    """Return the routes about budgets."""
    blueprint = flask.Blueprint("budgets", __name__)

    @blueprint.get(BUDGETS)
    @described(tag="guard", answers={200: BudgetsAnswer, 503: Problem})
    def budgets() -> flask.typing.ResponseReturnValue:
        """Return every budget, and who set it."""
        rows = [budget_answer(budget) for budget in known_policy(context).budgets]
        meta = Meta(count=len(rows), demo=context.settings.demo)
        return json_reply(BudgetsAnswer(data=rows, meta=meta))

    @blueprint.put(BUDGETS)
    @described(tag="guard", body=BudgetBody, answers={202: CommandAnswer, 503: Problem})
    def change() -> flask.typing.ResponseReturnValue:
        """Set a budget; it replaces the file's and any set before."""
        body = body_of(BudgetBody)
        try:
            command = budget_command(
                scope=body.scope,
                limit=body.limit,
                period=body.period,
                currency=body.currency,
                warn=body.warn,
                block=body.block,
                author=author(),
            )
        except InputError as error:
            raise BadRequest(str(error)) from None
        order(context, command)
        return accepted(command)

    @blueprint.delete(BUDGETS)
    @described(tag="guard", query=BudgetName, answers={202: CommandAnswer, 503: Problem})
    def remove() -> flask.typing.ResponseReturnValue:
        """Remove a budget that was set by hand; the file's budget applies again."""
        name = _name()
        try:
            command = removal_command(scope=name.scope, period=name.period, author=author())
        except InputError as error:
            raise BadRequest(str(error)) from None
        order(context, command)
        return accepted(command)

    return blueprint


def _name() -> BudgetName:
    accepts = ("scope", "period", "author")
    given: dict[str, str] = {}
    for name, values in flask.request.args.lists():
        if name not in accepts:
            raise BadRequest(f"{name[:40]!r} is not a parameter; accepted: {', '.join(accepts)}")
        if len(values) > 1:
            raise BadRequest(f"{name} is given {len(values)} times; accepted: once")
        given[name] = values[0]
    if missing := {"scope", "period"} - set(given):
        raise BadRequest(f"missing: {', '.join(sorted(missing))}")
    return BudgetName(**given)
