"""How reading an account went: its inventory, its charges or its usage."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal, NamedTuple

from costmon.domain.resource import Inventory
from costmon.domain.totals import Totals
from costmon.domain.usage import UsageReading
from costmon.errors import FailureReason

ReadingKind = Literal["inventory", "charges", "usage"]
BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What a poller says about one cycle of one reading, whether it went well or not.

    Attributes:
        cycle_id: Names this observation for ever; storing it twice is one row.
        account: The account's name.
        provider: The vendor's slug.
        started_at: Aware UTC.
        duration_s: How long the cycle took.
        requests: HTTP requests sent, retries included.
        failures: Failed requests by reason, retried ones included.
        breaker: The reading's breaker after this cycle.
        next_poll_at: When the poller will ask again, aware UTC.
        reading: What was asked for. Cycles that were written down before there were three kinds
            of reading are about the inventory.
        clock_step_s: By how much the wall clock was set since the previous good cycle of this
            process, by the monotonic clock; `None` when there was none.
        fresh_s: How far apart two good cycles may lie so that the time between them counts as
            observed; `None`: any time, in cycles that were written down by older versions.
    """

    cycle_id: str
    account: str
    provider: str
    started_at: dt.datetime
    duration_s: float
    requests: int
    failures: tuple[tuple[FailureReason, int], ...]
    breaker: BreakerState
    next_poll_at: dt.datetime
    reading: ReadingKind = "inventory"
    clock_step_s: float | None = None
    fresh_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PollFailure:
    """Why a cycle failed.

    Attributes:
        reason: The class of the failure.
        message: The error's own text, free of secrets.
        failed_at: Aware UTC.
    """

    reason: FailureReason
    message: str
    failed_at: dt.datetime


class ReadingKey(NamedTuple):
    """Which reading of which account.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        reading: Which of its readings.
    """

    account: str
    provider: str
    reading: ReadingKind


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReading:
    """What is kept of a reading over a restart, written when all of it had been recorded.

    Attributes:
        key: Which reading of which account.
        next_poll_at: When it is to be read again, aware UTC.
        last_success_at: When the last read that went well began, aware UTC.
        complete_through: Up to when the vendor's figures are complete, aware UTC; `None` when it
            does not say.
        usage: What was read, for a reading of usage.
    """

    key: ReadingKey
    next_poll_at: dt.datetime
    last_success_at: dt.datetime
    complete_through: dt.datetime | None
    usage: UsageReading | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What history keeps of one cycle.

    Attributes:
        report: How the cycle went.
        inventory: What was seen; `None` when the cycle failed.
        failure: Why it failed; `None` when it went well.
        totals: Sums over *all* accounts after this cycle; a failed one keeps the last good values.
    """

    report: PollReport
    inventory: Inventory | None
    failure: PollFailure | None
    totals: Totals | None
