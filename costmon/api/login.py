"""Sign a browser in: with the token or a link that works once, then by a signed cookie."""

import flask
import structlog

from costmon.api.document import described
from costmon.api.middleware import problem
from costmon.api.replies import json_reply
from costmon.api.schemas.answers import LoginLink, LoginLinkAnswer, LoginParameters, Problem
from costmon.api.sessions import (
    COOKIE,
    LINK_S,
    SESSION_S,
    FailureLimit,
    LoginLinks,
    Sessions,
    same_secret,
)
from costmon.clock import Clock

LOGIN_LINKS = "/api/v1/login-links"


def create_blueprint(
    token: str, sessions: Sessions, links: LoginLinks, clock: Clock
) -> flask.Blueprint:
    """Return the login routes."""
    blueprint = flask.Blueprint("login", __name__)
    log = structlog.get_logger("costmon.api")
    limit = FailureLimit(clock)

    def signed_in() -> flask.typing.ResponseReturnValue:
        response = flask.redirect("/", code=303)
        response.headers["Cache-Control"] = "no-store"
        response.set_cookie(
            COOKIE,
            sessions.issue(),
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            secure=flask.request.is_secure,
        )
        return response

    @blueprint.get("/login")
    @described(
        tag="pages",
        query=LoginParameters,
        answers={200: "text/html", 303: None, 401: "text/html"},
    )
    def form() -> flask.typing.ResponseReturnValue:
        """Show the form that asks for the token; with the code of a login link, sign in."""
        codes = flask.request.args.getlist("code")
        if not codes or flask.request.method == "HEAD":
            return _form(None)
        if len(codes) > 1 or not links.use(codes[0]):
            log.warning("api.login_link_refused", remote=flask.request.remote_addr)
            return _form(
                "This link has been used or has expired. `costmon login` prints a new one."
            )
        log.info("api.login_link_used", remote=flask.request.remote_addr)
        return signed_in()

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
            return _form("Wrong token.")
        return signed_in()

    @blueprint.post(LOGIN_LINKS)
    @described(tag="service", answers={201: LoginLinkAnswer})
    def link() -> flask.typing.ResponseReturnValue:
        """Make a link that signs a browser in, once."""
        made = LoginLink(path=link_path(links), expires_in_s=LINK_S)
        return json_reply(LoginLinkAnswer(data=made), 201)

    return blueprint


def link_path(links: LoginLinks) -> str:
    """Return the path of a new link, which signs a browser in once."""
    return f"/login?code={links.make()}"


def _form(fault: str | None) -> flask.Response:
    return flask.Response(
        flask.render_template("costmon/login.html", fault=fault),
        200 if fault is None else 401,
        {"Cache-Control": "no-store"},
        content_type="text/html; charset=utf-8",
    )
