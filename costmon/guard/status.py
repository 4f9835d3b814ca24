"""The status of a guard, for people and for the service."""

from typing import NamedTuple

from costmon.domain.spend import LeaseNote, RefusalCount, RefusalNote, ScopeGauge


class Status(NamedTuple):
    """The status at one moment.

    Attributes:
        store: The store's URL, without credentials.
        currency: Of all amounts.
        scopes: Recently used budgets; `None` while the store is unavailable.
        leases: The oldest calls in flight; `None` while the store is unavailable.
        refusals: The latest refused calls, newest first.
        refused: How many calls were refused, by scope and reason.
        store_fault: Why the store cannot be used; `None` when it can, or has not been used yet.
        store_failures: How often the store could not be used.
        passed_without_store: Calls that were allowed while it was unavailable.
        owed: Charges that the store has not received yet.
        lost: Charges that the store will never receive; a notice said why.
        service_fault: Why the service does not answer; `None` when it does, or none is configured.
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
    lost: int
    service_fault: str | None
