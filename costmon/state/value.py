"""The current costs of all accounts, as one immutable value."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from costmon.domain.poll import BreakerState, PollFailure, ReadingKind
from costmon.domain.resource import Inventory, KindFailure
from costmon.domain.totals import Totals
from costmon.domain.usage import UsageReading
from costmon.state.readings import PollCounts, ReadingState, together

_WORST_FIRST: tuple[BreakerState, ...] = ("open", "half_open", "closed")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What is known of one account.

    Attributes:
        name: The account's name.
        provider: The vendor's slug.
        missing: Variables that are needed and not set.
        off_because: Why the account is not read at all, such as a missing variable; `None`: it is.
        readings: How each of its readings goes; which there are depends on the vendor.
        inventory: The last good one, with the last good resources of the kinds that are stale;
            `None` when there never was one.
        totals: Sums over what this account's inventory costs in USD; `None` without one.
        other_currencies: Monthly sums in any other currency, by ISO code: never added to `totals`.
        month_to_date_estimate: What the resources that exist now have cost this month by the
            vendor's own rule, in USD, when they were observed: a lower bound. `None` without an
            inventory, and once a month has begun that no poll has seen.
        month_end_estimate: What the same resources will have cost by the end of that month, by the
            same rule; `None` as above.
        restored: The inventory comes from history and no poll has confirmed it yet.
        changes: What the newest cycle that saw a change saw, in words for humans, largest amount
            first.
        changed_at: When that cycle observed it, aware UTC; `None` when nothing has changed since
            the service started.
        usage: The last good one, perhaps of an earlier process; `None` when there never was one.
    """

    name: str
    provider: str
    missing: tuple[str, ...]
    off_because: str | None
    readings: Mapping[ReadingKind, ReadingState]
    inventory: Inventory | None
    totals: Totals | None
    other_currencies: tuple[tuple[str, Decimal], ...]
    month_to_date_estimate: Decimal | None
    month_end_estimate: Decimal | None
    restored: bool
    changes: tuple[str, ...]
    changed_at: dt.datetime | None
    usage: UsageReading | None

    @property
    def stale_kinds(self) -> tuple[KindFailure, ...]:
        """Return the kinds that the newest inventory could not read."""
        return () if self.inventory is None else self.inventory.failed

    @property
    def failure(self) -> PollFailure | None:
        """Return why the first of its readings that fail does; `None` when none fails."""
        failures = (reading.failure for reading in self.readings.values())
        return next((failure for failure in failures if failure is not None), None)

    @property
    def breaker(self) -> BreakerState:
        """Return the worst of its readings' breakers."""
        found = {reading.breaker for reading in self.readings.values()}
        return next((state for state in _WORST_FIRST if state in found), "closed")

    @property
    def counts(self) -> PollCounts:
        """Return what polling has cost, over all readings."""
        return together(reading.counts for reading in self.readings.values())

    @property
    def next_poll_at(self) -> dt.datetime | None:
        """Return when the next of its readings is read."""
        times = (it.next_poll_at for it in self.readings.values() if it.next_poll_at is not None)
        return min(times, default=None)

    @property
    def last_success_at(self) -> dt.datetime | None:
        """Return when its inventory was last read, or whatever else its vendor has."""
        if "inventory" in self.readings:
            return self.readings["inventory"].last_success_at
        times = (it.last_success_at for it in self.readings.values())
        return max((at for at in times if at is not None), default=None)

    @property
    def complete_through(self) -> dt.datetime | None:
        """Return up to when its inventory is complete, or whatever else its vendor has."""
        if "inventory" in self.readings:
            return self.readings["inventory"].complete_through
        times = (it.complete_through for it in self.readings.values())
        return min((at for at in times if at is not None), default=None)

    @property
    def has_a_verdict(self) -> bool:
        """Tell whether any of its readings has been tried, or need not be yet."""
        return any(reading.is_settled for reading in self.readings.values())

    @property
    def is_settled(self) -> bool:
        """Tell whether every reading has been tried, or need not be yet."""
        return all(reading.is_settled for reading in self.readings.values())


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
        demo: The vendor is simulated.
    """

    sequence: int
    published_at: dt.datetime
    as_of: dt.datetime | None
    accounts: tuple[AccountState, ...]
    totals: Totals | None
    demo: bool
