"""The current costs of all accounts, as one immutable value."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.poll import BreakerState, PollFailure
from costmon.domain.resource import Inventory
from costmon.domain.totals import Totals
from costmon.errors import FailureReason

DURATION_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollCounts:
    """What polling an account has cost since the service started.

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


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What is known of one account.

    Attributes:
        name: The account's name.
        provider: The vendor's slug.
        inventory: The last good one; `None` when there never was one.
        totals: Sums over what this account's inventory costs in USD; `None` without one.
        other_currencies: Monthly sums in any other currency, by ISO code: never added to `totals`.
        month_to_date_estimate: What the resources that exist now have cost this month by the
            vendor's own rule, in USD, when they were observed: a lower bound. `None` without an
            inventory, and once a month has begun that no poll has seen.
        failure: Why the newest cycle failed; `None` when it went well.
        failing_since: When the first of the present run of failures was, aware UTC.
        restored: The inventory comes from history and no poll has confirmed it yet.
        breaker: The account's breaker.
        counts: What polling has cost so far.
        next_poll_at: Aware UTC; `None` before the first cycle.
        fresh_until: After this instant the inventory is stale even if nothing failed, aware UTC.
        last_cycle_id: The newest cycle folded in: the same one is not counted twice.
        changes: What the newest cycle that saw a change saw, in words for humans, largest amount
            first.
        changed_at: When that cycle observed it, aware UTC; `None` when nothing has changed since
            the service started.
    """

    name: str
    provider: str
    inventory: Inventory | None
    totals: Totals | None
    other_currencies: tuple[tuple[str, Decimal], ...]
    month_to_date_estimate: Decimal | None
    failure: PollFailure | None
    failing_since: dt.datetime | None
    restored: bool
    breaker: BreakerState
    counts: PollCounts
    next_poll_at: dt.datetime | None
    fresh_until: dt.datetime | None
    last_cycle_id: str | None
    changes: tuple[str, ...]
    changed_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything readers are told about current costs.

    Attributes:
        sequence: Counts up with every publication.
        published_at: Aware UTC.
        as_of: When the oldest of the accounts' inventories was observed: no part of the totals is
            older. `None` when no account has one.
        accounts: All configured accounts, in the order of the configuration.
        totals: Sums over all accounts in USD; `None` when none of them has an inventory.
        poll_interval_s: How often accounts are polled: two missed polls make an inventory stale.
        demo: The vendor is simulated.
    """

    sequence: int
    published_at: dt.datetime
    as_of: dt.datetime | None
    accounts: tuple[AccountState, ...]
    totals: Totals | None
    poll_interval_s: float
    demo: bool
