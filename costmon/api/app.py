"""Build the two applications: the whole context, and the small one for scrapers."""

from dataclasses import replace

import flask

from costmon.api import (
    actors,
    alerts,
    budgets,
    charges,
    circuits,
    costs,
    findings,
    forecast,
    guard_forms,
    guard_reports,
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
    rules,
)
from costmon.api.commands import author
from costmon.api.context import ApiContext
from costmon.api.document import described
from costmon.api.hosts import is_loopback
from costmon.api.meter_source import BoardSource
from costmon.api.middleware import Middleware
from costmon.api.sessions import Sessions
from costmon.api.waiters import Waiters
from costmon.errors import ConfigError, Fault
from costmon.state.budget_status import budget_statuses
from costmon.web.charge_view import Limits
from costmon.web.guard_page import GuardPage
from costmon.web.meter_page import create_blueprint as create_meter_page
from costmon.web.page import create_blueprint as create_page

MAX_BODY_BYTES = 64 * 1024


def create_app(context: ApiContext) -> flask.Flask:
    """Return the API and the page.

    Raises:
        ConfigError: It would listen beyond loopback and let everybody read.
    """
    app = _bare_app(context)
    token = context.settings.api_token.reveal()
    sessions = Sessions(token, context.clock)
    app.register_blueprint(
        login.create_blueprint(token, sessions, context.login_links, context.clock)
    )
    app.context_processor(lambda: {"signed_in_as": author()})
    for noun in (
        costs,
        charges,
        forecast,
        findings,
        history,
        providers,
        actors,
        metrics,
        refresh,
        budgets,
        rules,
        guards,
    ):
        app.register_blueprint(noun.create_blueprint(context))
    waiters = Waiters()
    app.register_blueprint(guard_reports.create_blueprint(context, waiters))
    app.register_blueprint(circuits.create_blueprint(context, waiters))
    app.register_blueprint(alerts.create_blueprint(context, waiters))
    page = GuardPage(
        guard_state=context.guard_state.read, policy=context.policy.read, now=context.clock.now
    )
    app.register_blueprint(guard_forms.create_blueprint(context, waiters, page))
    app.register_blueprint(
        page.create_blueprint(described(tag="pages", answers={200: "text/html", 303: None}))
    )
    app.register_blueprint(meters.create_blueprint(context, BoardSource(context)))
    app.register_blueprint(
        create_meter_page(described(tag="pages", answers={200: "text/html", 303: None}))
    )
    app.register_blueprint(health.create_liveness(context))
    app.register_blueprint(health.create_readiness(context))
    app.register_blueprint(openapi.create_blueprint(app))
    app.register_blueprint(
        create_page(
            snapshot=context.snapshot.read,
            children=context.children.read,
            charges=context.charges,
            limits=Limits(
                caps=context.caps,
                quotas=context.quotas,
                rates=context.rates,
                currency=context.currency,
                guards=lambda: budget_statuses(context.guard_state.read()),
            ),
            now=context.clock.now,
            threshold=context.settings.threshold,
            demo=context.settings.demo,
            describe=described(
                tag="pages", answers={200: "text/html", 303: None, 503: "text/html"}
            ),
        )
    )
    app.wsgi_app = Middleware(app.wsgi_app, context.settings, sessions)  # type: ignore[method-assign]  # Flask documents wrapping it
    return app


def create_metrics_app(context: ApiContext) -> flask.Flask:
    """Return what the second listener serves: `/metrics`, `/healthz` and `POST /refresh`.

    Raises:
        ConfigError: It would listen beyond loopback and let everybody read.
    """
    app = _bare_app(context)
    app.register_blueprint(metrics.create_blueprint(context))
    app.register_blueprint(health.create_liveness(context))
    app.register_blueprint(refresh.create_blueprint(context))
    settings = context.settings
    if not settings.scrape_needs_token:
        settings = replace(settings, reading_needs_token=False)
    app.wsgi_app = Middleware(app.wsgi_app, settings, None)  # type: ignore[method-assign]  # Flask documents wrapping it
    return app


def _bare_app(context: ApiContext) -> flask.Flask:
    settings = context.settings
    if not settings.reading_needs_token and not is_loopback(settings.host):
        fault = Fault(
            name="COSTMON_API_TOKEN",
            value="",
            accepted=f"any secret: it is required to listen on {settings.host}, which is not "
            "loopback",
        )
        raise ConfigError((fault,))
    app = flask.Flask("costmon", static_folder=None, template_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.config["PROPAGATE_EXCEPTIONS"] = False
    problems.answer_in_json(app)
    return app
