"""The whole service as one object: built from settings, started in order, stopped in reverse."""

import dataclasses
import datetime as dt
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import structlog

from costmon.actors.detection import DetectionPlan
from costmon.actors.roles.alerter import AlerterPlan, Recollection
from costmon.actors.roles.heartbeat import HeartbeatPlan
from costmon.actors.roles.messenger import Outbox
from costmon.actors.roles.meters import MetersPlan
from costmon.actors.roles.persister import PersisterPlan
from costmon.actors.roles.policy import PolicyPlan
from costmon.actors.roles.poller import PollerPlan
from costmon.actors.spend_rules import RulePlan
from costmon.actors.system import StopReport, System
from costmon.actors.waiting_charges import WaitingCharges
from costmon.alerts.alert import Alert, ChannelCounts
from costmon.alerts.memory import Memory, open_alerts
from costmon.alerts.rules import Standing
from costmon.api.representation import Representations
from costmon.bootstrap.backfill import progress
from costmon.bootstrap.clock_watch import ClockWatch
from costmon.bootstrap.demo import DemoPast, DemoSpendHistory
from costmon.bootstrap.dispatcher import Dispatcher
from costmon.bootstrap.history import (
    AlertMemory,
    Deliveries,
    Past,
    SpendHistory,
    Writers,
    past,
    read_fault,
)
from costmon.bootstrap.provider_connection import ProviderConnection
from costmon.bootstrap.tree import ALERTER, Parts, child_specs
from costmon.clock import Clock
from costmon.config import AccountSettings, ProviderInfo, Settings
from costmon.config.accounts import MANUAL_PROVIDER
from costmon.console.command import Message
from costmon.domain.charge import ChargeWindow
from costmon.domain.child import ChildStatus
from costmon.domain.finding import SpendFinding
from costmon.domain.policy import Policy
from costmon.domain.poll import ReadingKey, ReadingKind, StoredReading
from costmon.domain.resource import Resource
from costmon.domain.totals import Threshold
from costmon.domain.usage import UsageReading
from costmon.errors import StoreError
from costmon.export.prometheus import LostRecords
from costmon.messages import GuardReported
from costmon.meter.figures import Snapshot as Metered
from costmon.notifiers.actions import ActionChannel, actions
from costmon.notifiers.base import RepeatingChannel
from costmon.notifiers.catalog import channels
from costmon.notifiers.log import LogChannel
from costmon.pricing import fx
from costmon.pricing.quotas import known_quotas
from costmon.providers import catalog
from costmon.sender import HttpSender
from costmon.state import fold, meters
from costmon.state.charges import (
    ChargeState,
    falls_to_zero,
    nothing_known,
    on_day,
    without_entry,
)
from costmon.state.clock_steps import NO_STEPS, ClockSteps
from costmon.state.forecast import Forecaster
from costmon.state.guard_state import EMPTY, GuardState
from costmon.state.meters import Meters
from costmon.state.published import Published, PublishedSnapshot, SharedPublished, Watched
from costmon.state.value import AccountState
from costmon.store import DecisionJournal, GuardDecisions, Journal, Retention, open_store
from costmon.store.meters import MeterFile
from costmon.store.revisions import check_schema

_JOURNAL_BYTES = 64 * 1024 * 1024
_DECISION_JOURNAL_BYTES = 4 * 1024 * 1024
_ASK_TIMEOUT_S = 5.0


class _Aged(NamedTuple):
    """What was published of the charges, and the same as it is today."""

    published: ChargeState
    state: ChargeState


class Service:
    """The actors, what they publish and what they keep; no HTTP, no console, no signals.

    Args:
        settings: What to run; every account has an `api_url`.
        clock: Tells the time.
        on_scan: Called at every turn of the supervisor's scan.
    """

    def __init__(self, settings: Settings, *, clock: Clock, on_scan: Callable[[], None]) -> None:
        self._log = structlog.get_logger()
        self._settings = settings
        self._clock = clock
        self._sender = HttpSender()
        self._on_scan = on_scan
        self._scanned_s = clock.monotonic_s()
        self.clock_steps: Published[ClockSteps] = Published(NO_STEPS)
        self._clock_watch = ClockWatch(clock, self.clock_steps)
        self.store = open_store(settings.database_url, clock=clock)
        self.cell = PublishedSnapshot()
        self.representations = Representations(self.cell, clock)
        self.children: Published[tuple[ChildStatus, ...]] = Published(())
        self._write_fault: Published[str | None] = Published(None)
        self.guard_state: SharedPublished[GuardState] = SharedPublished(EMPTY)
        self.policy: Watched[Policy | None] = Watched(None)
        self.announced: Watched[tuple[Memory, ...] | None] = Watched(None)
        self.confirmed: Published[Mapping[str, int]] = Published({})
        self.readings: Published[Mapping[ReadingKey, StoredReading]] = Published({})
        nothing = nothing_known(clock.now(), self._today())
        self.charges: Published[ChargeState] = Published(nothing)
        self._aged = _Aged(nothing, nothing)
        self.open_findings: Published[tuple[SpendFinding, ...] | None] = Published(None)
        self._demo_past = DemoPast(settings.detection.bucket_s, clock) if settings.demo else None
        self.rule_standings: Published[tuple[Standing, ...]] = Published(())
        self.quotas = (*settings.quotas, *known_quotas())
        self.rates = fx.rates(settings.fx.rates)
        self._forecaster = Forecaster(
            subscriptions=settings.manual,
            rates=self.rates,
            currency=settings.fx.currency,
        )
        self.meters: Published[Meters] = Published(meters.first(uuid.uuid4().hex))
        self.journal = Journal(settings.state_dir / "observations.journal", _JOURNAL_BYTES)
        self.decision_journal = DecisionJournal(
            settings.state_dir / "decisions.journal", _DECISION_JOURNAL_BYTES
        )
        self._outboxes = tuple(
            Outbox(
                channel=channel,
                # The log keeps each alert, Alertmanager groups them, and an action needs each.
                groups=not isinstance(channel, LogChannel | RepeatingChannel | ActionChannel),
            )
            for channel in (
                *channels(settings.channels, self._sender, self._clock),
                *actions(settings.actions, self._sender, self._clock),
            )
        )
        rng = random.Random()
        self.system = System(
            child_specs(self._parts(rng)),
            clock=clock,
            rng=rng,
            statuses=self.children,
            notices=ALERTER,
            sweep_interval_s=settings.health_check_interval_s,
            on_scan=self._scanned,
        )
        self.dispatcher = Dispatcher(
            self.system.addresses,
            {it.name: frozenset(self._intervals(it)) for it in self._accounts},
            clock=clock,
        )

    def _parts(self, rng: random.Random) -> Parts:
        settings = self._settings
        writers = Writers(
            self.store,
            settings.database_url,
            Retention(**settings.retention),
            settings.detection.bucket_s,
        )
        return Parts(
            plans=tuple(self._plan(account, rng) for account in self._accounts),
            cell=self.cell,
            prepare=self.representations.prepare,
            persisting=PersisterPlan(
                claim=writers.claim,
                journal=self.journal,
                changes=self.decision_journal,
                fault=self._write_fault,
                confirmed=self.confirmed,
                guard_state=self.guard_state,
                waiting_charges=WaitingCharges(),
                readings=self.readings,
                charges=self.charges,
                forecaster=self._forecaster,
                accounts=self._live_accounts,
                timezone=settings.timezone,
                removed=self._removed,
                bucket_s=settings.detection.bucket_s,
                metered=self._metered,
            ),
            alerting=AlerterPlan(
                accounts=frozenset(account.name for account in self._accounts),
                threshold=threshold(settings),
                cooldown_s=settings.alert_cooldown_s,
                open_store=lambda: AlertMemory(self.store, self._check_schema),
                recollection=Recollection(said={}, unsaved={}),
                changes=self.decision_journal,
                # The log is not: what it was told is in it, or was lost with the disk.
                channels=tuple(
                    one.channel.name
                    for one in self._outboxes
                    if one.channel.name != LogChannel.name
                ),
                caps=settings.caps,
                quotas=self.quotas,
                rates=self.rates,
                subscriptions=settings.manual,
                resources=self._resources,
                charges=self.charges_today,
                usages=self._usages,
                today=self._today,
                announced=self.announced,
                rules=RulePlan(
                    rules=settings.rules,
                    open_store=lambda: SpendHistory(self.store, "rules", self._check_schema),
                    bucket_s=settings.detection.bucket_s,
                    policy=self.policy.read,
                    standings=self.rule_standings,
                    providers={one.name: one.provider for one in self._accounts},
                    charges=self.charges.read,
                ),
                open_findings=self.open_findings.read,
                detection=DetectionPlan(
                    open_store=self._spend_history,
                    bucket_s=settings.detection.bucket_s,
                    timezone=settings.timezone,
                    expected=settings.detection.expected,
                ),
            ),
            outboxes=self._outboxes,
            deliveries=lambda: Deliveries(self.store, self._check_schema),
            open_alerts=self._open_alerts,
            policy=PolicyPlan(
                budgets=settings.budgets,
                load=self._budget_status,
                changes=self.decision_journal,
                guard_state=self.guard_state,
                policy=self.policy,
            ),
            meters=MetersPlan(
                keeper=MeterFile(settings.state_dir / "meters.json"), meters=self.meters
            ),
            heartbeat=self._heartbeat(),
        )

    def _metered(self) -> tuple[Metered, ...] | None:
        reported = self.meters.read()
        if not reported.is_loaded:
            return None
        return meters.services(reported, self._clock.monotonic_s())

    def _spend_history(self) -> SpendHistory:
        if self._demo_past is None:
            return SpendHistory(self.store, "detection", self._check_schema, self.open_findings)
        return DemoSpendHistory(
            self.store,
            self._check_schema,
            self.open_findings,
            past=self._demo_past,
            report=lambda report: self.dispatcher.tell_policy(GuardReported(report=report)),
        )

    def _heartbeat(self) -> HeartbeatPlan | None:
        url = self._settings.heartbeat_url
        if url is None:
            return None
        return HeartbeatPlan(
            interval_s=self._settings.heartbeat_interval_s,
            ping=lambda: self._sender.get(url.reveal()),
            children=self.children.read,
            scanned_s=lambda: self._scanned_s,
        )

    def _scanned(self) -> None:
        self._scanned_s = self._clock.monotonic_s()
        self._on_scan()
        self._clock_watch.look()

    def _budget_status(self) -> GuardDecisions:
        """Return what was decided about guards.

        Raises:
            StoreError: It cannot be read, or its schema is not this version's.
        """
        self._check_schema()
        return self.store.decisions()

    def _check_schema(self) -> None:
        check_schema(self._settings.database_url)

    def _plan(self, account: AccountSettings, rng: random.Random) -> PollerPlan:
        def connect(pause: Callable[[float], bool], beat: Callable[[], None]) -> ProviderConnection:
            return ProviderConnection(
                account,
                self._settings.prices.get(account.provider, {}),
                clock=self._clock,
                rng=rng,
                pause=pause,
                beat=beat,
                state_dir=self._settings.state_dir,
            )

        asks_nobody = not account.api_url

        def stored(reading: ReadingKind) -> StoredReading | None:
            key = ReadingKey(account.name, account.provider, reading)
            known = self.readings.read().get(key)
            if known is None or not asks_nobody:
                return known
            # No vendor is asked, so what the file says now counts from the start on.
            return dataclasses.replace(known, next_poll_at=known.last_success_at)

        return PollerPlan(
            account=account.name,
            provider=account.provider,
            intervals=self._intervals(account),
            least_intervals={"usage": _info(account).least_interval_s("usage", account.api_url)},
            connect=connect,
            stored=stored,
            falls_to_zero=lambda window: falls_to_zero(self.charges.read(), window),
        )

    def _intervals(self, account: AccountSettings) -> Mapping[ReadingKind, float]:
        info = _info(account)
        return {
            reading: max(
                self._settings.interval_s(account, reading),
                info.least_interval_s(reading, account.api_url),
            )
            for reading in account.readings or info.readings
        }

    def start(self) -> None:
        """Publish what history knows, flagged stale, then start the actors in order."""
        past = self._past()
        self.readings.publish(past.readings)
        gaps = {(it.account, it.provider): it.gaps for it in past.charges.freshness}
        first = fold.first(
            tuple(
                fold.Start(
                    name=account.name,
                    provider=account.provider,
                    intervals={} if account.off_because else self._intervals(account),
                    missing=account.missing,
                    off_because=account.off_because,
                    gaps=gaps.get((account.name, account.provider), ()),
                )
                for account in self._settings.accounts
            ),
            past.inventories,
            now=self._clock.now(),
            demo=self._settings.demo,
            stored=past.readings,
        )
        self.charges.publish(
            self._forecaster.added_to(past.charges, first.accounts, self._clock.now())
        )
        self.representations.prepare(first)
        self.cell.publish(first)
        self.system.start()

    def _live_accounts(self) -> tuple[AccountState, ...]:
        snapshot = self.cell.latest()
        return snapshot.accounts if snapshot is not None else ()

    def _past(self) -> Past:
        now = self._clock.now()
        try:
            self._check_schema()
            return past(self.store, now, self._today())
        except StoreError as error:
            self._log.error("bootstrap.history_unreadable", error=str(error))
            return Past(inventories={}, readings={}, charges=nothing_known(now, self._today()))

    def _removed(self, charges: ChargeState, now: dt.datetime) -> tuple[ChargeWindow, ...]:
        vendors = {entry.provider for entry in self._settings.manual}
        return without_entry(charges, MANUAL_PROVIDER, vendors, now)

    def charges_today(self) -> ChargeState:
        """Return what was charged; in a new month, never the amounts of the old one."""
        published, today = self.charges.read(), self._today()
        aged = self._aged
        if aged.published is not published or aged.state.today != today:
            aged = self._aged = _Aged(published, on_day(published, today))
        return aged.state

    def channel_counts(self) -> tuple[ChannelCounts, ...]:
        """Return what each channel has been told since the start."""
        return tuple(outbox.counts for outbox in self._outboxes)

    def _open_alerts(self) -> tuple[Alert, ...]:
        known = open_alerts(self.announced.read() or (), self._clock.now())
        return tuple(it.alert for it in known)

    def _usages(self) -> tuple[UsageReading, ...]:
        accounts = self._live_accounts()
        return tuple(account.usage for account in accounts if account.usage is not None)

    def _resources(self) -> Iterator[Resource]:
        for account in self._live_accounts():
            if account.inventory is not None:
                yield from account.inventory.resources

    def _today(self) -> dt.date:
        return self._clock.now().astimezone(ZoneInfo(self._settings.timezone)).date()

    def ask(self, message: Message) -> object:
        """Bring an operator's message to the supervisor and return its answer.

        Raises:
            TimeoutError: The supervisor did not answer in time.
            SupervisionError: It has stopped.
        """
        return self.system.supervisor.ask(message, _ASK_TIMEOUT_S)

    def lost_records(self) -> tuple[LostRecords, ...]:
        """Return what each journal has lost."""
        return tuple(
            LostRecords(name, no_space=journal.dropped, unreadable=journal.unreadable)
            for name, journal in (
                ("observations", self.journal),
                ("decisions", self.decision_journal),
            )
        )

    def database_fault(self) -> str | None:
        """Return why history cannot be written or read; `None` when it can."""
        return self._write_fault.read() or read_fault(self.store)

    @property
    def _accounts(self) -> tuple[AccountSettings, ...]:
        """Return the accounts that are polled."""
        return tuple(it for it in self._settings.accounts if it.off_because is None)

    def backfill(self) -> str:
        """Return how far the first read of past charges is, for people; empty when all is read."""
        return progress(self.cell.latest(), self.charges.read(), self._clock.now())

    @property
    def is_polled(self) -> bool:
        """Tell whether every reading of every account has been tried, or is not due yet."""
        snapshot = self.cell.latest()
        return snapshot is not None and all(account.is_settled for account in snapshot.accounts)

    def turn_away(self) -> None:
        """Refuse readers from now on and end every wait, so that listeners can stop."""
        self.cell.close()
        self.policy.close()
        self.announced.close()

    def stop(self) -> StopReport:
        """Refuse readers, stop the actors in reverse order, close the journals and the database."""
        self.turn_away()
        report = self.system.stop(self._settings.stop_timeout_s)
        if self._demo_past is not None:
            self._demo_past.stop()
        if waiting := len(self.journal):
            self._log.warning(
                "bootstrap.observations_not_written",
                waiting=waiting,
                hint="they are kept in the journal and will be written at the next start",
            )
        if decisions := len(self.decision_journal):
            self._log.warning(
                "bootstrap.decisions_not_written",
                waiting=decisions,
                hint="they are kept in the journal and will be written at the next start",
            )
        self.journal.close()
        self.decision_journal.close()
        self.store.close()
        return report


def _info(account: AccountSettings) -> ProviderInfo:
    return catalog.modules()[account.provider].info


def threshold(settings: Settings) -> Threshold:
    """Return the run-rate that alerts: `DO_COST_THRESHOLD` is about DigitalOcean's accounts."""
    return Threshold(provider="digitalocean", limit=settings.cost_threshold)


def with_api_urls(settings: Settings, api_urls: Mapping[str, str]) -> Settings:
    """Return the settings with the accounts of some vendors pointed at the URLs of `api_urls`."""
    accounts = tuple(
        dataclasses.replace(account, api_url=api_urls.get(account.provider, account.api_url))
        for account in settings.accounts
    )
    return dataclasses.replace(settings, accounts=accounts)
