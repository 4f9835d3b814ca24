"""What somebody decided about guards: kept in order, each applied once."""

import datetime as dt
from typing import NamedTuple

from costmon.domain.circuit import Circuit
from costmon.domain.policy import PolicyBudget


class CircuitChange(NamedTuple):
    """A circuit was opened or closed.

    Attributes:
        id: Of the command that did it; the same id is applied once.
        circuit: What holds from now on.
    """

    id: str
    circuit: Circuit


class BudgetChange(NamedTuple):
    """A budget was set or taken back by API.

    Attributes:
        id: Of the command that did it; the same id is applied once.
        scope: The budget's.
        period: The budget's.
        budget: What holds by API from now on; `None`: nothing, it was taken back.
        author: Who did it.
        changed_at: When, aware UTC.
    """

    id: str
    scope: str
    period: str
    budget: PolicyBudget | None
    author: str
    changed_at: dt.datetime


Change = CircuitChange | BudgetChange
