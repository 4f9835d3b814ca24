"""Ready-made guards for common uses, with usual budgets."""

from collections.abc import Mapping
from typing import Any

from costmon.domain.amount import Amount
from costmon.domain.budget import Budget, Thresholds
from costmon.domain.scope import host_of
from costmon.guard.guard import Guard
from costmon.guard.stores.base import Store

FEDERATION_LEVELS = Thresholds(warn=80, block=95)


def federation(
    store: str | Store = "memory://",
    *,
    total_budget: Amount = "1000",
    per_instance: Amount = "10",
    overrides: Mapping[str, Amount] | None = None,
    period: str = "month",
    thresholds: Thresholds = FEDERATION_LEVELS,
    **options: Any,
) -> Guard:
    """Return a guard for a federated server: a total budget and one for each instance.

    Users are warned at 80 % and calls are refused from 95 % on. For instances of the tier `premium`
    there are warnings, but no refusals: `guard.configure("host:a.example", tier="premium")`.

    Args:
        store: See `Guard`; several processes need a shared one.
        total_budget: Of all deliveries in a period, major units.
        per_instance: Of each instance's in a period.
        overrides: Different budgets for some instances, by host.
        period: `hour`, `day`, `month`, or `hourly`, `daily`, `monthly`.
        thresholds: When to warn and when to refuse, per cent.
        options: Further arguments of `Guard`.

    Raises:
        InputError: An argument cannot be used.
        GuardStoreError: The store's URL or driver cannot be used.
    """
    budgets = [Budget("global", total_budget, period), Budget("host:*", per_instance, period)]
    budgets += [
        Budget(f"host:{host_of(host)}", limit, period) for host, limit in (overrides or {}).items()
    ]
    return Guard(store, budgets, thresholds=thresholds, **options)
