"""Guards for known uses, with the figures that those are used to."""

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
    """Return a guard for a server that delivers to others: a budget in all and for each instance.

    People are told at 80 % and calls are refused from 95 % on. Instances of the tier `premium` are
    told about and not refused: `guard.configure("host:a.example", tier="premium")`.

    Args:
        store: See `Guard`; several processes need one that they share.
        total_budget: Of all deliveries in a period, major units.
        per_instance: Of each instance's in a period.
        overrides: Other budgets for some instances, by host.
        period: `hour`, `day`, `month`, or `hourly`, `daily`, `monthly`.
        thresholds: When to tell people and when to refuse, per cent.
        options: Whatever else `Guard` takes.

    Raises:
        InputError: An argument cannot be used.
        GuardStoreError: The store's URL or driver cannot be used.
    """
    budgets = [Budget("global", total_budget, period), Budget("host:*", per_instance, period)]
    budgets += [
        Budget(f"host:{host_of(host)}", limit, period) for host, limit in (overrides or {}).items()
    ]
    return Guard(store, budgets, thresholds=thresholds, **options)
