"""The reading half of `Guard`: amounts, status, usage and notices."""

import datetime as dt
from abc import ABC, abstractmethod
from decimal import Decimal
from typing import TYPE_CHECKING

from costmon.clock import EpochClock
from costmon.domain.money import plain
from costmon.domain.scope import scope_of
from costmon.guard.errors import CurrencyError, GuardStoreError
from costmon.guard.notices import Notices, Subscriber
from costmon.guard.policy import Limit
from costmon.guard.route_cache import RouteCache
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.base import Store, UsageRow

if TYPE_CHECKING:  # only named in annotations: a third of the import time of the guard
    from costmon.domain.spend import LeaseNote, RefusalCount, ScopeGauge
    from costmon.guard.failover import FailoverStore
    from costmon.guard.reported import Reported
    from costmon.guard.status import Status
    from costmon.guard.usage import ScopeUse, UsageReader


class Readings(ABC):
    """Figures of the guard's store and notices of the guard; every method only reads."""

    store: Store
    currency: str
    clock: EpochClock
    _rulebook: Rulebook
    _notices: Notices
    _routes: RouteCache
    _failover: "FailoverStore | None"
    _reported: "Reported | None"

    def spent(self, scope: str, period: str | None = None) -> Decimal:
        """Return what a scope has spent in the current window, major units.

        A scope has a counter once a budget covers it. Without one, this is the sum of the usage
        rows, in which an hour that is only partly in the window counts in full.

        Args:
            scope: A scope, not a pattern.
            period: `None`: the period of its first budget, or `month` without a budget.

        Raises:
            InputError: An argument cannot be used.
            GuardStoreError: The store failed.
        """
        return plain(self._counter(scope, period)[1])

    def held(self, scope: str, period: str | None = None) -> Decimal:
        """Return what calls in flight hold in a scope's current window; see `spent`."""
        return plain(self._counter(scope, period)[2])

    def remaining(self, scope: str, period: str | None = None) -> Decimal | None:
        """Return what may still be spent, at least 0; `None` without a limit.

        Block threshold, tier and held amounts are taken into account.
        """
        limit, spent, held = self._counter(scope, period)
        return None if limit.effective is None else plain(max(0, limit.effective - spent - held))

    def status(self) -> "Status":
        """Return the guard's status.

        Raises:
            GuardStoreError: The store failed.
        """
        from costmon.guard.status import Status

        failover = self._failover
        scopes: tuple[ScopeGauge, ...] | None
        leases: tuple[LeaseNote, ...] | None
        try:
            self.sweep()
            scopes, leases = self.gauges(), self.leases()
            fault = failover.fault if failover else None
        except (GuardStoreError, CurrencyError) as error:
            scopes = leases = None
            fault = str(error)
        return Status(
            store=str(self.store),
            currency=self.currency,
            scopes=scopes,
            leases=leases,
            refusals=self._notices.refusals(20),
            refused=self._notices.refused(),
            store_fault=fault,
            store_failures=failover.failures if failover else 0,
            passed_without_store=failover.passed if failover else 0,
            owed=failover.owed if failover else 0,
            lost=failover.dropped if failover else 0,
            service_fault=self._reported.fault if self._reported else None,
        )

    def gauges(self) -> "tuple[ScopeGauge, ...]":
        """Return the status of recently used budgets, the most used first; at most 100."""
        routes = self._routes.every()
        return self._usage_reader.gauges(line for route in routes for line in route.plan.lines)

    def leases(self, limit: int = 50) -> "tuple[LeaseNote, ...]":
        """Return the oldest calls in flight."""
        return self._usage_reader.leases(limit)

    def refused(self) -> "tuple[RefusalCount, ...]":
        """Return how many calls this guard has refused, by scope and reason."""
        return self._notices.refused()

    def usage(
        self, since: dt.datetime, until: dt.datetime, scope: str | None = None
    ) -> list[UsageRow]:
        """Return what was spent in the hours that begin in [since, until), oldest first.

        Each scope of a call has its own row, so rows of different scopes must not be added up.
        """
        return self._usage_reader.usage(
            int(since.timestamp()),
            int(until.timestamp()),
            None if scope is None else scope_of(scope),
        )

    def top(self, count: int, since: dt.datetime, until: dt.datetime) -> "tuple[ScopeUse, ...]":
        """Return the scopes that spent most in the hours that begin in [since, until)."""
        return self._usage_reader.top(count, since, until, lambda use: (use.spent, use.requests))

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with every `Notice` from now on.

        It is called in the thread that caused it; for calls of a coroutine, in any thread.
        """
        self._notices.subscribe(subscriber)

    @abstractmethod
    def sweep(self) -> int:
        """Charge expired leases; see `Guard.sweep`."""

    @abstractmethod
    def _settle_abandoned(self) -> None:
        """Settle abandoned leases."""

    @property
    def _usage_reader(self) -> "UsageReader":
        from costmon.guard.usage import UsageReader

        return UsageReader(self.store, self._rulebook, self.clock)

    def _counter(self, scope: str, period: str | None) -> tuple[Limit, int, int]:
        self._settle_abandoned()
        return self._usage_reader.counter(scope, period)
