"""A context made of values that each test may replace."""

import dataclasses
import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_network

import pytest

from costmon.alerts.alert import ChannelCounts
from costmon.alerts.memory import Memory
from costmon.alerts.rules import Standing
from costmon.api import ApiContext, ApiSettings, create_app, create_metrics_app
from costmon.api.representation import Representations
from costmon.api.sessions import LoginLinks
from costmon.config import Secret
from costmon.domain.cap import Cap, Quota
from costmon.domain.charge_report import ChargeQuery, ChargeTotal
from costmon.domain.child import ChildStatus
from costmon.domain.finding import SpendFinding
from costmon.domain.history import HistoryQuery, HistoryRow
from costmon.domain.policy import Policy
from costmon.domain.rule import Rule
from costmon.domain.subscription import Subscription
from costmon.domain.totals import Threshold
from costmon.export.prometheus import LostRecords
from costmon.messages import (
    AlertDecision,
    GuardCommand,
    GuardReported,
    RefreshRequested,
    SetRecording,
)
from costmon.pricing import fx
from costmon.state import fold, meters
from costmon.state.charges import ChargeState, nothing_known
from costmon.state.clock_steps import NO_STEPS
from costmon.state.guard_state import EMPTY, GuardState
from costmon.state.published import Published, PublishedSnapshot, Watched
from costmon.testing import FakeClock
from costmon.testing.samples import failure, inventory, report, resource
from costmon.web.finding_view import FindingReader
from tests.api.samples import policy

TOKEN = "correct-horse-battery"


def child(name="poller.digitalocean", **facts):
    values = {
        "name": name,
        "role": name.partition(".")[0],
        "state": "running",
        "generation": 1,
        "restarts": 0,
        "mailbox": 0,
        "dead_letters": 0,
        "dropped": 0,
        "busy_s": None,
        "last_error": None,
        "started_at": FakeClock().now(),
    }
    return ChildStatus(**{**values, **facts})


class World:
    """Everything behind the context, moved by hand."""

    def __init__(self):
        self.clock = FakeClock()
        self.cell = PublishedSnapshot()
        self.representations = Representations(self.cell, self.clock)
        self.children: Published[tuple[ChildStatus, ...]] = Published((child(),))
        self.requests: list[RefreshRequested] = []
        self.guard_state: Published[GuardState] = Published(EMPTY)
        self.policy: Watched[Policy | None] = Watched(policy())
        self.announced: Watched[tuple[Memory, ...] | None] = Watched(())
        self.confirmed: Published[Mapping[str, int]] = Published({})
        self.told: list[GuardReported | GuardCommand | AlertDecision] = []
        self.meters = Published(meters.first("e"))
        self.surveyed: list[SetRecording] = []
        self.tell_error: Exception | None = None
        self.questions: list[HistoryQuery] = []
        self.rows: tuple[HistoryRow, ...] = ()
        self.charge_questions: list[ChargeQuery] = []
        self.totals: tuple[ChargeTotal, ...] = ()
        self.history_error: Exception | None = None
        self.findings: tuple[SpendFinding, ...] = ()
        self.open_findings: Published[tuple[SpendFinding, ...] | None] = Published(None)
        self.buckets: Mapping[dt.datetime, Decimal] = {}
        self.hours: Mapping[dt.datetime, Decimal] = {}
        self.fault: str | None = None
        self.clock_steps = Published(NO_STEPS)
        self.pending = 0
        now = self.clock.now()
        self.charges: Published[ChargeState] = Published(nothing_known(now, now.date()))
        self.rules: tuple[Rule, ...] = ()
        self.rule_standings: tuple[Standing, ...] = ()
        self.caps: tuple[Cap, ...] = ()
        self.quotas: tuple[Quota, ...] = ()
        self.subscriptions: tuple[Subscription, ...] = ()
        self.channel_counts: tuple[ChannelCounts, ...] = ()
        self.rates = fx.rates()
        self.currency = "USD"
        self.held_back = ()
        self.login_links = LoginLinks(self.clock)
        self.settings = ApiSettings(
            host="127.0.0.1",
            port=0,
            api_token=Secret(TOKEN),
            operator="alice",
            reading_needs_token=False,
            allowed_hosts=(),
            trusted_proxies=(ip_network("127.0.0.0/8"), ip_network("::1")),
            demo=False,
            threshold=Threshold(provider="digitalocean", limit=Decimal(100)),
        )
        self.snapshot = fold.first(
            (("digitalocean", "digitalocean"),),
            {},
            now=self.clock.now(),
            demo=False,
        )
        self.cell.publish(self.snapshot)
        self._cycle = 0

    def refresh(self, request):
        self.requests.append(request)
        return self.held_back

    def poll(self, *resources, **facts):
        """Let a poll go well."""
        self._publish(self.polled(*resources, **facts))

    def polled(self, *resources, **facts):
        """Return the snapshot after a poll that went well, which nobody has published yet."""
        now = self.clock.now()
        self._cycle += 1
        seen = inventory(resources or (resource(),), observed_at=now, **facts)
        return fold.fetched(
            self.snapshot, report(f"cycle-{self._cycle}", started_at=now), seen, now
        )

    def fail(self, reason="server", message="digitalocean: GET /v2/droplets: answered 500"):
        """Let a poll fail."""
        now = self.clock.now()
        self._cycle += 1
        self._publish(
            fold.failed(
                self.snapshot,
                report(f"cycle-{self._cycle}", started_at=now, failures=((reason, 1),)),
                failure(reason, message, failed_at=now),
                now,
            )
        )

    def _publish(self, snapshot):
        self.snapshot = snapshot
        assert self.cell.publish(snapshot)

    def _findings(self, limit):
        if self.history_error is not None:
            raise self.history_error
        return self.findings[:limit]

    def _series(self, spent, _series, after, until):
        if self.history_error is not None:
            raise self.history_error
        return {at: amount for at, amount in spent.items() if after <= at <= until}

    def _history(self, query):
        self.questions.append(query)
        if self.history_error is not None:
            raise self.history_error
        return self.rows

    def _charge_query(self, query):
        self.charge_questions.append(query)
        if self.history_error is not None:
            raise self.history_error
        return self.totals

    def tell(self, message):
        if self.tell_error is not None:
            raise self.tell_error
        self.told.append(message)

    def context(self):
        return ApiContext(
            snapshot=self.cell,
            representations=self.representations,
            children=self.children,
            history=self._history,
            findings=FindingReader(
                newest=self._findings,
                opened=self.open_findings.read,
                buckets=lambda *asked: self._series(self.buckets, *asked),
                hours=lambda *asked: self._series(self.hours, *asked),
                bucket_s=300,
            ),
            charge_query=self._charge_query,
            database_fault=lambda: self.fault,
            pending=lambda: self.pending,
            clock_steps=self.clock_steps,
            lost_records=lambda: (LostRecords("observations", no_space=0, unreadable=0),),
            refresh=self.refresh,
            guard_state=self.guard_state,
            policy=self.policy,
            confirmed=self.confirmed,
            tell_policy=self.tell,
            announced=self.announced,
            tell_alerter=self.tell,
            meters=self.meters,
            tell_meters=self.surveyed.append,
            charges=self.charges.read,
            published_charges=self.charges,
            rules=self.rules,
            rule_standings=lambda: self.rule_standings,
            caps=self.caps,
            quotas=self.quotas,
            subscriptions=self.subscriptions,
            channel_counts=lambda: self.channel_counts,
            rates=self.rates,
            currency=self.currency,
            login_links=self.login_links,
            settings=self.settings,
            clock=self.clock,
        )

    def listen(self, **settings):
        """Change how it listens: before the first client."""
        self.settings = dataclasses.replace(self.settings, **settings)

    def app(self):
        return create_app(self.context())

    def client(self):
        return self.client_of(self.app())

    def client_of(self, app):
        """Return a client that sends the token where it is needed for decisions only."""
        client = app.test_client()
        if not self.settings.reading_needs_token:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {TOKEN}"
        return client

    def stranger(self):
        """Return a client that knows everything but the token."""
        return self.app().test_client()

    def metrics_client(self):
        return create_metrics_app(self.context()).test_client()


@pytest.fixture
def world():
    return World()


@pytest.fixture
def guarded(world):
    """The same beyond loopback, where a token is required."""
    world.listen(host="0.0.0.0", reading_needs_token=True)
    return world


@pytest.fixture
def token():
    return TOKEN


@pytest.fixture
def make_child():
    return child
