"""What a guard's store knows of costs, health and configuration, for programs that ask for it."""

import os
import random
from collections.abc import Iterable

from costmon.clock import EpochClock, SystemClock
from costmon.domain.amount import Amount, nano_even
from costmon.domain.budget import Thresholds
from costmon.domain.scope import host_of, scope_of
from costmon.domain.window import zone_of
from costmon.errors import AmountError
from costmon.guard.config import ScopeConfig, Tier
from costmon.guard.costs.metrics import (
    CostMetrics,
    HostCost,
    cost_metrics,
    host_cost,
    span_of,
    top_hosts,
)
from costmon.guard.health.failures import FailureClass
from costmon.guard.health.health import Health
from costmon.guard.health.host_health import HostHealth
from costmon.guard.rulebook import Rulebook
from costmon.guard.stores.base import Outcome, Outdated, Store


class Records:
    """Costs, health and configuration in one place, over any store.

    Args:
        store: Where they are.
        rulebook: The guard's, so that what is recorded counts against its budgets; `None` for those
            that are in the store, in UTC and US dollars.
        health: The guard's; `None` for one with the usual rules.
        clock: Tells the time.
    """

    def __init__(
        self,
        store: Store,
        *,
        rulebook: Rulebook | None = None,
        health: Health | None = None,
        clock: EpochClock | None = None,
    ) -> None:
        self._store = store
        self._clock = clock or SystemClock()
        self._rulebook = rulebook or Rulebook(
            store,
            (),
            Thresholds(),
            zone=zone_of("UTC"),
            currency="USD",
            clock=self._clock,
            changed=_nothing,
        )
        self._health = health or Health(
            store,
            clock=self._clock,
            rng=random.Random(),
        )

    def record_cost(
        self,
        host: str,
        cost: Amount,
        *,
        activity: str = "call",
        scopes: Iterable[str] = (),
        bytes_in: int = 0,
        bytes_out: int = 0,
        failed: bool = False,
        id: str | None = None,
    ) -> bool:
        """Count what a call to a host cost that no lease was made for, whatever the limits.

        Args:
            host: A host or URL; its scope, its vendor's and `global` are charged.
            cost: Major units, rounded half to even to a nano-unit.
            activity: What kind of call it was.
            scopes: Further scopes to charge, such as `key:batch`.
            bytes_in: Received.
            bytes_out: Sent.
            failed: Whether the call failed.
            id: Names the call, so that recording it again changes nothing for at least a day.

        Returns:
            False when `id` was recorded before.

        Raises:
            InputError: An argument cannot be used.
            GuardStoreError: The store failed.
        """
        if min(bytes_in, bytes_out) < 0:
            raise AmountError(f"bytes_in={bytes_in}, bytes_out={bytes_out}", "at least 0")
        chain = [f"host:{host_of(host)}", *map(scope_of, scopes)]
        nano = nano_even(cost)
        name = os.urandom(12).hex() if id is None else id
        outcome = Outcome(bytes_in, bytes_out, failed)
        while True:
            route = self._rulebook.reload().route(chain, activity, self._clock.epoch_s())
            charged = self._store.charge(route.plan, nano, name, outcome)
            if not isinstance(charged, Outdated):
                return charged

    def get_host_cost(self, host: str, period: str) -> HostCost | None:
        """Return what a host cost in a billing period; `None` when nothing was charged for it.

        Raises:
            InputError: It is no host, or no billing period (`2026-11`, `2026-11-21T10`).
            GuardStoreError: The store failed.
        """
        host = host_of(host)
        start, end = span_of(period)
        rows = self._store.usage(int(start.timestamp()), int(end.timestamp()), f"host:{host}")
        return host_cost(rows, host, period)

    def get_cost_metrics(self, period: str) -> CostMetrics:
        """Return what was spent in a billing period, by host and by activity.

        Raises:
            InputError: It is no billing period.
            GuardStoreError: The store failed.
        """
        start, end = span_of(period)
        rows = self._store.usage(int(start.timestamp()), int(end.timestamp()))
        return cost_metrics(rows, period)

    def list_costly_hosts(self, period: str, count: int) -> tuple[HostCost, ...]:
        """Return the costliest hosts of a billing period, the costliest first."""
        start, end = span_of(period)
        rows = self._store.usage(int(start.timestamp()), int(end.timestamp()))
        return top_hosts(rows, period, count)

    def update_health(
        self,
        host: str,
        *,
        failure: FailureClass | None = None,
        latency_s: float | None = None,
    ) -> None:
        """Count how a call to a host ended, and tell the store at once.

        Args:
            host: A host or URL.
            failure: What kind of failure it was; `None`: the host answered.
            latency_s: How long the answer took; `None` when unknown.

        Raises:
            InputError: An argument cannot be used.
        """
        self._health.record(host, failure, latency_s)
        self._health.flush()

    def get_health(self, host: str) -> HostHealth | None:
        """Return how a host does; `None` when nothing is known of it.

        Raises:
            ScopeError: It is no host.
        """
        return self._health.get(host)

    def list_unhealthy_hosts(self) -> list[HostHealth]:
        """Return every unhealthy host, worst first; there is no cap.

        Raises:
            GuardStoreError: The store failed.
        """
        return self._health.unhealthy()

    def save_host_config(self, config: ScopeConfig) -> ScopeConfig:
        """Keep a configuration in place of the scope's former one; return it as it is kept.

        `created_at` stays that of the former, `modified_at` is now. Guards on the store go by it
        with their next call.

        Raises:
            InputError: A field cannot be used.
            GuardStoreError: The store failed.
        """
        ours = config._replace(scope=scope_of(config.scope), modified_at=self._clock.now())
        ours = ScopeConfig.from_text(ours.to_text())  # which checks every field
        kept = ours

        def change(text: str | None) -> str:
            nonlocal kept
            before = None if text is None else ScopeConfig.from_text(text)
            kept = ours if before is None else ours._replace(created_at=before.created_at)
            return kept.to_text()

        self._store.update("scope", ours.scope, change)
        self._rulebook.fresh()
        return kept

    def get_host_config(self, host: str) -> ScopeConfig | None:
        """Return a host's configuration; `None` when it has none, and is `standard`.

        Raises:
            ScopeError: It is no host.
            GuardStoreError: The store failed.
        """
        text = self._store.read("scope", f"host:{host_of(host)}")
        return None if text is None else ScopeConfig.from_text(text)

    def list_host_configs(self, tier: Tier | None = None) -> tuple[ScopeConfig, ...]:
        """Return the hosts' configurations, by name, of one tier or of all.

        Raises:
            GuardStoreError: The store failed.
        """
        found = (
            ScopeConfig.from_text(text)
            for scope, text in self._store.records("scope")
            if scope.startswith("host:")
        )
        return tuple(
            sorted(
                (config for config in found if tier in {None, config.tier}),
                key=lambda config: config.scope,
            )
        )


def _nothing() -> None:
    """Nothing is derived from the rules here."""
