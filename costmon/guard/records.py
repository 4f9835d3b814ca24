"""Costs, health and configuration in a guard's store, as records for other programs."""

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
        store: The store that has them.
        rulebook: The guard's, so that recorded costs count against its budgets; `None`: the budgets
            in the store, in UTC and US dollars.
        health: The guard's; `None`: one with the default rules.
        clock: Source of time.
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
        """Charge a call to a host that was made without a lease; limits are not checked.

        Args:
            host: A host or URL; its scope, its vendor's and `global` are charged.
            cost: Major units, rounded half to even to a nano-unit.
            activity: Kind of call.
            scopes: Further scopes to charge, such as `key:batch`.
            bytes_in: Received.
            bytes_out: Sent.
            failed: Whether the call failed.
            id: Idempotency key: recording it again changes nothing for at least a day.

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
            InputError: The host or the billing period is not valid (`2026-11`, `2026-11-21T10`).
            GuardStoreError: The store failed.
        """
        host = host_of(host)
        start, end = span_of(period)
        rows = self._store.usage(int(start.timestamp()), int(end.timestamp()), f"host:{host}")
        return host_cost(rows, host, period)

    def get_cost_metrics(self, period: str) -> CostMetrics:
        """Return what was spent in a billing period, by host and by activity.

        Raises:
            InputError: It is not a billing period.
            GuardStoreError: The store failed.
        """
        start, end = span_of(period)
        rows = self._store.usage(int(start.timestamp()), int(end.timestamp()))
        return cost_metrics(rows, period)

    def list_costly_hosts(self, period: str, count: int) -> tuple[HostCost, ...]:
        """Return the most expensive hosts of a billing period, the most expensive first."""
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
        """Record the result of a call to a host, in the store at once.

        Args:
            host: A host or URL.
            failure: Kind of failure; `None`: the host answered.
            latency_s: How long the answer took; `None` when unknown.

        Raises:
            InputError: An argument cannot be used.
        """
        self._health.record(host, failure, latency_s)
        self._health.flush()

    def get_health(self, host: str) -> HostHealth | None:
        """Return a host's health; `None` when nothing is known about it.

        Raises:
            ScopeError: It is not a valid host.
        """
        return self._health.get(host)

    def list_unhealthy_hosts(self) -> list[HostHealth]:
        """Return all unhealthy hosts, worst first, without limit.

        Raises:
            GuardStoreError: The store failed.
        """
        return self._health.unhealthy()

    def save_host_config(self, config: ScopeConfig) -> ScopeConfig:
        """Replace a scope's configuration; return it as it is stored.

        `created_at` stays the same, `modified_at` is now. Guards on the store apply it from their
        next call on.

        Raises:
            InputError: A field cannot be used.
            GuardStoreError: The store failed.
        """
        ours = config._replace(scope=scope_of(config.scope), modified_at=self._clock.now())
        ours = ScopeConfig.from_text(ours.to_text())  # checks every field
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
        """Return a host's configuration; `None`: it has none, and its tier is `standard`.

        Raises:
            ScopeError: It is not a valid host.
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
    """Do nothing: no caches depend on the rules here."""
