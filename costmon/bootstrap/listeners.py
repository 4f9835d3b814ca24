"""What listens: HTTP, the scrape port, the guards' socket, the console's socket."""

import os

import structlog

from costmon.api import (
    MOST_WAITING,
    ApiContext,
    ApiSettings,
    HttpServer,
    create_app,
    create_metrics_app,
)
from costmon.api.login import link_path
from costmon.api.sessions import LoginLinks
from costmon.bootstrap.console_handler import ConsoleHandler
from costmon.bootstrap.service import Service, threshold
from costmon.bootstrap.socket_link import SocketLink, TokenLink
from costmon.clock import SystemClock
from costmon.config import Secret, Settings
from costmon.config.api_token import made_token
from costmon.config.parsers import LOOPBACK_OF
from costmon.config.user import name_of_user
from costmon.console.server import ConsoleServer
from costmon.intake.clerk import Clerk
from costmon.intake.server import IntakeServer
from costmon.web.finding_view import FindingReader

_HTTP_STOP_S = 3.0
_INTAKE_STOP_S = 2.0

log = structlog.get_logger()


class Listeners:
    """All listeners for clients; opened after the actors, closed before them.

    Attributes:
        console_handler: Answers the console.
    """

    def __init__(self, service: Service, settings: Settings) -> None:
        token = settings.api_token or made_token(settings.state_dir)
        self._login_links = LoginLinks(SystemClock())
        context = _context(service, settings, api_settings(settings, token), self._login_links)
        self._host = settings.host
        self._servers = [
            HttpServer(
                create_app(context), settings.host, settings.port, name="http", waiters=MOST_WAITING
            )
        ]
        if settings.metrics_port is not None:
            self._servers.append(
                HttpServer(
                    create_metrics_app(context),
                    settings.host,
                    settings.metrics_port,
                    name="metrics",
                )
            )
        self._intake = (
            IntakeServer(settings.report_socket, _clerk(service), SystemClock())
            if settings.report_socket is not None
            else None
        )
        self._signpost = (
            SocketLink(settings.runtime_dir, settings.report_socket)
            if settings.runtime_dir is not None and settings.report_socket is not None
            else None
        )
        self._token_link = (
            TokenLink(settings.runtime_dir, settings.state_dir, settings.port)
            if settings.runtime_dir is not None and settings.api_token is None
            else None
        )
        self.console_handler = _console_handler(service)
        self._console = ConsoleServer(
            settings.console_socket, self.console_handler.ask, SystemClock()
        )

    def prepare(self) -> None:
        """Take the socket and the ports.

        Raises:
            StateDirectoryError: The console's or the guards' socket cannot be made.
            OSError: A port is in use or may not be bound.
        """
        self._console.prepare()
        if self._intake is not None:
            self._intake.prepare()
        for server in self._servers:
            server.prepare()

    def start(self) -> None:
        """Start to answer."""
        self._console.start()
        if self._intake is not None:
            self._intake.start()
        if self._signpost is not None:
            self._signpost.put()
        if self._token_link is not None:
            self._token_link.put()
        for server in self._servers:
            server.start()
            log.info("bootstrap.listener_started", host=self._host, port=server.port)

    def login_url(self) -> str:
        """Return a link that signs a browser on this machine in, once."""
        host = LOOPBACK_OF.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self._servers[0].port}{link_path(self._login_links)}"

    def stop(self) -> bool:
        """Stop answering; tell whether a thread is left that did not end."""
        self._console.close()
        if self._signpost is not None:
            self._signpost.remove()
        if self._token_link is not None:
            self._token_link.remove()
        if self._intake is not None:
            # Its threads are daemons: one that hangs does not keep the process.
            self._intake.close(_INTAKE_STOP_S)
        hanging = False
        for server in reversed(self._servers):
            hanging = not server.stop(_HTTP_STOP_S) or hanging
        return hanging


def _context(
    service: Service, settings: Settings, listening: ApiSettings, login_links: LoginLinks
) -> ApiContext:
    return ApiContext(
        snapshot=service.cell,
        representations=service.representations,
        children=service.children,
        history=service.store.history,
        findings=FindingReader(
            newest=service.store.findings,
            opened=service.open_findings.read,
            buckets=service.store.series_buckets,
            hours=service.store.series_hours,
            bucket_s=settings.detection.bucket_s,
        ),
        charge_query=service.store.charges,
        database_fault=service.database_fault,
        pending=lambda: len(service.journal),
        lost_records=service.lost_records,
        clock_steps=service.clock_steps,
        refresh=service.dispatcher.refresh,
        guard_state=service.guard_state,
        policy=service.policy,
        confirmed=service.confirmed,
        tell_policy=service.dispatcher.tell_policy,
        announced=service.announced,
        tell_alerter=service.dispatcher.tell_alerter,
        meters=service.meters,
        tell_meters=service.dispatcher.tell_meters,
        charges=service.charges_today,
        published_charges=service.charges,
        rules=settings.rules,
        rule_standings=service.rule_standings.read,
        caps=settings.caps,
        quotas=service.quotas,
        subscriptions=settings.manual,
        channel_counts=service.channel_counts,
        rates=service.rates,
        currency=settings.fx.currency,
        login_links=login_links,
        settings=listening,
        clock=SystemClock(),
    )


def _clerk(service: Service) -> Clerk:
    return Clerk(
        tell_policy=service.dispatcher.tell_policy,
        policy=service.policy,
        confirmed=service.confirmed,
        tell_meters=service.dispatcher.tell_meters,
        meters=service.meters,
        is_draining=lambda: service.cell.is_closed,
        clock=SystemClock(),
    )


def _console_handler(service: Service) -> ConsoleHandler:
    return ConsoleHandler(
        supervisor=service.ask,
        tell_policy=service.dispatcher.tell_policy,
        policy=service.policy,
        guard_state=service.guard_state,
        clock=SystemClock(),
    )


def api_settings(settings: Settings, token: Secret) -> ApiSettings:
    """Return the part of the settings that the API needs.

    Args:
        settings: All settings.
        token: The configured one, or the one that the service made.
    """
    is_configured = settings.api_token is not None
    return ApiSettings(
        host=settings.host,
        port=settings.port,
        api_token=token,
        # A configured token may be known to many; the file can be read by the service's user only.
        operator="COSTMON_API_TOKEN" if is_configured else name_of_user(os.geteuid()),
        reading_needs_token=is_configured,
        scrape_needs_token=settings.metrics_auth == "token",
        allowed_hosts=settings.allowed_hosts,
        trusted_proxies=settings.trusted_proxies,
        demo=settings.demo,
        threshold=threshold(settings),
    )
