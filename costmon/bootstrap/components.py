"""List what the service is made of."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import Literal

from costmon import pricing
from costmon.actors.roles.alerter import Alerter
from costmon.actors.roles.calculator import Calculator
from costmon.actors.roles.heartbeat import Heartbeat
from costmon.actors.roles.messenger import Messenger
from costmon.actors.roles.meters import MetersActor
from costmon.actors.roles.persister import Persister
from costmon.actors.roles.policy import PolicyActor
from costmon.actors.roles.poller import Poller
from costmon.actors.supervisor import Supervisor
from costmon.api import create_app
from costmon.api.blank import blank_context
from costmon.bootstrap.listeners import api_settings
from costmon.bootstrap.tree import (
    ALERTER,
    CALCULATOR,
    HEARTBEAT,
    MESSENGER,
    METERS,
    PERSISTER,
    POLICY,
    poller_name,
)
from costmon.clock import SystemClock
from costmon.config import Secret, Settings
from costmon.domain.fx import Rates
from costmon.notifiers.log import LogChannel
from costmon.providers import catalog

ComponentKind = Literal["actor", "endpoint", "function", "provider", "channel"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One part of the service.

    Attributes:
        kind: What sort of part.
        name: What it is called.
        description: What it does, in one line.
    """

    kind: ComponentKind
    name: str
    description: str


def components(settings: Settings) -> tuple[Component, ...]:
    """Return every actor, endpoint, function, provider and channel, as they are, not as a list."""
    return (
        *_actors(settings),
        *_endpoints(settings),
        *_functions(),
        *_providers(),
        Component(kind="channel", name=LogChannel.name, description=_first_line(LogChannel)),
    )


def _actors(settings: Settings) -> Iterator[Component]:
    tree = [
        ("supervisor", Supervisor),
        (PERSISTER, Persister),
        (MESSENGER, Messenger),
        (ALERTER, Alerter),
        (CALCULATOR, Calculator),
        (POLICY, PolicyActor),
        (METERS, MetersActor),
        *([(HEARTBEAT, Heartbeat)] if settings.heartbeat_url is not None else []),
        *(
            (poller_name(account.name), Poller)
            for account in settings.accounts
            if account.off_because is None
        ),
    ]
    for name, kind in tree:
        yield Component(kind="actor", name=name, description=_first_line(kind))


def _endpoints(settings: Settings) -> Iterator[Component]:
    context = blank_context(
        api_settings(settings, Secret(secrets.token_urlsafe())),
        SystemClock(),
        Rates(settings.fx.currency, {}),
    )
    app = create_app(context)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: rule.rule):
        if rule.endpoint.rpartition(".")[2] == "static":
            continue
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        yield Component(
            kind="endpoint",
            name=f"{'|'.join(methods)} {rule.rule}",
            description=_first_line(app.view_functions[rule.endpoint]),
        )


def _functions() -> Iterator[Component]:
    for name in pricing.__all__:
        yield Component(kind="function", name=name, description=_first_line(getattr(pricing, name)))


def _providers() -> Iterator[Component]:
    for slug, provider in catalog.modules().items():
        yield Component(kind="provider", name=slug, description=_first_line(provider))


def _first_line(thing: object) -> str:
    return (getdoc(thing) or "").partition("\n")[0]
