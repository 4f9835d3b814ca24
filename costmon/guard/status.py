"""How a guard stands, for people and for the service."""

from typing import NamedTuple

from costmon.domain.spend import LeaseNote, RefusalCount, RefusalNote, ScopeGauge


class Status(NamedTuple):
    """Everything worth seeing at one moment.

    Attributes:
        store: Where it counts, without credentials.
        currency: Of all amounts.
        scopes: How the budgets stand that have been used lately; `None` while the store is away.
        leases: The oldest calls in flight; `None` while the store is away.
        refusals: The latest calls that were not made, newest first.
        refused: How many, by scope and reason.
        store_fault: Why the store cannot be used; `None` when it can, or was not tried yet.
        store_failures: How often it could not be used.
        passed_without_store: Calls that were let through while it was away.
        owed: Charges that the store has yet to be told.
        service_fault: Why the service does not answer; `None` when it does, or there is none.
    """

    store: str
    currency: str
    scopes: tuple[ScopeGauge, ...] | None
    leases: tuple[LeaseNote, ...] | None
    refusals: tuple[RefusalNote, ...]
    refused: tuple[RefusalCount, ...]
    store_fault: str | None
    store_failures: int
    passed_without_store: int
    owed: int
    service_fault: str | None
