"""A budget in front of outbound calls that cannot be overspent.

```python
from costmon.guard import Budget, Guard

guard = Guard(budgets=[Budget("global", "1000", "month"), Budget("host:*", "10", "month")])
with guard.reserve(["host:api.example.com", "key:batch"], "0.02") as lease:
    answer = call()
    lease.settle("0.013")
```
"""

from costmon.domain.budget import Budget, Thresholds
from costmon.domain.spend import Notice
from costmon.errors import AmountError, BudgetError, GuardError, InputError, ScopeError
from costmon.guard.config import ScopeConfig
from costmon.guard.errors import (
    BudgetRefused,
    CallRefused,
    CircuitRefused,
    GuardStoreError,
    GuardStoreUnavailable,
    HealthRefused,
    LeaseError,
    RateRefused,
    RetriesExhausted,
    RetryRefused,
    TierRefused,
)
from costmon.guard.guard import Guard
from costmon.guard.lease import Lease
from costmon.guard.status import Status

__all__ = [
    "AmountError",
    "Budget",
    "BudgetError",
    "BudgetRefused",
    "CallRefused",
    "CircuitRefused",
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
    "RetriesExhausted",
    "RetryRefused",
    "ScopeConfig",
    "ScopeError",
    "Status",
    "Thresholds",
    "TierRefused",
]
