"""Give the actors and the API their parts of the store."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from costmon.alerts.alert import Alert, Outgoing
from costmon.domain.change import Change
from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import ChargeOverview, RecordedCharges
from costmon.domain.finding import BUCKET_S, Series, SpendFinding
from costmon.domain.poll import Observation, ReadingKey, StoredReading
from costmon.domain.resource import Inventory
from costmon.domain.spend import GuardReport
from costmon.errors import StoreError, StoreFencedError
from costmon.state.charges import RESTATED_LATELY, ChargeState, charge_state
from costmon.state.guard_reports import Recorded
from costmon.state.metered_spend import MeteredSpend
from costmon.state.published import Published
from costmon.store import FenceToken, Retention, Store
from costmon.store.outbox import Undelivered
from costmon.store.revisions import check_schema
from costmon.store.spend import Position, SavedWatch, Watches


@dataclass(frozen=True, slots=True)
class FencedWriter:
    """The persister's right to write, valid until somebody claims it again."""

    store: Store
    token: FenceToken
    retention: Retention
    bucket_s: int = BUCKET_S

    def record(self, observation: Observation) -> bool:
        """Write one cycle."""
        return self.store.record(observation, self.token)

    def record_charges(self, window: ChargeWindow) -> RecordedCharges:
        """Write a window of charges."""
        return self.store.record_charges(window, self.token)

    def record_reading(self, stored: StoredReading, rates: Mapping[Series, Decimal]) -> None:
        """Write what is kept of a reading over a restart, and how fast its counters rise."""
        self.store.record_reading(stored, self.token, rates, self.bucket_s)

    def charges(self, today: dt.date, restated_since: dt.datetime) -> ChargeOverview:
        """Return what the charges add up to."""
        return self.store.charge_overview(today, restated_since)

    def record_report(self, report: GuardReport) -> Recorded:
        """Write what a guard has reported."""
        return self.store.record_report(report, self.retention, self.token, self.bucket_s)

    def metered(self) -> SavedWatch | None:
        """Return what was seen of metered applications at the last look."""
        return self.store.metered()

    def record_metered(self, spent: Mapping[Series, MeteredSpend], saved: SavedWatch) -> None:
        """Write what metered applications have cost since the last look, with what was seen."""
        self.store.record_metered(spent, saved, self.token)

    def apply_change(self, change: Change) -> bool:
        """Write one decision about guards."""
        return self.store.apply_change(change, self.token)

    def prune(self, now: dt.datetime) -> None:
        """Delete what is older than its retention."""
        self.store.prune(now, self.retention)


@dataclass(frozen=True, slots=True)
class Writers:
    """Claims for the persister, made when the database can be used."""

    store: Store
    url: str
    retention: Retention
    bucket_s: int = BUCKET_S

    def claim(self) -> FencedWriter:
        """Claim the right to write, after checking the schema.

        Raises:
            StoreError: The database is away, or its schema is not this version's.
        """
        check_schema(self.url)
        return FencedWriter(
            self.store, self.store.claim("persister"), self.retention, self.bucket_s
        )


class AlertMemory:
    """The alerter's memory in the database, one object an incarnation.

    Args:
        store: The database.
        check: Raises `StoreError` when its schema is not this version's.
    """

    def __init__(self, store: Store, check: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._check = check
        self._token: FenceToken | None = None

    def load(self) -> dict[str, str]:
        """Return the memory text of every condition."""
        self._check()
        return dict(self._store.alert_memory())

    def save(self, condition: str, text: str, outgoing: Iterable[Outgoing]) -> None:
        """Keep one condition's memory, and what is to be delivered because of it."""
        if self._token is None:
            self._check()
            self._token = self._store.claim("alerter")
        try:
            self._store.remember_alert(condition, text, self._token, outgoing)
        except StoreFencedError:
            self._token = None  # claimed again the next time, by the incarnation that still lives
            raise


class SpendHistory:
    """Detection's part of the database, or the rules', one object an incarnation.

    Args:
        store: The database.
        name: Of the claim to write: each of them has its own.
        check: As for `AlertMemory`.
        opened: Where the findings that are open are published, once they have been read.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        check: Callable[[], None] = lambda: None,
        opened: Published[tuple[SpendFinding, ...] | None] | None = None,
    ) -> None:
        self._store = store
        self._name = name
        self._check = check
        self._opened = opened
        self._token: FenceToken | None = None

    def load(self) -> Watches:
        """Return what was kept."""
        self._check()
        kept = self._store.watches()
        if self._opened is not None:
            self._opened.publish(kept.findings)
        return kept

    def buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Mapping[Series, Decimal]]:
        """Return what series have cost by the ends of buckets, of `after` < end <= `until`."""
        return self._store.spend_buckets(after, until)

    def sums(self, after: dt.datetime, until: dt.datetime) -> Mapping[Series, Decimal]:
        """Return what each series has cost in a time."""
        return self._store.spend_sums(after, until)

    def has_spent(self, series: Series, before: dt.datetime) -> bool:
        """Tell whether a series is known to have cost something before a moment."""
        return self._store.has_spent(series, before)

    def save(
        self,
        watches: Mapping[Series, SavedWatch],
        findings: Iterable[SpendFinding],
        position: Position | None,
        dropped: Iterable[Series],
    ) -> None:
        """Keep states and findings in one step."""
        found = tuple(findings)
        self._write(
            lambda token: self._store.save_watches(watches, found, position, dropped, token)
        )
        if self._opened is not None and found:
            known = {one.id: one for one in (*(self._opened.read() or ()), *found)}
            self._opened.publish(tuple(one for one in known.values() if one.is_open))

    def rule_state(self) -> SavedWatch | None:
        """Return what the rules know of the past."""
        return self._store.rule_state()

    def save_rule_state(self, saved: SavedWatch) -> None:
        """Keep what the rules know of the past."""
        self._write(lambda token: self._store.save_rule_state(saved, token))

    def _write(self, act: Callable[[FenceToken], None]) -> None:
        if self._token is None:
            self._check()
            self._token = self._store.claim(self._name)
        try:
            act(self._token)
        except StoreFencedError:
            self._token = None
            raise


class Deliveries:
    """The messenger's part of the outbox, one object an incarnation; arguments as `AlertMemory`."""

    def __init__(self, store: Store, check: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._check = check
        self._token: FenceToken | None = None

    def load(self) -> tuple[Undelivered, ...]:
        """Return the alerts that channels have not taken yet, oldest first."""
        self._check()
        return self._store.undelivered()

    def end(self, alert_id: str, channel: str, error: str | None) -> None:
        """Note that a channel has taken an alert, or that it never will."""
        self._write(lambda token: self._store.end_delivery(alert_id, channel, token, error))

    def group(self, alert_ids: Sequence[str], channel: str, alert: Alert) -> None:
        """Let one alert take the place of several, in one step."""
        self._write(lambda token: self._store.group_deliveries(alert_ids, channel, alert, token))

    def _write(self, act: Callable[[FenceToken], None]) -> None:
        if self._token is None:
            self._check()
            self._token = self._store.claim("messenger")
        try:
            act(self._token)
        except StoreFencedError:
            self._token = None
            raise


def read_fault(store: Store) -> str | None:
    """Return why the database cannot be read; `None` when it can."""
    try:
        store.check()
    except StoreError as error:
        return str(error)
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What history knows when the service starts.

    Attributes:
        inventories: The last good one of each account, by its name.
        readings: When each reading last went well and is due again.
        charges: What the charges add up to.
    """

    inventories: Mapping[str, Inventory]
    readings: Mapping[ReadingKey, StoredReading]
    charges: ChargeState


def past(store: Store, now: dt.datetime, today: dt.date) -> Past:
    """Return all that is known.

    Raises:
        StoreError: History cannot be read.
    """
    return Past(
        inventories=restored(store),
        readings=store.readings(),
        charges=charge_state(store.charge_overview(today, now - RESTATED_LATELY), now),
    )


def restored(store: Store) -> dict[str, Inventory]:
    """Return each account's last good inventory from history.

    Raises:
        StoreError: History cannot be read.
    """
    return {stored.inventory.account: stored.inventory for stored in store.latest()}
