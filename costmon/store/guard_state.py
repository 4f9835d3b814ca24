"""Read what was decided about guards, and what they have spent, all at one moment."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection

from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget
from costmon.state.guard_reports import TotalKey
from costmon.state.guard_state import SpendTotal
from costmon.store.decisions import read_budgets, read_circuits
from costmon.store.guards import read_totals
from costmon.store.schema import guard_total, guard_unpriced


class GuardDecisions(NamedTuple):
    """What the service knows of guards when it starts.

    Attributes:
        circuits: The last decision about every scope.
        budgets: Those that were set by API.
        totals: The largest, by scope and currency.
        unpriced: The same of calls to models without a known price.
    """

    circuits: tuple[Circuit, ...]
    budgets: tuple[PolicyBudget, ...]
    totals: Mapping[TotalKey, SpendTotal]
    unpriced: Mapping[TotalKey, SpendTotal]


def read_decisions(connection: Connection) -> GuardDecisions:
    """Return all of it."""
    return GuardDecisions(
        read_circuits(connection),
        read_budgets(connection),
        read_totals(connection, guard_total),
        read_totals(connection, guard_unpriced),
    )
