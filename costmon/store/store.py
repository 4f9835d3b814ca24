"""History: everything the service keeps, behind one interface.

Writers claim a name, record under the token they get, and are refused once somebody else has
claimed that name. Readers need nothing and never wait for a writer.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Self

from sqlalchemy import Connection, Engine, delete, insert, select

from costmon.alerts.alert import Alert, Outgoing
from costmon.clock import Clock
from costmon.domain.change import Change
from costmon.domain.charge import ChargeWindow
from costmon.domain.charge_report import (
    ChargeOverview,
    ChargeQuery,
    ChargeTotal,
    RecordedCharges,
)
from costmon.domain.finding import BUCKET_S, Series, SpendFinding
from costmon.domain.history import HistoryQuery, HistoryRow
from costmon.domain.poll import Observation, PollReport, ReadingKey, StoredReading
from costmon.domain.resource import Inventory
from costmon.domain.spend import GuardReport
from costmon.errors import StoreUnavailableError
from costmon.state.guard_reports import Recorded
from costmon.state.metered_spend import MeteredSpend
from costmon.store import fence, outbox, spend
from costmon.store.charge_queries import read_charges, read_overview
from costmon.store.charges import record_charges
from costmon.store.cycles import is_recorded, write_cycle
from costmon.store.database import Database, locate
from costmon.store.decisions import apply_change, read_acknowledged
from costmon.store.engine import make_engine
from costmon.store.faults import translated
from costmon.store.fence import FenceToken
from costmon.store.guard_state import GuardDecisions, read_decisions
from costmon.store.guards import record_report
from costmon.store.history import read_history
from costmon.store.inventories import StoredAccount, read_latest
from costmon.store.ledger import Ledger
from costmon.store.outbox import Undelivered
from costmon.store.readings import read_readings, write_reading
from costmon.store.retention import Retention, cut_of, prune
from costmon.store.schema import alert_memory, poll_cycle
from costmon.store.spend import Position, SavedWatch, Watches
from costmon.store.text import storable, storable_key

STATE_CHARACTERS = 1_000_000
"""Longest text that is remembered about an alert."""


def open_store(url: str, *, clock: Clock) -> "Store":
    """Return the history at `url`; nothing is connected before the first use.

    Raises:
        StoreError: The URL or its driver cannot be used.
    """
    database = locate(url)
    return Store(
        database,
        writing=make_engine(database, "write"),
        reading=make_engine(database, "read"),
        clock=clock,
    )


class Store:
    """The history in one database; its schema is up to date (see `costmon.store.migrate`).

    Any thread may call any method, but one token belongs to one thread at a time. Every method
    raises `StoreUnavailableError` when the database cannot be used for now (trying again helps),
    and leaves no half transaction behind whatever happens.
    """

    def __init__(
        self, database: Database, *, writing: Engine, reading: Engine, clock: Clock
    ) -> None:
        self._database = database
        self._writing = writing
        self._reading = reading
        self._clock = clock
        # Per token, never shared: a hung writer may still be inside its own ledger.
        self._ledgers: dict[FenceToken, Ledger] = {}
        self._file_identity: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def claim(self, name: str) -> FenceToken:
        """Become the one writer called `name`; older tokens of that name are refused from now on.

        Waits a few seconds for a transaction of the present writer that is under way.
        """
        with self._writer() as connection:
            token = fence.claim(connection, storable_key(name))
        for old in tuple(self._ledgers):
            if old.name == token.name:
                self._ledgers.pop(old, None)
        return token

    def record(self, observation: Observation, token: FenceToken) -> bool:
        """Write one cycle, whole or not at all.

        A good cycle that is older than the newest one of its account gets its row, for the record,
        and changes nothing else.

        Returns:
            False when that cycle had been written before; nothing was changed then.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        ledger = self._ledgers.get(token) or Ledger(self._clock)
        inventory, cycle_id = observation.inventory, storable_key(observation.report.cycle_id)
        state = None
        with self._writer() as connection:
            fence.verify(connection, token)
            if is_recorded(connection, cycle_id):
                return False
            write_cycle(connection, observation)
            if inventory is not None:
                state = ledger.write(connection, inventory, observation.report)
                if state is not None:
                    write_reading(connection, _inventory_reading(observation.report, inventory))
        if inventory is not None and state is not None:
            ledger.keep(inventory, state)
            self._ledgers[token] = ledger
        return True

    def record_charges(self, window: ChargeWindow, token: FenceToken) -> RecordedCharges:
        """Write a window of charges, whole or not at all; writing it twice changes nothing.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            return record_charges(connection, window, self._clock.now())

    def record_reading(
        self,
        stored: StoredReading,
        token: FenceToken,
        rates: Mapping[Series, Decimal] | None = None,
        bucket_s: int = BUCKET_S,
    ) -> None:
        """Write when a reading last went well and is due again, in place of what was written.

        Args:
            stored: The reading.
            token: Of the writer.
            rates: Units per second of what it counts, until it is due again and half as long.
            bucket_s: Length of the buckets to which these are added, in seconds.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            write_reading(connection, stored)
            now = self._clock.now()
            until = stored.next_poll_at + (stored.next_poll_at - now) / 2
            spend.put_rates(connection, rates or {}, now, until, bucket_s)

    def readings(self) -> Mapping[ReadingKey, StoredReading]:
        """Return what is known of the readings of an earlier process."""
        with self._reader() as connection:
            return read_readings(connection)

    def record_report(
        self,
        report: GuardReport,
        retention: Retention,
        token: FenceToken,
        bucket_s: int = BUCKET_S,
    ) -> Recorded:
        """Write what a guard has reported; writing a report twice changes nothing.

        Args:
            report: What it tells.
            retention: Rows that are older are ignored.
            token: Of the writer.
            bucket_s: Length of the buckets that detection is fed.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        now = self._clock.now()
        with self._writer() as connection:
            fence.verify(connection, token)
            return record_report(
                connection,
                report,
                now=now,
                not_before=cut_of(now, retention.guard_spend),
                bucket_s=bucket_s,
            )

    def apply_change(self, change: Change, token: FenceToken) -> bool:
        """Write what was decided about a circuit or a budget, and who decided it.

        Returns:
            False when that change had been written before; nothing was changed then.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            return apply_change(connection, change)

    def decisions(self) -> GuardDecisions:
        """Return what guards enforce and what they have spent, for the start."""
        with self._reader() as connection:
            return read_decisions(connection)

    def latest(self) -> tuple[StoredAccount, ...]:
        """Return what every account held in its last good cycle, for the start."""
        with self._reader() as connection:
            return read_latest(connection)

    def history(self, query: HistoryQuery) -> tuple[HistoryRow, ...]:
        """Return past costs, oldest bucket first, then by group and currency."""
        with self._reader() as connection:
            return read_history(connection, query)

    def charges(self, query: ChargeQuery) -> tuple[ChargeTotal, ...]:
        """Return what was charged, by group, account, provider, currency and basis."""
        with self._reader() as connection:
            return read_charges(connection, query)

    def charge_overview(self, today: dt.date, restated_since: dt.datetime) -> ChargeOverview:
        """Return what is kept in memory about charges, for the start and after each window.

        Args:
            today: Where people are: it decides which month is the present one.
            restated_since: Restatements read since then are in it, aware UTC.
        """
        with self._reader() as connection:
            return read_overview(connection, today, restated_since)

    def alert_memory(self) -> Mapping[str, str]:
        """Return what was last remembered about each condition."""
        with self._reader() as connection:
            rows = connection.execute(select(alert_memory.c.condition, alert_memory.c.state))
            return {row.condition: row.state for row in rows}

    def remember_alert(
        self, condition: str, state: str, token: FenceToken, outgoing: Iterable[Outgoing] = ()
    ) -> None:
        """Remember `state` about `condition` in place of what was remembered before.

        Args:
            condition: The condition's name.
            state: Anything, as text.
            token: Of the writer.
            outgoing: Alerts that are to be delivered because of it, kept in the same transaction.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        key = storable_key(condition)
        with self._writer() as connection:
            fence.verify(connection, token)
            connection.execute(delete(alert_memory).where(alert_memory.c.condition == key))
            connection.execute(
                insert(alert_memory).values(condition=key, state=storable(state, STATE_CHARACTERS))
            )
            for alert, channels in outgoing:
                outbox.enqueue(connection, alert, channels)

    def undelivered(self) -> tuple[Undelivered, ...]:
        """Return the alerts that channels have not taken yet, oldest first."""
        with self._reader() as connection:
            return outbox.read_undelivered(connection)

    def end_delivery(
        self, alert_id: str, channel: str, token: FenceToken, error: str | None = None
    ) -> None:
        """Note that a channel has taken an alert, or that it never will (`error` says why).

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            outbox.end_delivery(connection, alert_id, channel, self._clock.now(), error)

    def group_deliveries(
        self, alert_ids: Iterable[str], channel: str, group: Alert, token: FenceToken
    ) -> None:
        """Let one alert take the place of several that a channel has not taken yet.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            outbox.group_deliveries(connection, alert_ids, channel, group, self._clock.now())

    def spend_buckets(
        self, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Mapping[Series, Decimal]]:
        """Return what series have cost by the ends of buckets, of `after` < end <= `until`."""
        with self._reader() as connection:
            return spend.read_buckets(connection, after, until)

    def spend_sums(self, after: dt.datetime, until: dt.datetime) -> Mapping[Series, Decimal]:
        """Return what each series has cost in the buckets of `after` < end <= `until`."""
        with self._reader() as connection:
            return spend.read_sums(connection, after, until)

    def series_buckets(
        self, series: Series, after: dt.datetime, until: dt.datetime
    ) -> Mapping[dt.datetime, Decimal]:
        """Return what one series has cost by the ends of buckets, of `after` < end <= `until`."""
        with self._reader() as connection:
            return spend.read_series(connection, series, after, until)

    def series_hours(
        self, series: Series, start: dt.datetime, end: dt.datetime
    ) -> Mapping[dt.datetime, Decimal]:
        """Return what guards have reported of one series by hour, of `start` <= hour < `end`."""
        with self._reader() as connection:
            return spend.read_series_hours(connection, series, start, end)

    def has_spent(self, series: Series, before: dt.datetime) -> bool:
        """Tell whether guards have reported spend of a series in an hour before `before`."""
        with self._reader() as connection:
            return spend.has_spent(connection, series, before)

    def guard_hours(self) -> Mapping[Series, Mapping[dt.datetime, Decimal]]:
        """Return what guards have reported, by series and start of the hour."""
        with self._reader() as connection:
            return spend.read_hours(connection)

    def watches(self) -> Watches:
        """Return what detection keeps over a restart."""
        with self._reader() as connection:
            return spend.read_watches(connection)

    def findings(self, limit: int) -> tuple[SpendFinding, ...]:
        """Return the findings that were opened last, newest first."""
        with self._reader() as connection:
            return spend.read_findings(connection, limit)

    def acknowledged(self) -> tuple[tuple[str, dt.datetime], ...]:
        """Return which conditions somebody has acknowledged and when, oldest first."""
        with self._reader() as connection:
            return read_acknowledged(connection)

    def save_watches(
        self,
        watches: Mapping[Series, SavedWatch],
        findings: Iterable[SpendFinding],
        position: Position | None,
        dropped: Iterable[Series],
        token: FenceToken,
    ) -> None:
        """Keep the states of watches and what they have found, whole or not at all.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            spend.save_watches(connection, watches, findings, position, dropped)

    def forget_guards(self) -> None:
        """Delete what guards have reported, what was found in it, and all circuits and alerts."""
        with self._writer() as connection:
            spend.forget_guards(connection)

    def rule_state(self) -> SavedWatch | None:
        """Return what the rules know of the past; `None`: nothing was kept."""
        with self._reader() as connection:
            return spend.read_rules(connection)

    def save_rule_state(self, saved: SavedWatch, token: FenceToken) -> None:
        """Keep what the rules know of the past.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            spend.save_rules(connection, saved)

    def metered(self) -> SavedWatch | None:
        """Return what was seen of metered applications at the last look; `None`: no look yet."""
        with self._reader() as connection:
            return spend.read_metered(connection)

    def record_metered(
        self, spent: Mapping[Series, MeteredSpend], saved: SavedWatch, token: FenceToken
    ) -> None:
        """Write what metered applications have cost since the last look, with what was seen.

        Raises:
            StoreFencedError: `token` is no longer the newest of its name.
        """
        with self._writer() as connection:
            fence.verify(connection, token)
            spend.put_metered(connection, spent, saved)

    def check(self) -> None:
        """Check that the database answers; cheap enough for every `/readyz`.

        Raises:
            StoreUnavailableError: It does not.
        """
        with self._reader() as connection:
            connection.execute(select(poll_cycle.c.id).limit(1)).first()

    def prune(self, now: dt.datetime, retention: Retention) -> Mapping[str, int]:
        """Delete what is older than its retention; return the number of deleted rows by table."""
        self._look()
        with translated(self._database):
            return prune(self._writing, now, retention)

    def close(self) -> None:
        """Close every connection that is not in use."""
        self._writing.dispose()
        self._reading.dispose()

    @contextmanager
    def _writer(self) -> Iterator[Connection]:
        self._look()
        with translated(self._database), self._writing.begin() as connection:
            yield connection

    @contextmanager
    def _reader(self) -> Iterator[Connection]:
        self._look()
        with translated(self._database), self._reading.begin() as connection:
            yield connection

    def _look(self) -> None:
        """Notice that an SQLite file was deleted or replaced: open connections would not.

        Raises:
            StoreUnavailableError: It is gone; what were written now would be lost.
        """
        file = self._database.file
        if file is None:
            return
        try:
            status = file.stat()
        except OSError as error:
            msg = (
                f"{self._database.shown} cannot be found ({error.strerror}); restore it, or"
                " restart costmon to create a new one"
            )
            raise StoreUnavailableError(msg) from error
        identity = (status.st_dev, status.st_ino)
        if self._file_identity not in {None, identity}:
            self.close()
        self._file_identity = identity


def _inventory_reading(report: PollReport, inventory: Inventory) -> StoredReading:
    return StoredReading(
        key=ReadingKey(report.account, report.provider, "inventory"),
        next_poll_at=report.next_poll_at,
        last_success_at=inventory.observed_at,
        complete_through=inventory.observed_at,
    )
