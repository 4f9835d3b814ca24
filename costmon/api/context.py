"""What the HTTP listeners are given: values to read and callables to tell, never an actor."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from costmon.alerts.alert import ChannelCounts
from costmon.alerts.memory import Memory
from costmon.alerts.rules import Standing
from costmon.api.representation import Representations
from costmon.api.sessions import LoginLinks
from costmon.clock import Clock
from costmon.config import Network
from costmon.config.secret import Secret
from costmon.domain.cap import Cap, Quota
from costmon.domain.charge_report import ChargeQuery, ChargeTotal
from costmon.domain.child import ChildStatus
from costmon.domain.fx import Rates
from costmon.domain.history import HistoryQuery, HistoryRow
from costmon.domain.policy import Policy
from costmon.domain.poll import ReadingKind
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
from costmon.state.charges import ChargeState
from costmon.state.clock_steps import ClockSteps
from costmon.state.guard_state import GuardState
from costmon.state.meters import Meters
from costmon.state.published import Published, PublishedSnapshot, Watched
from costmon.web.finding_view import FindingReader


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """How to listen and what to say about it.

    Attributes:
        host: The address listened on.
        port: The port listened on; 0 takes a free one.
        api_token: Required for every decision.
        operator: Recorded as the author of decisions that were made with the token.
        reading_needs_token: Whether everything else requires it, too: always beyond loopback.
        allowed_hosts: Further names that a `Host` header may carry.
        trusted_proxies: Addresses of reverse proxies whose X-Forwarded-Proto is trusted.
        demo: The vendor is simulated: every answer and page says so.
        threshold: The monthly run-rate that alerts.
        scrape_needs_token: Whether the listener for scraping requires the token too.
    """

    host: str
    port: int
    api_token: Secret
    operator: str
    reading_needs_token: bool
    allowed_hosts: tuple[str, ...]
    demo: bool
    threshold: Threshold
    scrape_needs_token: bool = True
    trusted_proxies: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContext:
    """Everything the API reads and the two things it tells.

    Attributes:
        snapshot: The published current costs.
        representations: The answers that are made of them, prepared by the publisher.
        children: The published state of the supervised children.
        history: Answers from the roll-ups; raises `StoreError` when it cannot.
        findings: Reads what detection has found, and what series have cost.
        charge_query: Answers from the ledger; raises `StoreError` when it cannot.
        database_fault: Why the database cannot be used; `None` when it can.
        pending: Observations that wait to be written.
        lost_records: What each journal has lost.
        clock_steps: How the machine's clock was set.
        refresh: Tells the pollers to poll now; does not wait for them. Returns the readings that
            were requested too recently.
        guard_state: What guards have reported.
        policy: What guards enforce; `None` until the circuits have been loaded. Closed when the
            service stops, which ends every wait.
        confirmed: By a guard's name, the sequence up to which its rows are in the database.
        tell_policy: Takes a report or a command; does not wait for the result.
        announced: What people were told and believe to hold; `None` until the database was read.
        tell_alerter: Takes a decision about an alert; does not wait for the result.
        meters: What metered workers have reported; `costmon.state.meters.services` shows it.
        tell_meters: Takes an order for a recording; does not wait for the result.
        charges: Returns what the vendors have charged, of the month that it is.
        published_charges: The same as it was published; see `ChargeMetrics`.
        caps: Budgets and their levels.
        rules: The user's rules.
        rule_standings: Returns how the scopes stand of which there are amounts.
        quotas: The user's quotas, and the known ones of the vendors' plans.
        subscriptions: What is paid by a fixed price.
        channel_counts: Returns what each channel has been told.
        rates: Exchange rates.
        currency: The currency of totals.
        login_links: Sign browsers in.
        settings: How to listen.
        clock: Tells the time.
    """

    snapshot: PublishedSnapshot
    representations: Representations
    children: Published[tuple[ChildStatus, ...]]
    history: Callable[[HistoryQuery], tuple[HistoryRow, ...]]
    findings: FindingReader
    charge_query: Callable[[ChargeQuery], tuple[ChargeTotal, ...]]
    database_fault: Callable[[], str | None]
    pending: Callable[[], int]
    lost_records: Callable[[], tuple[LostRecords, ...]]
    clock_steps: Published[ClockSteps]
    refresh: Callable[[RefreshRequested], tuple[ReadingKind, ...]]
    guard_state: Published[GuardState]
    policy: Watched[Policy | None]
    confirmed: Published[Mapping[str, int]]
    tell_policy: Callable[[GuardReported | GuardCommand], None]
    announced: Watched[tuple[Memory, ...] | None]
    tell_alerter: Callable[[AlertDecision], None]
    meters: Published[Meters]
    tell_meters: Callable[[SetRecording], None]
    charges: Callable[[], ChargeState]
    published_charges: Published[ChargeState]
    rules: tuple[Rule, ...]
    rule_standings: Callable[[], tuple[Standing, ...]]
    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    subscriptions: Sequence[Subscription]
    channel_counts: Callable[[], Iterable[ChannelCounts]]
    rates: Rates
    currency: str
    login_links: LoginLinks
    settings: ApiSettings
    clock: Clock
