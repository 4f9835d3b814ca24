"""How polling an account went."""

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from costmon.domain.resource import Inventory
from costmon.domain.totals import Totals
from costmon.errors import FailureReason

ReadingKind = Literal["inventory", "charges", "usage"]
BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """What a poller says about one cycle, whether it went well or not.

    Attributes:
        cycle_id: Names this observation for ever; storing it twice is one row.
        account: The account's name.
        provider: The vendor's slug.
        started_at: Aware UTC.
        duration_s: How long the cycle took.
        requests: HTTP requests sent, retries included.
        failures: Failed requests by reason, retried ones included.
        breaker: The account's breaker after this cycle.
        next_poll_at: When the poller will ask again, aware UTC.
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
