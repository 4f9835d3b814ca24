"""What the service tells guards: budgets and circuits, as one value with a revision."""

from typing import Literal, NamedTuple

from costmon.domain.budget import Budget
from costmon.domain.circuit import Circuit

BudgetSource = Literal["file", "api"]


class PolicyBudget(NamedTuple):
    """A budget, and who set it.

    Attributes:
        budget: Its `currency` is set.
        source: `file` (costmon.toml), or `api` (page, command line, API), which wins over the file.
        author: Who last changed it; `None` for the file's.
    """

    budget: Budget
    source: BudgetSource
    author: str | None


class Policy(NamedTuple):
    """Everything that guards enforce.

    Attributes:
        revision: Changes with every change of the content; compare for equality only.
        budgets: By scope, then period.
        circuits: Every circuit that was ever opened and not forgotten, by scope; expired ones say
            `open` with an `expires_at` in the past.
    """

    revision: str
    budgets: tuple[PolicyBudget, ...]
    circuits: tuple[Circuit, ...]
