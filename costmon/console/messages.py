"""The messages that only the console and the service exchange; no actor receives them."""

import datetime as dt
from dataclasses import dataclass

from costmon.domain.circuit import Circuit


@dataclass(frozen=True, slots=True, kw_only=True)
class GetCircuits:
    """Return the decisions about circuits, as `tuple[Circuit, ...]` (console -> service)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetBudgets:
    """Return the budgets in force, as `tuple[PolicyBudget, ...]` (console -> service)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GetGuards:
    """Return the guards that report, as `tuple[GuardStatus, ...]` (console -> service)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitDecided:
    """The result of an `OpenCircuit` or `CloseCircuit` (service -> console).

    Attributes:
        confirmed: Whether it is in force by now; `False`: it was accepted and will be.
        circuit: What holds of this scope; `None` when nothing was ever decided about it.
    """

    confirmed: bool
    circuit: Circuit | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardStatus:
    """One guard in short (service -> console).

    Attributes:
        guard: Its random name.
        app: What its program calls itself.
        host: Its machine.
        pid: Its process.
        seen_at: When its latest report arrived, aware UTC.
        age_s: How long ago that was.
        scopes: Budgets that it has used recently.
        leases: Calls in flight, as far as they were reported.
        refused: Calls that it has refused since it was made.
    """

    guard: str
    app: str
    host: str
    pid: int
    seen_at: dt.datetime
    age_s: float
    scopes: int
    leases: int
    refused: int
