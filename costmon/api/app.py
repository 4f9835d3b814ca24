"""Build the two applications: the whole face, and the small one for scrapers."""

import flask

from costmon.api import (
    actors,
    budgets,
    circuits,
    costs,
    guard_forms,
    guard_link,
    guards,
    health,
    history,
    login,
    meters,
    metrics,
    openapi,
    problems,
    providers,
    refresh,
)
from costmon.api.document import described
from costmon.api.face import Face
from costmon.api.gate import Gate
from costmon.api.hosts import is_loopback
from costmon.api.metered import BoardSource
from costmon.api.sessions import Sessions
from costmon.api.waiters import Waiters
from costmon.errors import ConfigError, Fault
from costmon.web.guard_page import GuardPage
from costmon.web.meter_page import create_blueprint as create_meter_page
from costmon.web.page import create_blueprint as create_page

MAX_BODY_BYTES = 64 * 1024


def create_app(face: Face) -> flask.Flask:
    """Return the API and the page.

    Raises:
        ConfigError: It would listen beyond loopback without a token.
    """
    app = _bare_app(face)
    token = face.settings.api_token.reveal() if face.settings.api_token else None
    sessions = Sessions(token, face.clock) if token is not None else None
    if token is not None and sessions is not None:
        app.register_blueprint(login.create_blueprint(token, sessions, face.clock))
    for noun in (costs, history, providers, actors, metrics, refresh, budgets, guards):
        app.register_blueprint(noun.create_blueprint(face))
    waiters = Waiters()
    app.register_blueprint(guard_link.create_blueprint(face, waiters))
    app.register_blueprint(circuits.create_blueprint(face, waiters))
    page = GuardPage(board=face.board.read, policy=face.policy.read, now=face.clock.now)
    app.register_blueprint(guard_forms.create_blueprint(face, waiters, page))
    app.register_blueprint(
        page.create_blueprint(described(tag="pages", answers={200: "text/html", 303: None}))
    )
    app.register_blueprint(meters.create_blueprint(face, BoardSource(face)))
    app.register_blueprint(
        create_meter_page(described(tag="pages", answers={200: "text/html", 303: None}))
    )
    app.register_blueprint(health.create_liveness(face))
    app.register_blueprint(health.create_readiness(face))
    app.register_blueprint(openapi.create_blueprint(app))
    app.register_blueprint(
        create_page(
            snapshot=face.snapshot.read,
            children=face.children.read,
            now=face.clock.now,
            threshold=face.settings.threshold,
            demo=face.settings.demo,
            describe=described(
                tag="pages", answers={200: "text/html", 303: None, 503: "text/html"}
            ),
        )
    )
    app.wsgi_app = Gate(app.wsgi_app, face.settings, sessions)  # type: ignore[method-assign]  # Flask documents wrapping it
    return app


def create_metrics_app(face: Face) -> flask.Flask:
    """Return what the second listener serves: `/metrics`, `/healthz` and `POST /refresh`.

    Raises:
        ConfigError: It would listen beyond loopback without a token.
    """
    app = _bare_app(face)
    app.register_blueprint(metrics.create_blueprint(face))
    app.register_blueprint(health.create_liveness(face))
    app.register_blueprint(refresh.create_blueprint(face))
    app.wsgi_app = Gate(app.wsgi_app, face.settings, None)  # type: ignore[method-assign]  # Flask documents wrapping it
    return app


def _bare_app(face: Face) -> flask.Flask:
    settings = face.settings
    if settings.api_token is None and not is_loopback(settings.host):
        fault = Fault(
            name="COSTMON_API_TOKEN",
            value="",
            accepted=f"any secret: it is required to listen on {settings.host}, beyond loopback",
        )
        raise ConfigError((fault,))
    app = flask.Flask("costmon", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["PROPAGATE_EXCEPTIONS"] = False
    problems.answer_in_json(app)
    return app
