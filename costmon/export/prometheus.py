"""Show the snapshot and the supervised children to Prometheus.

A custom collector: nothing is counted while serving, every scrape reads the published values. What
is unknown or failed has no sample at all, which is not the same as 0. There are no per-resource
series: 50,000 of them take a third of a second a scrape.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from itertools import accumulate, groupby
from operator import attrgetter
from typing import NamedTuple, Protocol, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
    StateSetMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from costmon import __version__
from costmon.domain.child import ChildStatus
from costmon.domain.poll import BreakerState
from costmon.errors import FailureReason
from costmon.state.clock_steps import ClockSteps
from costmon.state.readings import DURATION_BUCKETS_S
from costmon.state.value import AccountState, Snapshot

_ACCOUNT = ("provider", "account")
_END = b"# EOF\n"
_BREAKER_STATES: tuple[BreakerState, ...] = ("closed", "open", "half_open")


Encoder = Callable[[Collector], bytes]


class LostRecords(NamedTuple):
    """What a journal has lost since its file was created.

    Attributes:
        journal: `observations` or `decisions`.
        no_space: Records that were dropped because the journal was full.
        unreadable: Records that were set aside or damaged.
    """

    journal: str
    no_space: int
    unreadable: int


class Prepared(Protocol):
    """Metrics that are rendered before they are asked for."""

    def text(self, content_type: str, encoder: Encoder) -> bytes:
        """Return them as the encoder writes them; each content type has one encoder."""
        ...


class CostCollector(Collector):
    """Read the published values at every scrape."""

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot | None],
        children: Callable[[], tuple[ChildStatus, ...]],
        pending: Callable[[], int],
        lost: Callable[[], Iterable[LostRecords]],
        clock_steps: Callable[[], ClockSteps],
        now: Callable[[], dt.datetime],
    ) -> None:
        self._snapshot = snapshot
        self._children = children
        self._pending = pending
        self._lost = lost
        self._clock_steps = clock_steps
        self._started_at = now()

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        snapshot = self._snapshot()
        accounts = snapshot.accounts if snapshot else ()
        families = (
            _burn_rate(accounts),
            *_readings(accounts),
            *_freshness(accounts),
            *_polls(accounts),
            *_actors(self._children()),
            _waiting(self._pending()),
            _lost_records(self._lost()),
            *_clock(self._clock_steps()),
            GaugeMetricFamily(
                "process_start_time_seconds",
                "When the process started.",
                value=self._started_at.timestamp(),
                unit="seconds",
            ),
            InfoMetricFamily(
                "costmon_build", "Version of costmon.", value={"version": __version__}
            ),
        )
        return (family for family in families if family.samples)


def exposition(
    collectors: Iterable[Collector], accept: str, *, prepared: Iterable[Prepared] = ()
) -> tuple[bytes, str]:
    """Return the metrics and their content type: OpenMetrics if accepted, else text."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in collectors:
        registry.register(collector)
    encoder, content_type = choose_encoder(accept)
    texts = [one.text(content_type, encoder) for one in prepared]
    texts.append(encoder(registry))
    # OpenMetrics ends with a line that may be there only once.
    end = _END if texts[-1].endswith(_END) else b""
    return b"".join(text.removesuffix(end) for text in texts) + end, content_type


def _burn_rate(accounts: Sequence[AccountState]) -> Metric:
    burn_rate = GaugeMetricFamily(
        "costmon_burn_rate_usd_per_hour",
        "What the priced live resources cost an hour, as last seen, over the accounts that have "
        "been read at least once.",
        labels=("provider",),
    )
    for provider, members in _by_provider(accounts):
        hourly = [account.totals.hourly for account in members if account.totals is not None]
        if hourly:
            burn_rate.add_metric((provider,), _number(sum(hourly, Decimal())))
    return burn_rate


def _freshness(accounts: Sequence[AccountState]) -> Iterator[Metric]:
    up = GaugeMetricFamily(
        "costmon_collector_up",
        "Whether the latest polls of all readings of the account succeeded.",
        labels=_ACCOUNT,
    )
    success = GaugeMetricFamily(
        "costmon_collector_last_success_timestamp_seconds",
        "When the latest successful poll began, of the reading where that is longest ago.",
        labels=_ACCOUNT,
    )
    complete = GaugeMetricFamily(
        "costmon_data_complete_through_timestamp_seconds",
        "Time up to which the account's figures are complete.",
        labels=_ACCOUNT,
    )
    next_poll = GaugeMetricFamily(
        "costmon_collector_next_poll_timestamp_seconds",
        "When the account is polled next.",
        labels=_ACCOUNT,
    )
    breaker = StateSetMetricFamily(
        "costmon_breaker_state",
        "State of the circuit breaker between the account's poller and the vendor.",
        labels=_ACCOUNT,
    )
    for account in accounts:
        labels = _labels(account)
        if account.has_a_verdict:
            up.add_metric(labels, 0 if account.failure else 1)
            breaker.add_metric(labels, {s: s == account.breaker for s in _BREAKER_STATES})
        successes = [it.last_success_at for it in account.readings.values() if it.last_success_at]
        if successes:
            success.add_metric(labels, min(successes).timestamp())
        charges = account.readings.get("charges")
        through = charges.complete_through if charges else account.complete_through
        if through is not None:
            complete.add_metric(labels, through.timestamp())
        if account.next_poll_at is not None:
            next_poll.add_metric(labels, account.next_poll_at.timestamp())
    yield from (up, success, complete, next_poll, breaker)


def _readings(accounts: Sequence[AccountState]) -> Iterator[Metric]:
    labels = (*_ACCOUNT, "reading")
    up = GaugeMetricFamily(
        "costmon_reading_up", "Whether the newest poll of this reading succeeded.", labels=labels
    )
    success = GaugeMetricFamily(
        "costmon_reading_last_success_timestamp_seconds",
        "When the newest successful poll of this reading began.",
        labels=labels,
        unit="seconds",
    )
    interval = GaugeMetricFamily(
        "costmon_reading_interval_seconds",
        "How often this reading is polled.",
        labels=labels,
        unit="seconds",
    )
    for account in accounts:
        for kind, reading in account.readings.items():
            values = (*_labels(account), kind)
            if reading.is_settled:
                up.add_metric(values, 0 if reading.failure else 1)
            if reading.last_success_at is not None:
                success.add_metric(values, reading.last_success_at.timestamp())
            interval.add_metric(values, reading.interval_s)
    yield from (up, success, interval)


def _polls(accounts: Sequence[AccountState]) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "costmon_collector_requests",
        "HTTP requests to the vendor, including retries.",
        labels=_ACCOUNT,
    )
    failures = CounterMetricFamily(
        "costmon_collector_failures",
        "Failed requests to the vendor, retried ones included.",
        labels=(*_ACCOUNT, "reason"),
    )
    errors = CounterMetricFamily(
        "cost_collector_errors",
        "The same count under the name that earlier dashboards use.",
        labels=(*_ACCOUNT, "reason"),
    )
    for account in accounts:
        labels = _labels(account)
        requests.add_metric(labels, account.counts.requests)
        counts = dict(account.counts.failures)
        for reason in get_args(FailureReason):
            # From the start, for rate() does not see a series jump from absent to 1.
            failures.add_metric((*labels, reason), counts.get(reason, 0))
            errors.add_metric((*labels, reason), counts.get(reason, 0))
    yield from (requests, failures, errors, _durations(accounts))


def _durations(accounts: Sequence[AccountState]) -> Metric:
    durations = HistogramMetricFamily(
        "costmon_collector_poll_duration_seconds",
        "Duration of polls of an account, successful and failed.",
        labels=("provider",),
    )
    bounds = [*(str(float(bound)) for bound in DURATION_BUCKETS_S), "+Inf"]
    for provider, members in _by_provider(accounts):
        counts = [account.counts for account in members]
        sums = [sum(bucket) for bucket in zip(*(c.duration_buckets for c in counts), strict=True)]
        durations.add_metric(
            (provider,),
            list(zip(bounds, accumulate(sums), strict=True)),
            sum(c.duration_sum_s for c in counts),
        )
    return durations


def _actors(children: Sequence[ChildStatus]) -> Iterator[Metric]:
    restarts = CounterMetricFamily(
        "costmon_actor_restarts", "Restarts since the service started.", labels=("actor",)
    )
    mailbox = GaugeMetricFamily(
        "costmon_actor_mailbox_messages", "Messages queued in the mailbox.", labels=("actor",)
    )
    dead = CounterMetricFamily(
        "costmon_actor_dead_letters",
        "Messages moved to the dead letters after too many deliveries.",
        labels=("actor",),
    )
    dropped = CounterMetricFamily(
        "costmon_actor_dropped_messages",
        "Messages dropped because the mailbox was full.",
        labels=("actor",),
    )
    up = GaugeMetricFamily("costmon_actor_up", "Whether the child is running.", labels=("actor",))
    for child in children:
        restarts.add_metric((child.name,), child.restarts)
        mailbox.add_metric((child.name,), child.mailbox)
        dead.add_metric((child.name,), child.dead_letters)
        dropped.add_metric((child.name,), child.dropped)
        up.add_metric((child.name,), child.state == "running")
    yield from (restarts, mailbox, dead, dropped, up)


def _waiting(pending: int) -> Metric:
    return GaugeMetricFamily(
        "costmon_journal_waiting_observations",
        "Observations waiting to be written to the database.",
        value=pending,
    )


def _lost_records(journals: Iterable[LostRecords]) -> Metric:
    family = CounterMetricFamily(
        "costmon_journal_records_lost",
        "Records of a journal that were not written to the database, since its file was created.",
        labels=("journal", "reason"),
    )
    for one in journals:
        family.add_metric((one.journal, "no_space"), one.no_space)
        family.add_metric((one.journal, "unreadable"), one.unreadable)
    return family


def _clock(steps: ClockSteps) -> Iterator[Metric]:
    yield CounterMetricFamily(
        "costmon_clock_steps",
        "How often the machine's clock was set, or the machine suspended, by 2 seconds or more.",
        value=steps.count,
    )
    last = GaugeMetricFamily(
        "costmon_clock_last_step_seconds",
        "By how much the clock was set the last time; negative: back.",
        unit="seconds",
    )
    if steps.count:
        last.add_metric((), steps.last_step_s)
    yield last


def _by_provider(
    accounts: Iterable[AccountState],
) -> Iterator[tuple[str, list[AccountState]]]:
    by_provider = attrgetter("provider")
    for provider, members in groupby(sorted(accounts, key=by_provider), key=by_provider):
        yield provider, list(members)


def _labels(account: AccountState) -> tuple[str, str]:
    return (account.provider, account.name)


def _number(amount: Decimal) -> float:
    """Return what Prometheus stores: its samples are floats, whatever we do."""
    return float(amount)
