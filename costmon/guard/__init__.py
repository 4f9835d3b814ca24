"""Budgets for outbound calls that cannot be overspent.

```python
from costmon.guard import Budget, Guard

guard = Guard(budgets=[Budget("global", "1000", "month"), Budget("host:*", "10", "month")])
with guard.reserve(["host:api.example.com", "key:batch"], "0.02") as lease:
    answer = call()
    lease.settle("0.013")
```
"""

from typing import TYPE_CHECKING

from costmon.domain.budget import Budget, Thresholds
from costmon.errors import AmountError, BudgetError, GuardError, InputError, ScopeError
from costmon.guard.config import ScopeConfig
from costmon.guard.errors import (
    BudgetRefused,
    CallRefused,
    CircuitRefused,
    CurrencyError,
    GuardStoreError,
    GuardStoreUnavailable,
    HealthRefused,
    LeaseError,
    RateRefused,
    RetriesExhausted,
    RetryRefused,
    TierRefused,
    UnpricedRefused,
)
from costmon.guard.guard import Guard
from costmon.guard.lease import Lease

if TYPE_CHECKING:
    from costmon.domain.spend import Notice
    from costmon.guard.clients.costing import Costing, egress_price
    from costmon.guard.costs.account import Account
    from costmon.guard.costs.estimate import estimate_total_activity_cost
    from costmon.guard.records import Records
    from costmon.guard.retries.policy import RetryPolicy
    from costmon.guard.status import Status

# Imported when first used: importing the guard must be quick.
_LATER = {
    "Account": "costmon.guard.costs.account",
    "Costing": "costmon.guard.clients.costing",
    "Notice": "costmon.domain.spend",
    "Records": "costmon.guard.records",
    "RetryPolicy": "costmon.guard.retries.policy",
    "Status": "costmon.guard.status",
    "egress_price": "costmon.guard.clients.costing",
    "estimate_total_activity_cost": "costmon.guard.costs.estimate",
}


def __getattr__(name: str) -> object:
    if name not in _LATER:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    from importlib import import_module

    return getattr(import_module(_LATER[name]), name)


__all__ = [
    "Account",
    "AmountError",
    "Budget",
    "BudgetError",
    "BudgetRefused",
    "CallRefused",
    "CircuitRefused",
    "Costing",
    "CurrencyError",
    "Guard",
    "GuardError",
    "GuardStoreError",
    "GuardStoreUnavailable",
    "HealthRefused",
    "InputError",
    "Lease",
    "LeaseError",
    "Notice",
    "RateRefused",
    "Records",
    "RetriesExhausted",
    "RetryPolicy",
    "RetryRefused",
    "ScopeConfig",
    "ScopeError",
    "Status",
    "Thresholds",
    "TierRefused",
    "UnpricedRefused",
    "egress_price",
    "estimate_total_activity_cost",
]
