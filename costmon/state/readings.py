"""How each reading of an account goes: a value, and what a cycle changes in it. Pure."""

import datetime as dt
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from costmon.domain.poll import (
    BreakerState,
    PollFailure,
    PollReport,
    ReadingKind,
    StoredReading,
)
from costmon.domain.resource import Gap
from costmon.errors import FailureReason

DURATION_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
# Two polls may be missed, and a slow one may take a minute, before a reading counts as stale.
_POLLS_UNTIL_STALE = 2
_SLACK_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCounts:
    """What polling has cost since the service started.

    Attributes:
        cycles: Cycles ended, good and failed.
        requests: HTTP requests sent, retries included.
        failures: Failed requests by reason, retried ones included.
        duration_buckets: Cycles by duration, not cumulative: one count per bound of
            `DURATION_BUCKETS_S`, then one for what took longer.
        duration_sum_s: All cycles' durations together.
    """

    cycles: int
    requests: int
    failures: tuple[tuple[FailureReason, int], ...]
    duration_buckets: tuple[int, ...]
    duration_sum_s: float


NO_COUNTS = PollCounts(
    cycles=0,
    requests=0,
    failures=(),
    duration_buckets=(0,) * (len(DURATION_BUCKETS_S) + 1),
    duration_sum_s=0.0,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingState:
    """How one reading of one account goes.

    Attributes:
        kind: Which reading.
        interval_s: How often it is read.
        last_success_at: When the newest read that went well began, aware UTC; `None` when there
            never was one. A read that is known from an earlier process counts.
        complete_through: Up to when the vendor's figures are complete, aware UTC; `None` when it
            does not say.
        gaps: What the newest read that went well could not see; those of an inventory are in it.
        failure: Why the newest cycle failed; `None` when it went well.
        failing_since: When the first of the present run of failures was, aware UTC.
        breaker: The reading's breaker.
        counts: What polling has cost so far.
        next_poll_at: Aware UTC; `None` before the first cycle.
        last_cycle_id: The newest cycle folded in: the same one is not counted twice.
    """

    kind: ReadingKind
    interval_s: float
    last_success_at: dt.datetime | None
    complete_through: dt.datetime | None
    gaps: tuple[Gap, ...]
    failure: PollFailure | None
    failing_since: dt.datetime | None
    breaker: BreakerState
    counts: PollCounts
    next_poll_at: dt.datetime | None
    last_cycle_id: str | None

    @property
    def fresh_until(self) -> dt.datetime | None:
        """Return after which instant it is stale even if nothing failed, aware UTC."""
        if self.last_success_at is None:
            return None
        return self.last_success_at + dt.timedelta(seconds=fresh_s(self.interval_s))

    @property
    def is_settled(self) -> bool:
        """Tell whether a cycle has ended, or none is due because of an earlier process's."""
        return self.last_cycle_id is not None or self.next_poll_at is not None


def fresh_s(interval_s: float) -> float:
    """Return for how many seconds after a good poll a reading is fresh."""
    return _POLLS_UNTIL_STALE * interval_s + _SLACK_S


def unread(
    kind: ReadingKind, interval_s: float, stored: StoredReading | None, now: dt.datetime
) -> ReadingState:
    """Return a reading at the start; `stored` is what is known from an earlier process."""
    blank = ReadingState(
        kind=kind,
        interval_s=interval_s,
        last_success_at=None,
        complete_through=None,
        gaps=(),
        failure=None,
        failing_since=None,
        breaker="closed",
        counts=NO_COUNTS,
        next_poll_at=None,
        last_cycle_id=None,
    )
    if stored is None:
        return blank
    # An inventory is always read at the start, and so is what is due.
    is_due = kind == "inventory" or stored.next_poll_at <= now
    return replace(
        blank,
        last_success_at=stored.last_success_at,
        complete_through=stored.complete_through,
        gaps=() if stored.usage is None else stored.usage.gaps,
        next_poll_at=None if is_due else stored.next_poll_at,
    )


def went_well(
    state: ReadingState,
    report: PollReport,
    *,
    observed_at: dt.datetime,
    complete_through: dt.datetime | None,
    gaps: tuple[Gap, ...],
) -> ReadingState:
    """Return the reading after a cycle that went well."""
    return replace(
        _ended(state, report),
        last_success_at=observed_at,
        complete_through=complete_through,
        gaps=gaps,
        failure=None,
        failing_since=None,
    )


def went_wrong(state: ReadingState, report: PollReport, failure: PollFailure) -> ReadingState:
    """Return the reading after a cycle that failed: what was read before stays."""
    return replace(
        _ended(state, report),
        failure=failure,
        failing_since=state.failing_since or failure.failed_at,
    )


def together(counts: Iterable[PollCounts]) -> PollCounts:
    """Return the sum of several readings' counts."""
    sums = tuple(counts)
    failures: Counter[FailureReason] = Counter()
    for one in sums:
        failures.update(dict(one.failures))
    return PollCounts(
        cycles=sum(one.cycles for one in sums),
        requests=sum(one.requests for one in sums),
        failures=tuple(sorted(failures.items())),
        duration_buckets=tuple(map(sum, zip(*(one.duration_buckets for one in sums), strict=True)))
        or NO_COUNTS.duration_buckets,
        duration_sum_s=sum(one.duration_sum_s for one in sums),
    )


def _ended(state: ReadingState, report: PollReport) -> ReadingState:
    return replace(
        state,
        breaker=report.breaker,
        counts=_counted(state.counts, report),
        next_poll_at=report.next_poll_at,
        last_cycle_id=report.cycle_id,
    )


def _counted(counts: PollCounts, report: PollReport) -> PollCounts:
    failures = Counter(dict(counts.failures))
    for reason, count in report.failures:
        failures[reason] += count
    buckets = list(counts.duration_buckets)
    buckets[bisect_left(DURATION_BUCKETS_S, report.duration_s)] += 1
    return PollCounts(
        cycles=counts.cycles + 1,
        requests=counts.requests + report.requests,
        failures=tuple(sorted(failures.items())),
        duration_buckets=tuple(buckets),
        duration_sum_s=counts.duration_sum_s + report.duration_s,
    )
