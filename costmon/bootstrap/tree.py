"""Draw the actor tree: who is started, in which order, with which mailbox and which rules."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from costmon.actors.backlog import MailboxRules
from costmon.actors.base import Incarnation
from costmon.actors.child import ChildSpec
from costmon.actors.roles.alerter import Alerter, AlerterPlan
from costmon.actors.roles.calculator import Calculator
from costmon.actors.roles.messenger import Messenger, Outbox
from costmon.actors.roles.meters import MetersActor, MetersPlan
from costmon.actors.roles.persister import Persister, PersisterPlan
from costmon.actors.roles.policy import PolicyActor, PolicyPlan
from costmon.actors.roles.poller import Poller, PollerPlan
from costmon.messages import (
    CostsCalculated,
    Fetched,
    GuardReported,
    PolicyChanged,
    PollFailed,
    RefreshRequested,
)
from costmon.state.published import PublishedSnapshot
from costmon.state.value import Snapshot

PERSISTER, MESSENGER, ALERTER, CALCULATOR = "persister", "messenger", "alerter", "calculator"
POLICY, METERS = "policy", "meters"
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
        policy: Settings of the policy actor.
        meters: Settings of the meters actor.
    """

    plans: Sequence[PollerPlan]
    cell: PublishedSnapshot
    prepare: Callable[[Snapshot], None]
    persisting: PersisterPlan
    alerting: AlerterPlan
    outboxes: Sequence[Outbox]
    policy: PolicyPlan
    meters: MetersPlan


def poller_name(account: str) -> str:
    """Return the full name of the actor that polls `account`."""
    return f"poller.{account}"


def child_specs(parts: Parts) -> tuple[ChildSpec, ...]:
    """Return the children in start order; they stop in reverse."""

    def persister(incarnation: Incarnation) -> Persister:
        return Persister(incarnation, parts.persisting)

    def messenger(incarnation: Incarnation) -> Messenger:
        return Messenger(incarnation, parts.outboxes)

    def alerter(incarnation: Incarnation) -> Alerter:
        return Alerter(incarnation, parts.alerting, incarnation.addresses[MESSENGER])

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
            name=PERSISTER,
            build=persister,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=10.0,
            mailbox=MailboxRules(capacity=256, overflow=spill, supersede=guard_of),
        ),
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
            mailbox=MailboxRules(capacity=1000, supersede=account_of),
        ),
        ChildSpec(
            name=CALCULATOR,
            build=calculator,
            core=True,
            hang_after_s=60.0,
            stop_timeout_s=5.0,
            mailbox=MailboxRules(capacity=256, supersede=account_of),
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
        mailbox=MailboxRules(capacity=16, collapse=is_refresh),
    )


def account_of(message: object) -> Hashable | None:
    """Name the account that an observation is about: a newer one supersedes an older one."""
    match message:
        case Fetched(report=report) | PollFailed(report=report):
            return report.account
        case CostsCalculated(observation=observation):
            return observation.report.account
        case _:
            return None


def guard_of(message: object) -> Hashable | None:
    """Name the guard that reports: a newer report supersedes an older one.

    The rows of the older one come again, since none is confirmed after a report that is missing.
    """
    return message.report.guard if isinstance(message, GuardReported) else None


def is_refresh(message: object) -> Hashable | None:
    """Let any number of refreshes that wait be one poll."""
    return "refresh" if isinstance(message, RefreshRequested) else None
