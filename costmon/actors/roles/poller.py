"""Poll one account: vendor -> `Fetched`, `ChargesCompleted` or `PollFailed`, to the calculator.

Each reading that the vendor has (inventory, charges, usage) has its own schedule and its own
breaker. A vendor's outage is a result, never a crash. The breaker decides when to ask again; a
cycle that a crash or a stop cut short is simply begun again.

Charges may take hundreds of requests. They are read window by window, and after each window what
else is due has its turn: no reading waits for more than one step of another.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field, replace
from typing import Protocol, assert_never

from costmon.actors.address import Address
from costmon.actors.base import Incarnation, SupervisedActor
from costmon.domain.charge import ChargeWindow
from costmon.domain.poll import PollFailure, PollReport, ReadingKind, StoredReading
from costmon.domain.resource import Gap, Inventory
from costmon.domain.usage import UsageReading
from costmon.errors import (
    ChargeError,
    FailureReason,
    ProviderError,
    ProviderFrozenError,
    ProviderSchemaError,
)
from costmon.messages import (
    ChargesCompleted,
    Fetched,
    PollerMessage,
    PollFailed,
    ReadAgain,
    RefreshRequested,
    Tick,
)
from costmon.providers.base import Provider
from costmon.providers.breaker import Breaker
from costmon.state.readings import fresh_s
from costmon.state.usage import DISBELIEVED_FOR

_RETRY_FIRST_S, _RETRY_MAX_S = 300.0, 3600.0
"""A reading that failed is tried again after this, doubled each time, if its interval is longer."""


class Line(Protocol):
    """The connection to a vendor: a provider and the counts of its requests."""

    provider: Provider

    def take_counts(self) -> tuple[int, tuple[tuple[FailureReason, int], ...]]:
        """Return requests and failures by reason since the last time."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PollerPlan:
    """What one poller polls.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        intervals: Seconds from the start of one cycle to the start of the next, by the readings
            that the vendor has.
        least_intervals: Least seconds between the starts of two cycles, even for refreshes, by the
            readings for which there is such a limit.
        begun: When each reading's last cycle began, monotonic seconds; it outlives an incarnation.
        offsets: How far the wall clock was ahead of the monotonic clock at each reading's last good
            cycle, in seconds; it outlives an incarnation.
        connect: Opens the line, given a pause and a heartbeat: `pause(seconds)` waits and
            returns `False` when the wait was cut short, `beat()` says that work goes on.
        stored: Returns what is recorded of a reading; `None` when nothing is.
        falls_to_zero: Tells whether nothing is left in a window of all that was charged before.
    """

    account: str
    provider: str
    intervals: Mapping[ReadingKind, float]
    least_intervals: Mapping[ReadingKind, float] = field(default_factory=dict)
    begun: MutableMapping[ReadingKind, float] = field(default_factory=dict)
    offsets: MutableMapping[ReadingKind, float] = field(default_factory=dict)
    connect: Callable[[Callable[[float], bool], Callable[[], None]], Line]
    stored: Callable[[ReadingKind], StoredReading | None]
    falls_to_zero: Callable[[ChargeWindow], bool]


@dataclass(slots=True, kw_only=True)
class _Cycle:
    """One cycle of one reading, from its start to its end."""

    id: str
    started_at: dt.datetime
    began_s: float
    windows: Iterator[ChargeWindow] | None = None
    requests: int = 0
    failures: Counter[FailureReason] = field(default_factory=Counter)
    complete_through: dt.datetime | None = None
    gaps: tuple[Gap, ...] = ()
    seen: set[tuple[str, dt.datetime]] = field(default_factory=set)

    def note(self, window: ChargeWindow) -> None:
        """Keep what a window says about all charges, but not its rows."""
        through = window.counted_through or window.complete_through
        if through is not None:
            through = min(through, window.end)
            self.complete_through = max(through, self.complete_through or through)
        if all(window.start > start for _, start in self.seen):
            self.gaps = window.gaps
        self.seen.add((window.provider, window.start))


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The schedule of one reading."""

    kind: ReadingKind
    interval_s: float
    least_s: float
    begun: MutableMapping[ReadingKind, float]
    breaker: Breaker = field(default_factory=Breaker)
    cycle: _Cycle | None = None
    again: bool = False
    zero_since: dt.datetime | None = None

    def must_wait_s(self, now_s: float) -> float:
        """Return seconds until the vendor may be asked again."""
        began_s = self.begun.get(self.kind)
        return 0.0 if began_s is None else max(0.0, began_s + self.least_s - now_s)

    def delay_s(self, cycle: _Cycle, now_s: float) -> float:
        """Return seconds from now to the next cycle: the interval, or as the breaker has it."""
        interval_s = self.interval_s
        if self.breaker.failures:
            doublings = min(self.breaker.failures - 1, 10)
            interval_s = min(interval_s, _RETRY_FIRST_S * 2**doublings, _RETRY_MAX_S)
        interval_s = max(interval_s, self.least_s)
        delay_s = max(0.0, cycle.began_s + interval_s - now_s)
        if self.breaker.probe_at_s is not None:
            delay_s = max(delay_s, self.breaker.probe_at_s - now_s)
        return delay_s


class Poller(SupervisedActor[PollerMessage]):
    """Asks a vendor every few minutes what exists, and more rarely what was charged and used."""

    def __init__(self, incarnation: Incarnation, plan: PollerPlan, calculator: Address) -> None:
        super().__init__(incarnation)
        self._plan = plan
        self._calculator = calculator
        self._readings = {
            kind: _Reading(
                kind=kind,
                interval_s=interval_s,
                least_s=plan.least_intervals.get(kind, 0.0),
                begun=plan.begun,
            )
            for kind, interval_s in plan.intervals.items()
        }
        self._line: Line | None = None
        self._cut_short = False

    def started(self) -> None:
        """Connect, and poll at once what no earlier process has read recently."""
        self._line = self._plan.connect(self._pause, self.beat)
        now = self.clock.now()
        for reading in self._readings.values():
            stored = None if reading.kind == "inventory" else self._plan.stored(reading.kind)
            delay_s = 0.0
            if stored is not None:
                # No longer than the interval, which may have been shortened, or the clock set back.
                ahead_s = (stored.next_poll_at - now).total_seconds()
                delay_s = min(max(0.0, ahead_s), reading.interval_s)
            self.timer.after(reading.kind, delay_s)

    def release(self) -> None:
        """Close the connection."""
        if self._line is not None:
            self._line.close()

    def handle(self, message: PollerMessage) -> None:
        """Poll, because it is due or was requested."""
        match message:
            case Tick(key=key):
                reading = next(it for it in self._readings.values() if it.kind == key)
                self._go_on(reading, allowed=reading.breaker.allows)
            case RefreshRequested(id=request_id, readings=kinds):
                self.log.info("poller.refresh_requested", request_id=request_id, readings=kinds)
                for reading in self._readings.values():
                    if reading.kind in kinds and reading.cycle is None:
                        self._go_on(reading, allowed=reading.breaker.allows_by_hand)
            case ReadAgain(reading=kind):
                reading = self._readings[kind]
                reading.again = reading.cycle is not None
                if reading.cycle is None:
                    self._go_on(reading, allowed=reading.breaker.allows)
            case _:
                assert_never(message)

    def _pause(self, seconds: float) -> bool:
        whole = self.wait(seconds)
        self._cut_short = self._cut_short or not whole
        return whole

    def _go_on(self, reading: _Reading, *, allowed: Callable[[float], bool]) -> None:
        """Take the next step of a reading's cycle; start a cycle if none is running."""
        line = self._line
        if line is None:
            msg = "the poller has no connection: it was never started"
            raise RuntimeError(msg)
        cycle = reading.cycle
        if cycle is None:
            now_s = self.clock.monotonic_s()
            if not allowed(now_s):
                state = reading.breaker.state(now_s)
                self.log.info("poller.poll_held_back", reading=reading.kind, breaker=state)
                return
            must_wait_s = reading.must_wait_s(now_s)
            if must_wait_s > 0:
                self.log.info(
                    "poller.poll_held_back", reading=reading.kind, wait_s=round(must_wait_s, 1)
                )
                self.timer.after(reading.kind, must_wait_s)
                return
            reading.begun[reading.kind] = now_s
            reading.breaker = reading.breaker.asked()
            cycle = reading.cycle = self._begun(now_s)
        outcome = self._step(line.provider, reading.kind, cycle)
        requests, failures = line.take_counts()
        cycle.requests += requests
        cycle.failures.update(dict(failures))
        if self._cut_short:
            # Told to stop or to leave in the middle: nothing was learned, the next one polls again.
            self.log.info(
                "poller.cycle_cut_short", account=self._plan.account, reading=reading.kind
            )
            return
        if isinstance(outcome, ChargeWindow):
            outcome = self._believed(reading, outcome)
        if isinstance(outcome, ChargeWindow):
            self._tell_window(reading, cycle, outcome)
        else:
            self._finish(reading, cycle, outcome)

    def _begun(self, now_s: float) -> _Cycle:
        started_at = self.clock.now()
        # The suffix keeps two cycles apart when the wall clock was set back between them.
        suffix = self.rng.getrandbits(32)
        return _Cycle(
            id=f"{self._plan.account}@{started_at:%Y%m%dT%H%M%S.%fZ}-{suffix:08x}",
            started_at=started_at,
            began_s=now_s,
        )

    def _step(
        self, provider: Provider, kind: ReadingKind, cycle: _Cycle
    ) -> Inventory | UsageReading | ChargeWindow | ProviderError | None:
        """Return what one step brought; `None`: there is no further window."""
        account, started_at = self._plan.account, cycle.started_at
        try:
            match kind:
                case "inventory":
                    return provider.inventory(account, started_at)
                case "usage":
                    return provider.usage(account, started_at)
                case "charges":
                    if cycle.windows is None:
                        stored = self._plan.stored("charges")
                        known_through = None if stored is None else stored.complete_through
                        cycle.windows = provider.charges(account, started_at, known_through)
                    return next(cycle.windows, None)
                case _:
                    assert_never(kind)
        except ProviderError as error:
            return error
        except ChargeError as error:
            return ProviderSchemaError(
                provider=self._plan.provider,
                endpoint="charges",
                detail=error.fault,
                hint="none of the window was recorded; look for a newer costmon",
            )

    def _believed(
        self, reading: _Reading, window: ChargeWindow
    ) -> ChargeWindow | ProviderFrozenError:
        """Return the window, unless all charges are gone at once: not before they are for a day.

        A window with gaps does not see everything, and is not believed then at all.
        """
        if not self._plan.falls_to_zero(window):
            return window
        since = reading.zero_since = reading.zero_since or window.observed_at
        if not window.gaps and window.observed_at - since >= DISBELIEVED_FOR:
            return window
        return ProviderFrozenError(
            provider=self._plan.provider,
            endpoint="charges",
            detail=f"everything that was charged since {window.start:%Y-%m-%d} reads 0 at once",
            hint="the last figures are kept; compare them with the vendor's own page",
        )

    def _tell_window(self, reading: _Reading, cycle: _Cycle, window: ChargeWindow) -> None:
        cycle.note(window)
        report = self._report(reading, cycle, reading.interval_s)
        self.tell(self._calculator, Fetched(report=report, reading=window))
        self.log.info(
            "poller.charges_fetched",
            account=report.account,
            start=window.start.isoformat(),
            end=window.end.isoformat(),
            charges=len(window.charges),
            requests=report.requests,
            cycle_id=report.cycle_id,
        )
        self.timer.after(reading.kind, 0.0)

    def _finish(
        self,
        reading: _Reading,
        cycle: _Cycle,
        outcome: Inventory | UsageReading | ProviderError | None,
    ) -> None:
        now_s = self.clock.monotonic_s()
        if isinstance(outcome, ProviderError):
            reading.breaker = reading.breaker.after_failure(
                now_s, retryable=outcome.retryable, retry_after_s=outcome.retry_after_s
            )
            if outcome.reason not in cycle.failures:
                # A fault in an answer that did arrive is not a failure of the connection.
                cycle.failures[outcome.reason] += 1
        else:
            reading.breaker = reading.breaker.after_success()
            reading.zero_since = None
        again_s = reading.must_wait_s(now_s)
        delay_s = again_s if reading.again else reading.delay_s(cycle, now_s)
        reading.again, reading.cycle = False, None
        self.timer.after(reading.kind, delay_s)
        report = self._report(reading, cycle, delay_s)
        if isinstance(outcome, ProviderError):
            self._tell_failure(report, outcome, delay_s)
        elif outcome is None:
            self._tell_completed(report, cycle)
        else:
            report = self._with_clock_step(report, reading)
            self._tell_fetched(report, outcome)

    def _with_clock_step(self, report: PollReport, reading: _Reading) -> PollReport:
        """Say by how much the clock was set since the last good cycle."""
        offset_s = self.clock.now().timestamp() - self.clock.monotonic_s()
        before_s = self._plan.offsets.get(reading.kind)
        self._plan.offsets[reading.kind] = offset_s
        return replace(
            report,
            clock_step_s=None if before_s is None else offset_s - before_s,
            fresh_s=fresh_s(reading.interval_s),
        )

    def _report(self, reading: _Reading, cycle: _Cycle, delay_s: float) -> PollReport:
        now, now_s = self.clock.now(), self.clock.monotonic_s()
        return PollReport(
            cycle_id=cycle.id,
            account=self._plan.account,
            provider=self._plan.provider,
            started_at=cycle.started_at,
            duration_s=now_s - cycle.began_s,
            requests=cycle.requests,
            failures=tuple(cycle.failures.items()),
            breaker=reading.breaker.state(now_s),
            next_poll_at=now + dt.timedelta(seconds=delay_s),
            reading=reading.kind,
        )

    def _tell_failure(self, report: PollReport, error: ProviderError, delay_s: float) -> None:
        failure = PollFailure(reason=error.reason, message=str(error), failed_at=self.clock.now())
        self.tell(self._calculator, PollFailed(report=report, failure=failure))
        self.log.warning(
            "poller.poll_failed",
            account=report.account,
            reading=report.reading,
            reason=failure.reason,
            error=failure.message,
            breaker=report.breaker,
            next_poll_s=round(delay_s, 1),
            cycle_id=report.cycle_id,
        )

    def _tell_completed(self, report: PollReport, cycle: _Cycle) -> None:
        completed = ChargesCompleted(
            report=report,
            windows=len(cycle.seen),
            complete_through=cycle.complete_through,
            gaps=cycle.gaps,
        )
        self.tell(self._calculator, completed)
        through = cycle.complete_through
        self.log.info(
            "poller.charges_completed",
            account=report.account,
            complete_through=through.isoformat() if through else None,
            gaps=tuple(gap.kind for gap in cycle.gaps),
            requests=report.requests,
            duration_s=round(report.duration_s, 3),
            cycle_id=report.cycle_id,
        )

    def _tell_fetched(self, report: PollReport, outcome: Inventory | UsageReading) -> None:
        self.tell(self._calculator, Fetched(report=report, reading=outcome))
        log = self.log.bind(
            account=report.account,
            gaps=tuple(gap.kind for gap in outcome.gaps),
            requests=report.requests,
            duration_s=round(report.duration_s, 3),
            cycle_id=report.cycle_id,
        )
        if isinstance(outcome, UsageReading):
            log.info("poller.usage_fetched", quantities=len(outcome.quantities))
        else:
            for one in outcome.failed:
                log.warning(
                    "poller.kind_failed", kind=one.kind, reason=one.reason, error=one.message
                )
            failed = tuple(one.kind for one in outcome.failed)
            log.info("poller.inventory_fetched", resources=len(outcome.resources), failed=failed)
