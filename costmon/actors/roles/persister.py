"""Write history: every cycle and every decision once, whatever happens to the database.

While the database cannot be written, cycles wait in a journal on disk, in order, and are written
when it returns. A cycle is in the database, in the journal or in this actor's mailbox, never
nowhere; writing one twice is one row. Decisions about guards wait in a journal of their own. Of
what guards report some waits here; the rest they send again, since it is not confirmed. Charges
wait in memory: what has no room there, or is lost with the process, is read again from the vendor,
because a reading is noted as done only when all of it has been recorded.
"""

import datetime as dt
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar, assert_never
from zoneinfo import ZoneInfo

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.actors.waiting_charges import WaitingCharges, WaitingWindow
from costmon.actors.writer import Waiting, WaitingChanges, Writer
from costmon.clock import SMALLEST_STEP_S, StepDetector
from costmon.domain.change import Change
from costmon.domain.charge import ChargeWindow
from costmon.domain.finding import Series, bucket_floor
from costmon.domain.poll import Observation, PollReport, ReadingKey, StoredReading
from costmon.domain.spend import GuardReport
from costmon.domain.usage import UsageReading
from costmon.errors import StoreError, StoreFencedError, StoreRefusedError
from costmon.messages import (
    BucketsClosed,
    ChargesCompleted,
    ChargesFetched,
    ChargesRecorded,
    CostsCalculated,
    ForecastMade,
    GuardReported,
    PersisterMessage,
    PolicyChanged,
    ReadAgain,
    Tick,
    UsageCalculated,
)
from costmon.meter.figures import Snapshot as Metered
from costmon.state import guard_reports, metered_spend
from costmon.state.charges import RESTATED_LATELY, ChargeState, charge_state, on_day
from costmon.state.forecast import Forecaster
from costmon.state.guard_state import GuardState
from costmon.state.published import Published, SharedPublished
from costmon.state.usage_rates import usage_rates
from costmon.state.value import AccountState
from costmon.store.spend import SavedWatch

T = TypeVar("T")

_PRUNE_LATER = "prune later"
_RETRY, _PRUNE, _DAY, _FORECAST, _BUCKET = "retry", "prune", "day", "forecast", "bucket"
_FORECAST_AFTER_S = 1.0
_LONGEST_LOOK_S = 3600.0
_RETRY_MIN_S, _RETRY_MAX_S = 1.0, 30.0
_PRUNE_EVERY_S = 6 * 3600.0
_PRUNE_FIRST_S = 60.0
_STEADY_AFTER_S = 300.0
"""Seconds after the clock was set in which nothing is deleted and no bucket is closed."""
_UNUSABLE = (
    StoreRefusedError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What writing raises when the fault is in the values: others can be written."""
_MOST_ROWS = 20_000
"""Rows of reports that wait in memory, about 10 MB; guards keep what is not confirmed."""
_MOST_CONFIRMED = 2_000
"""Guards whose confirmations are published; one that is not is only late to forget its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersisterPlan:
    """Settings of the persister.

    Attributes:
        claim: Claims the right to write; a later claim revokes the earlier one. Raises
            `StoreError` when the database cannot be used.
        journal: Where cycles wait.
        changes: Where decisions about guards wait.
        fault: Where it is published why nothing can be written; `None` while all is well.
        confirmed: Where it is published up to which report each guard's rows are written.
        guard_state: Where it is published what the rows add up to.
        waiting_charges: Where charges wait.
        readings: Where it is published what is recorded of the readings.
        charges: Where it is published what the charges add up to, with the forecast.
        forecaster: Makes the forecast.
        accounts: Returns the published live accounts.
        timezone: IANA key of the zone whose days people count by.
        removed: Returns windows that end charges of this month which the settings no longer name.
        bucket_s: Length of the buckets that detection is fed, in seconds; `None`: it is off.
        metered: Returns what meters have reported, one snapshot for each application; `None` while
            what was kept over a restart has not been read.
    """

    claim: Callable[[], Writer]
    journal: Waiting
    changes: WaitingChanges
    fault: Published[str | None]
    confirmed: Published[Mapping[str, int]]
    guard_state: SharedPublished[GuardState]
    waiting_charges: WaitingCharges
    readings: Published[Mapping[ReadingKey, StoredReading]]
    charges: Published[ChargeState]
    forecaster: Forecaster
    accounts: Callable[[], Sequence[AccountState]]
    timezone: str
    removed: Callable[[ChargeState, dt.datetime], tuple[ChargeWindow, ...]]
    bucket_s: int | None = None
    metered: Callable[[], Sequence[Metered] | None] = lambda: None


class Persister(SupervisedActor[PersisterMessage]):
    """The only writer of history, of charges, of decisions about guards and of their reports.

    Args:
        incarnation: What every actor is given.
        plan: Its settings.
        alerter: Is told what was charged.
        pollers: By account; they are told to read again what could not be kept.
    """

    def __init__(
        self,
        incarnation: Incarnation,
        plan: PersisterPlan,
        *,
        alerter: Address,
        pollers: Mapping[str, Address],
    ) -> None:
        super().__init__(incarnation)
        self._alerter = alerter
        self._pollers = pollers
        self._waiting_charges = plan.waiting_charges
        self._readings = plan.readings
        self._charges = plan.charges
        self._removed = plan.removed
        self._forecaster = plan.forecaster
        self._accounts = plan.accounts
        self._zone = ZoneInfo(plan.timezone)
        self._claim = plan.claim
        self._journal = plan.journal
        self._changes = plan.changes
        self._fault = plan.fault
        self._confirmed = plan.confirmed
        self._guard_state = plan.guard_state
        self._forecast_is_due = False
        self._reports: deque[GuardReport] = deque()
        self._report_rows = 0
        self._writer: Writer | None = None
        self._retry_s = _RETRY_MIN_S
        self._away_since_s: float | None = None
        self._bucket_s = plan.bucket_s
        self._metered = plan.metered
        self._seen: metered_spend.Seen | None = None
        self._closed_until: dt.datetime | None = None
        self._steps = StepDetector(self.clock)
        self._steady_from_s = 0.0

    def started(self) -> None:
        """Write at once what waited from before."""
        self.timer.after(_RETRY, 0.0)
        self.timer.every(_PRUNE, _PRUNE_EVERY_S, first_s=_PRUNE_FIRST_S)
        self.timer.after(_DAY, self._next_look_s())
        if self._bucket_s is not None:
            self.timer.after(_BUCKET, 0.0)

    def handle(self, message: PersisterMessage) -> None:  # noqa: C901 - one short case per message
        """Write what the message says, or try again, or prune."""
        match message:
            case CostsCalculated(observation=observation):
                self._keep(observation)
                self._forecast_soon()
            case GuardReported(report=report):
                self._keep_report(report)
            case PolicyChanged():
                # It waits in the journal, perhaps behind others: all are written, in their order.
                self._write_now()
            case ChargesFetched(report=report, window=window):
                self._keep_window(report.cycle_id, window)
            case ChargesCompleted() | UsageCalculated():
                self._keep_end(message)
            case Tick(key=key) if key in {_PRUNE, _PRUNE_LATER}:
                self._prune()
            case Tick(key=key) if key == _FORECAST:
                self._forecast_is_due = False
                self._forecast_again()
            case Tick(key=key) if key == _DAY:
                self.timer.after(_DAY, self._next_look_s())
                self._look_at_the_day()
            case Tick(key=key) if key == _BUCKET:
                self._close_buckets()
            case Tick():
                self._write_waiting()
            case _:
                assert_never(message)

    def _keep(self, observation: Observation) -> None:
        if self._away_since_s is None and not len(self._journal):
            try:
                self._record(observation)
            except _UNUSABLE as error:
                self._log_unusable(error)  # from the journal it is set aside
            except StoreError as error:
                self._gone(error)
            else:
                return
        self._journal.append(observation)
        if self._away_since_s is None:
            # Others wait since the mailbox was full: nobody else would come back to them.
            self.timer.after(_RETRY, 0.0)
        self.log.info(
            "persister.cycle_queued",
            cycle_id=observation.report.cycle_id,
            waiting=len(self._journal),
        )

    def _keep_report(self, report: GuardReport) -> None:
        if self._away_since_s is None and not self._reports:
            try:
                self._write_report(report)
            except StoreError as error:
                self._gone(error)
            else:
                return
        rows = len(report.rows)
        if self._report_rows + rows >= _MOST_ROWS:
            # Its guard sends it again: what comes after it is not confirmed until then.
            self.log.warning("persister.report_dropped", guard=report.guard, rows=rows)
            return
        self._reports.append(report)
        self._report_rows += rows + 1

    def _keep_window(self, cycle_id: str, window: ChargeWindow) -> None:
        if self._away_since_s is None and not len(self._waiting_charges):
            try:
                self._record_window(cycle_id, window)
            except StoreError as error:
                self._gone(error)
            else:
                return
        if not self.fenced(lambda: self._waiting_charges.add_window(cycle_id, window)):
            self.log.warning(
                "persister.charges_dropped",
                account=window.account,
                start=window.start.isoformat(),
                charges=len(window.charges),
                waiting_rows=self._waiting_charges.rows,
                hint="they are read again when the database is back",
            )

    def _keep_end(self, message: ChargesCompleted | UsageCalculated) -> None:
        report = message.report
        if isinstance(message, UsageCalculated):
            usage = message.usage
            stored = _stored(report, usage.observed_at, usage.complete_through, usage)
            self._keep_reading(report.cycle_id, stored)
            return
        stored = _stored(report, report.started_at, message.complete_through)
        if self._waiting_charges.has_all(report.account, report.cycle_id, message.windows):
            self._keep_reading(report.cycle_id, stored)
        else:
            self._ask_again()

    def _keep_reading(self, cycle_id: str, stored: StoredReading) -> None:
        if self._away_since_s is None and not len(self._waiting_charges):
            try:
                self._record_reading(stored)
            except StoreError as error:
                self._gone(error)
            else:
                return
        self.fenced(lambda: self._waiting_charges.add_reading(cycle_id, stored))

    def _write_now(self) -> None:
        if self._away_since_s is None:
            try:
                self._write_changes()
            except StoreError as error:
                self._gone(error)

    def _write_waiting(self) -> None:
        try:
            self._write_changes()
            while (observation := self._journal.first()) is not None:
                self._write_observation(observation)
            while self._reports:
                self._write_report(self._reports[0])
                self._report_rows -= len(self._reports.popleft().rows) + 1
            while (entry := self._waiting_charges.first()) is not None:
                if isinstance(entry, WaitingWindow):
                    self._record_window(entry.cycle_id, entry.window)
                else:
                    self._record_reading(entry.stored)
                self.fenced(self._waiting_charges.drop_first)
        except StoreError as error:
            self._gone(error)
            return
        self._back()
        self._look_at_the_day()
        self._end_removed()
        self._close_buckets()
        self._ask_again()

    def _ask_again(self) -> None:
        """Ask for incomplete charges to be read again, but not repeatedly."""
        if self._away_since_s is not None or not self.wait(0.0):
            return  # when it stops the pollers have stopped; the next start reads it
        for account in self._waiting_charges.take_incomplete():
            self.log.info("persister.reads_again", account=account, reading="charges")
            if account in self._pollers:
                self.tell(self._pollers[account], ReadAgain(reading="charges"))

    def _write_observation(self, observation: Observation) -> None:
        cycle_id = observation.report.cycle_id
        try:
            self._record(observation)
        except _UNUSABLE as error:
            self._log_unusable(error)
            self._journal.set_aside_first(cycle_id, f"it cannot be written ({error})")
        else:
            self._journal.drop_first(cycle_id)

    def _write_report(self, report: GuardReport) -> None:
        try:
            self._record_report(report)
        except _UNUSABLE as error:
            self._log_unusable(error)
            self.log.error(
                "persister.report_refused", guard=report.guard, app=report.app, error=str(error)
            )

    def _log_unusable(self, error: Exception) -> None:
        if not isinstance(error, StoreError):
            self.log.error("persister.write_failed", exc_info=error)

    def _record(self, observation: Observation) -> None:
        written = self._write(lambda writer: writer.record(observation))
        self.log.info(
            "persister.cycle_written" if written else "persister.cycle_already_written",
            cycle_id=observation.report.cycle_id,
            resources=len(observation.inventory.resources) if observation.inventory else None,
        )

    def _record_window(self, cycle_id: str, window: ChargeWindow) -> None:
        try:
            recorded = self._write(lambda writer: writer.record_charges(window))
        except StoreError as error:
            if type(error) not in {StoreError, StoreRefusedError}:
                raise
            # The window itself cannot be stored: reading it again would not help, and others wait.
            self._waiting_charges.note(cycle_id, window)
            self.log.error(
                "persister.charges_refused",
                account=window.account,
                start=window.start.isoformat(),
                error=str(error),
            )
            return
        self.fenced(lambda: self._waiting_charges.note(cycle_id, window))
        self.log.info(
            "persister.charges_recorded",
            account=window.account,
            start=window.start.isoformat(),
            added=recorded.added,
            changed=recorded.changed,
            vanished=recorded.vanished,
            unchanged=recorded.unchanged,
            outdated=recorded.outdated,
            restatements=len(recorded.restatements),
            cycle_id=cycle_id,
        )
        state = self._publish_charges()
        self.tell(
            self._alerter,
            ChargesRecorded(account=window.account, totals=state, restated=recorded.restatements),
        )

    def _record_reading(self, stored: StoredReading) -> None:
        known = self._readings.read()
        before = known[stored.key].usage if stored.key in known else None
        rates: Mapping[Series, Decimal] = {}
        if before is not None and stored.usage is not None and self._bucket_s is not None:
            rates = usage_rates(before, stored.usage)
        self._write(lambda writer: writer.record_reading(stored, rates))
        readings = {**known, stored.key: stored}
        self.fenced(lambda: self._readings.publish(readings))
        self.log.info(
            "persister.reading_recorded",
            account=stored.key.account,
            reading=stored.key.reading,
            next_poll_at=stored.next_poll_at.isoformat(),
        )

    def _publish_charges(self) -> ChargeState:
        now, today = self.clock.now(), self._today()
        overview = self._write(lambda writer: writer.charges(today, now - RESTATED_LATELY))
        state = self._forecaster.added_to(charge_state(overview, now), self._accounts(), now)
        self.fenced(lambda: self._charges.publish(state))
        return state

    def _forecast_soon(self) -> None:
        """Make one forecast for all polls of a moment, once the calculator has published them."""
        if not self._forecast_is_due:
            self._forecast_is_due = True
            self.timer.after(_FORECAST, _FORECAST_AFTER_S)

    def _forecast_again(self) -> None:
        """Update the forecast to the current time and to what the live resources cost now."""
        now = self.clock.now()
        state = self._forecaster.added_to(self._charges.read(), self._accounts(), now)
        if state.forecast is not None:
            self.fenced(lambda: self._charges.publish(state))
            self.tell(self._alerter, ForecastMade(totals=state))

    def _look_at_the_day(self) -> None:
        """Publish figures of the current month, also when no poll has run since it began."""
        known, today = self._charges.read(), self._today()
        if known.is_loaded and known.today == today:
            self._forecast_again()
            return
        if self._away_since_s is None:
            try:
                self._publish_charges()
            except StoreError as error:
                self._gone(error)
            else:
                return
        self.fenced(lambda: self._charges.publish(on_day(known, today)))
        self._forecast_again()

    def _end_removed(self) -> None:
        if self._away_since_s is not None:
            return
        try:
            for window in self._removed(self._charges.read(), self.clock.now()):
                self._record_window(f"removed {window.provider}", window)
        except StoreError as error:
            self._gone(error)

    def _today(self) -> dt.date:
        return self.clock.now().astimezone(self._zone).date()

    def _next_look_s(self) -> float:
        """Return seconds until the next day begins, or an hour: the clock may be set."""
        now = self.clock.now()
        tomorrow = self._today() + dt.timedelta(days=1)
        midnight = dt.datetime.combine(tomorrow, dt.time(), self._zone)
        return min((midnight - now).total_seconds(), _LONGEST_LOOK_S)

    def _close_buckets(self) -> None:
        """Say which buckets are over: what is written from now on counts for later ones."""
        if self._bucket_s is None:
            return
        now = self.clock.now()
        until = bucket_floor(now, self._bucket_s)
        self.timer.after(_BUCKET, self._bucket_s - (now - until).total_seconds())
        if unsteady_s := self._unsteady_s():
            # A clock that is days ahead for seconds must not close the buckets of these days.
            self.timer.after(_BUCKET, unsteady_s)
            return
        if self._away_since_s is not None or self._reports or until == self._closed_until:
            return
        try:
            # An incarnation that hung in the middle of writing cannot add to these any more.
            self._write(lambda _writer: None)
            self._look_at_meters(now, until, self._bucket_s)
        except StoreError as error:
            self._gone(error)
        else:
            self._closed_until = until
            self.tell(self._alerter, BucketsClosed(until=until))

    def _look_at_meters(self, now: dt.datetime, until: dt.datetime, bucket_s: int) -> None:
        """Add what metered applications have cost since the last look to the bucket that ends."""
        services = self._metered()
        if services is None or (not services and self._seen is None):
            return
        if self._seen is None:
            saved = self._write(lambda writer: writer.metered())
            if saved is not None and saved.fed_until == until:
                return  # an incarnation before this one has looked
            if saved is not None and saved.fed_until < until:
                self._seen = self._seen_before(saved.state)  # a later one is of a wrong clock
        seen, spent = metered_spend.looked(self._seen, services, now, bucket_s)
        saved_now = SavedWatch(until, metered_spend.to_bytes(seen))
        self._write(lambda writer: writer.record_metered(spent, saved_now))
        self._seen = seen

    def _seen_before(self, state: bytes) -> metered_spend.Seen | None:
        try:
            return metered_spend.from_bytes(state)
        except ValueError as error:
            self.log.warning("persister.metered_unreadable", error=str(error))
            return None

    def _write_changes(self) -> None:
        while (change := self._changes.first()) is not None:
            try:
                written = self._apply(change)
            except _UNUSABLE as error:
                self._log_unusable(error)
                self._changes.set_aside_first(change.id, f"it cannot be written ({error})")
                continue
            self._changes.drop_first(change.id)
            self.log.info(
                "persister.change_written" if written else "persister.change_already_written",
                id=change.id,
            )

    def _apply(self, change: Change) -> bool:
        return self._write(lambda writer: writer.apply_change(change))

    def _record_report(self, report: GuardReport) -> None:
        recorded = self._write(lambda writer: writer.record_report(report))
        if recorded.ignored:
            self.log.warning(
                "persister.rows_ignored",
                guard=report.guard,
                app=report.app,
                rows=recorded.ignored,
                hint="older than [retention] guard_spend, or a figure is out of range",
            )
        # Published again when a crash repeats it: these are sums, not steps.
        if recorded.totals:
            self.fenced(
                lambda: self._guard_state.change(
                    lambda state: guard_reports.recorded(state, recorded.totals, recorded.unpriced)
                )
            )
        if recorded.confirmed is not None:
            self._confirm(report.guard, recorded.confirmed)

    def _confirm(self, guard: str, sequence: int) -> None:
        known = self._confirmed.read()
        if known.get(guard) == sequence:
            return
        confirmed = {name: value for name, value in known.items() if name != guard}
        while len(confirmed) >= _MOST_CONFIRMED:
            del confirmed[next(iter(confirmed))]
        confirmed[guard] = sequence
        self.fenced(lambda: self._confirmed.publish(confirmed))

    def _write(self, act: Callable[[Writer], T]) -> T:
        self.beat()
        if self._writer is None:
            self._writer = self._claim()
        try:
            return act(self._writer)
        except StoreFencedError:
            self.beat()  # a replaced incarnation ends here
            self.log.error(
                "persister.fence_lost", hint="another costmon may be writing to this database"
            )
            self._writer = None
            raise

    def _gone(self, error: StoreError) -> None:
        now_s = self.clock.monotonic_s()
        self.fenced(lambda: self._fault.publish(str(error)))
        if self._away_since_s is None:
            self._away_since_s = now_s
            self._retry_s = _RETRY_MIN_S
            self.log.error("persister.database_lost", error=str(error))
        else:
            self._retry_s = min(self._retry_s * 2, _RETRY_MAX_S)
            self.log.warning(
                "persister.database_still_lost",
                error=str(error),
                away_s=round(now_s - self._away_since_s, 1),
                waiting=len(self._journal),
            )
        self.timer.after(_RETRY, self._retry_s)

    def _back(self) -> None:
        if self._away_since_s is not None:
            away_s = round(self.clock.monotonic_s() - self._away_since_s, 1)
            self.log.info("persister.database_returned", away_s=away_s)
            self._away_since_s = None
        # Also what an earlier incarnation published.
        self.fenced(lambda: self._fault.publish(None))

    def _unsteady_s(self) -> float:
        """Return for how many more seconds the clock is not trusted, because it was set."""
        now_s = self.clock.monotonic_s()
        if abs(self._steps.take_s()) >= SMALLEST_STEP_S:
            self._steady_from_s = now_s + _STEADY_AFTER_S
        return max(0.0, self._steady_from_s - now_s)

    def _prune(self) -> None:
        if unsteady_s := self._unsteady_s():
            # What a clock that is ahead takes for old may be young.
            self.timer.after(_PRUNE_LATER, unsteady_s)
            return
        if self._writer is None or self._away_since_s is not None:
            return
        try:
            self._writer.prune(self.clock.now())
        except StoreError as error:
            self._gone(error)


def _stored(
    report: PollReport,
    success_at: dt.datetime,
    complete_through: dt.datetime | None,
    usage: UsageReading | None = None,
) -> StoredReading:
    return StoredReading(
        key=ReadingKey(report.account, report.provider, report.reading),
        next_poll_at=report.next_poll_at,
        last_success_at=success_at,
        complete_through=complete_through,
        usage=usage,
    )
