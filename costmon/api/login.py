"""Let a browser in: the token once, then a signed cookie."""

import flask
import structlog

from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.schemas.answers import Problem
from costmon.api.sessions import COOKIE, SESSION_S, FailureLimit, Sessions, same_secret
from costmon.clock import Clock


def create_blueprint(token: str, sessions: Sessions, clock: Clock) -> flask.Blueprint:
    """Return the login routes; only a service that has a token has them."""
    blueprint = flask.Blueprint("login", __name__)
    log = structlog.get_logger("costmon.api")
    limit = FailureLimit(clock)

    @blueprint.get("/login")
    @described(tag="pages", answers={200: "text/html"})
    def form() -> flask.typing.ResponseReturnValue:
        """Show the form that asks for the token."""
        return _form(wrong=False)

    @blueprint.post("/login")
    @described(tag="pages", answers={303: None, 401: "text/html", 403: Problem, 429: Problem})
    def submit() -> flask.typing.ResponseReturnValue:
        """Exchange the token for a session cookie."""
        wait_s = limit.wait_s()
        if wait_s:
            refusal = problem(429, "Too many requests", "Too many wrong tokens; wait a minute.")
            refusal.headers["Retry-After"] = str(wait_s)
            return refusal
        if not same_secret(flask.request.form.get("token", ""), token):
            limit.failed()
            log.warning("api.login_refused", remote=flask.request.remote_addr)
            return _form(wrong=True)
        response = flask.redirect("/", code=303)
        response.set_cookie(
            COOKIE,
            sessions.issue(),
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=flask.request.is_secure,
        )
        return response

    return blueprint


def _form(*, wrong: bool) -> flask.Response:
    return flask.Response(
        flask.render_template("costmon/login.html", wrong=wrong),
        401 if wrong else 200,
        {"Cache-Control": "no-store"},
        content_type="text/html; charset=utf-8",
    )
