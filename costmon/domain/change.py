"""What somebody decided about guards or an alert: kept in order, each applied once."""

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


class AlertChange(NamedTuple):
    """An open alert was acknowledged or snoozed.

    Attributes:
        id: Of the command that did it; the same id is applied once.
        condition: What the alert is about.
        author: Who did it.
        reason: Why, in the author's words; may be empty.
        changed_at: When, aware UTC.
        snoozed_until: When it is told again if it still holds, aware UTC; `None`: it was
            acknowledged.
    """

    id: str
    condition: str
    author: str
    reason: str
    changed_at: dt.datetime
    snoozed_until: dt.datetime | None


GuardChange = CircuitChange | BudgetChange
Change = GuardChange | AlertChange
