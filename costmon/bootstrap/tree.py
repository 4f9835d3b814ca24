"""Define the actor tree: the actors, the order of their start, their mailboxes and their rules."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation
from costmon.actors.child import ChildSpec
from costmon.actors.roles.alerter import Alerter, AlerterPlan
from costmon.actors.roles.calculator import Calculator
from costmon.actors.roles.heartbeat import Heartbeat, HeartbeatPlan
from costmon.actors.roles.messenger import DeliveryStore, Messenger, Outbox
from costmon.actors.roles.meters import MetersActor, MetersPlan
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.actors.roles.policy import PolicyActor, PolicyPlan
from costmon.actors.roles.poller import Poller, PollerPlan
from costmon.alerts.alert import Alert
from costmon.domain.charge import ChargeWindow
from costmon.messages import (
    ChargesCompleted,
    ChargesFetched,
    ChargesRecorded,
    CostsCalculated,
    Fetched,
    ForecastMade,
    GuardReported,
    PolicyChanged,
    PollFailed,
    ReadAgain,
    RefreshRequested,
    UsageCalculated,
)
from costmon.state.published import PublishedSnapshot
from costmon.state.value import Snapshot

PERSISTER, MESSENGER, ALERTER, CALCULATOR = "persister", "messenger", "alerter", "calculator"
POLICY, METERS, HEARTBEAT = "policy", "meters", "heartbeat"
POLICY_CAPACITY = 1_000
POLICY_REPORTS = POLICY_CAPACITY // 2
"""Reports are refused when so many messages wait, so that decisions of people still fit."""

METERS_CAPACITY = 1_000
METERS_REPORTS = METERS_CAPACITY // 2
"""The same for what metered workers report: half a second's worth of fifty busy ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the actors are built from.

    Attributes:
        plans: One per account, in the order of the configuration.
        cell: Where the calculator publishes.
        prepare: Makes what readers are answered, before the calculator publishes.
        persisting: Settings of the persister.
        alerting: Settings of the alerter.
        outboxes: One per channel.
        deliveries: Opens the place where deliveries outlive the process.
        open_alerts: Returns what was told and is not over.
        policy: Settings of the policy actor.
        meters: Settings of the meters actor.
        heartbeat: Settings of the heartbeat; `None`: it is off.
    """

    plans: Sequence[PollerPlan]
    cell: PublishedSnapshot
    prepare: Callable[[Snapshot], None]
    persisting: PersisterPlan
    alerting: AlerterPlan
    outboxes: Sequence[Outbox]
    deliveries: Callable[[], DeliveryStore]
    open_alerts: Callable[[], Iterable[Alert]]
    policy: PolicyPlan
    meters: MetersPlan
    heartbeat: HeartbeatPlan | None


def poller_name(account: str) -> str:
    """Return the full name of the actor that polls `account`."""
    return f"poller.{account}"


def child_specs(parts: Parts) -> tuple[ChildSpec, ...]:
    """Return the children in start order; they stop in reverse."""

    def persister(incarnation: Incarnation) -> Persister:
        return Persister(
            incarnation,
            parts.persisting,
            alerter=incarnation.addresses[ALERTER],
            pollers={
                plan.account: incarnation.addresses[poller_name(plan.account)]
                for plan in parts.plans
            },
        )

    def messenger(incarnation: Incarnation) -> Messenger:
        return Messenger(
            incarnation,
            parts.outboxes,
            open_store=parts.deliveries,
            kept=parts.alerting.channels,
            open_alerts=parts.open_alerts,
        )

    def alerter(incarnation: Incarnation) -> Alerter:
        return Alerter(
            incarnation,
            parts.alerting,
            messenger=incarnation.addresses[MESSENGER],
            policy=incarnation.addresses[POLICY],
            persister=incarnation.addresses[PERSISTER],
        )

    def calculator(incarnation: Incarnation) -> Calculator:
        return Calculator(
            incarnation,
            parts.cell,
            prepare=parts.prepare,
            persister=incarnation.addresses[PERSISTER],
            alerter=incarnation.addresses[ALERTER],
        )

    def policy(incarnation: Incarnation) -> PolicyActor:
        return PolicyActor(
            incarnation,
            parts.policy,
            persister=incarnation.addresses[PERSISTER],
            alerter=incarnation.addresses[ALERTER],
        )

    def meters(incarnation: Incarnation) -> MetersActor:
        return MetersActor(incarnation, parts.meters)

    def spill(message: object) -> bool:
        match message:
            case CostsCalculated(observation=observation):
                parts.persisting.journal.append(observation)
                return True
            case PolicyChanged():
                return True  # it waits in its journal; the next message brings it to mind
            case _:
                return False

    return (
        ChildSpec(
            name=MESSENGER,
            build=messenger,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=1000),
        ),
        ChildSpec(
            name=ALERTER,
            build=alerter,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=1000, supersede=reading_of),
        ),
        # After the alerter, which it tells what was charged: it stops before it.
        ChildSpec(
            name=PERSISTER,
            build=persister,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=10.0,
            mailbox=MailboxRules(capacity=256, overflow=spill, supersede=guard_or_reading_of),
        ),
        ChildSpec(
            name=CALCULATOR,
            build=calculator,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=256, supersede=reading_of),
        ),
        ChildSpec(
            name=POLICY,
            build=policy,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=POLICY_CAPACITY, supersede=guard_of),
        ),
        ChildSpec(
            name=METERS,
            build=meters,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=METERS_CAPACITY),
        ),
        *(_poller_spec(plan) for plan in parts.plans),
        *([] if parts.heartbeat is None else [_heartbeat_spec(parts.heartbeat)]),
    )


def _heartbeat_spec(plan: HeartbeatPlan) -> ChildSpec:
    def heartbeat(incarnation: Incarnation) -> Heartbeat:
        return Heartbeat(incarnation, plan, incarnation.addresses[ALERTER])

    return ChildSpec(
        name=HEARTBEAT,
        build=heartbeat,
        core=False,
        hang_after_s=60.0,
        stop_timeout_s=5.0,
        mailbox=MailboxRules(capacity=16),
    )


def _poller_spec(plan: PollerPlan) -> ChildSpec:
    def poller(incarnation: Incarnation) -> Poller:
        return Poller(incarnation, plan, incarnation.addresses[CALCULATOR])

    return ChildSpec(
        name=poller_name(plan.account),
        build=poller,
        core=False,
        # One read may take as long as outbound's own deadline; it beats between reads.
        hang_after_s=120.0,
        stop_timeout_s=5.0,
        mailbox=MailboxRules(capacity=16, collapse=kind_of_wish),
    )


def reading_of(message: object) -> Hashable | None:
    """Name the reading that an observation is about: a newer one supersedes an older one.

    Of charges each window is one by itself. One that has been dropped is read again, since nobody
    notes the end of its cycle: the end goes the same way.
    """
    match message:
        case (
            Fetched(report=report, reading=ChargeWindow() as window)
            | ChargesFetched(report=report, window=window)
        ):
            return (report.account, "charges", window.provider, window.start)
        case (
            Fetched(report=report)
            | ChargesCompleted(report=report)
            | UsageCalculated(report=report)
            | PollFailed(report=report)
        ):
            return (report.account, report.reading)
        case CostsCalculated(observation=observation):
            return (observation.report.account, observation.report.reading)
        case ChargesRecorded(account=account):
            return (account, "recorded")
        case ForecastMade():
            return "forecast"
        case _:
            return None


def guard_of(message: object) -> Hashable | None:
    """Name the guard that reports: a newer report supersedes an older one.

    The rows of the older one come again, since none is confirmed after a report that is missing.
    """
    return message.report.guard if isinstance(message, GuardReported) else None


def guard_or_reading_of(message: object) -> Hashable | None:
    """Return the key by which a newer message to the persister supersedes an older one."""
    return guard_of(message) if isinstance(message, GuardReported) else reading_of(message)


def kind_of_wish(message: object) -> Hashable | None:
    """Let any number of refreshes that wait be one poll.

    One for all readings and one for some of them are two: neither makes up for the other.
    """
    match message:
        case RefreshRequested(readings=readings):
            return ("refresh", readings)
        case ReadAgain(reading=reading):
            return ("again", reading)
        case _:
            return None
