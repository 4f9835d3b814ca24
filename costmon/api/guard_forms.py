"""The forms of the page about guards: the same checks as the API, and back to the page."""

from collections.abc import Callable, Mapping

import flask
from werkzeug.exceptions import ServiceUnavailable

from costmon.api.commands import author, order
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.schemas.answers import Problem
from costmon.api.waiters import Waiters
from costmon.errors import InputError
from costmon.intake.decision import budget_command, circuit_command, removal_command
from costmon.messages import GuardCommand
from costmon.web.guard_page import GuardPage
from costmon.web.guard_view import Entered

# A command is carried out in milliseconds; after this the page shows what holds until then.
_DONE_WITHIN_S = 1.0

_ANSWERS: Mapping[int, str | type[Problem] | None] = {
    303: None,
    400: "text/html",
    503: Problem,
}

_BACK = {"alerts": "/alerts"}
"""Pages besides `/guard` that have one of the forms."""

Make = Callable[[Mapping[str, str]], GuardCommand]


def create_blueprint(context: ApiContext, waiters: Waiters, page: GuardPage) -> flask.Blueprint:
    """Return the routes that the page's forms are sent to."""
    blueprint = flask.Blueprint("guard_forms", __name__)

    def carried_out(form: str, make: Make) -> flask.typing.ResponseReturnValue:
        fields = {name: flask.request.form[name] for name in flask.request.form}
        try:
            command = make(fields)
        except InputError as error:
            return page.render(Entered(form=form, fault=str(error), fields=fields))
        before = context.policy.read()
        order(context, command)
        try:
            with waiters.place():
                context.policy.wait(lambda policy: policy is before, _DONE_WITHIN_S)
        except ServiceUnavailable:
            pass  # everybody waits already: the page may show it a moment later
        return flask.redirect(_BACK.get(fields.get("page", ""), "/guard"), code=303)

    @blueprint.post("/guard/circuits")
    @described(tag="pages", answers=_ANSWERS)
    def change_circuit() -> flask.typing.ResponseReturnValue:
        """Open or close a circuit."""
        return carried_out("circuit", lambda fields: _circuit(context, fields))

    @blueprint.post("/guard/budgets")
    @described(tag="pages", answers=_ANSWERS)
    def change_budget() -> flask.typing.ResponseReturnValue:
        """Set a budget."""
        return carried_out("budget", _budget)

    @blueprint.post("/guard/budgets/remove")
    @described(tag="pages", answers=_ANSWERS)
    def remove_budget() -> flask.typing.ResponseReturnValue:
        """Remove a budget that was set by hand."""
        return carried_out("removal", _removal)

    return blueprint


def _circuit(context: ApiContext, fields: Mapping[str, str]) -> GuardCommand:
    state = fields.get("state", "")
    if state not in {"open", "closed"}:
        raise InputError(f"state: {state[:40]!r} must be open or closed")
    seconds = fields.get("expires_in_s", "")
    if seconds and not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 9):  # noqa: PLR2004 - digits of 30 years
        raise InputError(f"expires_in_s: {seconds[:40]!r} is not a whole number of seconds")
    return circuit_command(
        scope=fields.get("scope", "").strip(),
        state="open" if state == "open" else "closed",
        reason=fields.get("reason", ""),
        author=author(),
        expires_in_s=int(seconds) if seconds else None,
        now=context.clock.now(),
    )


def _budget(fields: Mapping[str, str]) -> GuardCommand:
    return budget_command(
        scope=fields.get("scope", "").strip(),
        limit=fields.get("limit", "").strip(),
        period=fields.get("period", "").strip(),
        currency=fields.get("currency", "").strip() or None,
        warn=fields.get("warn", "").strip() or None,
        block=fields.get("block", "").strip() or None,
        author=author(),
    )


def _removal(fields: Mapping[str, str]) -> GuardCommand:
    return removal_command(
        scope=fields.get("scope", ""),
        period=fields.get("period", ""),
        author=author(),
    )
