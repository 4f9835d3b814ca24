"""The configuration of one scope: tier, custom budget, rate limit and retry policy."""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple, get_args

from costmon.domain.amount import amount_of
from costmon.domain.scope import scope_of
from costmon.errors import AmountError, BudgetError

Tier = Literal["premium", "standard", "limited", "blocked"]
TIERS: tuple[Tier, ...] = get_args(Tier)

LIMITED_SHARE = Decimal("0.25")
"""The share of its limits that a scope of the tier `limited` may spend."""

LIMITED_RATE = 60
"""Calls per minute for a scope of the tier `limited` without a rate limit of its own."""

MOST_RATE = 1_000_000


class ScopeConfig(NamedTuple):
    """One scope's configuration; a scope without one is `standard`.

    Attributes:
        scope: In canonical form, not a pattern.
        tier: `premium` (warnings, never refused for a budget), `standard`, `limited` (a quarter of
            its limits, and a rate limit), `blocked`.
        custom_budget: Replaces every limit that budgets set for this scope, major units; `None`:
            none.
        rate_limit: Calls per minute; `None`: none, or the default of the tier `limited`.
        retry_policy: A `RetryPolicy` as text; `None`: the guard's policy.
        created_at: Aware UTC.
        modified_at: Aware UTC.
    """

    scope: str
    tier: Tier
    custom_budget: Decimal | None
    rate_limit: int | None
    retry_policy: str | None
    created_at: dt.datetime
    modified_at: dt.datetime

    @property
    def rate(self) -> int | None:
        """Return the calls per minute that are allowed; `None`: any number."""
        if self.rate_limit is None and self.tier == "limited":
            return LIMITED_RATE
        return self.rate_limit

    def to_text(self) -> str:
        """Return it as JSON."""
        import json

        return json.dumps(
            {
                "scope": self.scope,
                "tier": self.tier,
                "custom_budget": None if self.custom_budget is None else str(self.custom_budget),
                "rate_limit": self.rate_limit,
                "retry_policy": self.retry_policy,
                "created_at": self.created_at.isoformat(),
                "modified_at": self.modified_at.isoformat(),
            }
        )

    @classmethod
    def from_text(cls, text: str) -> "ScopeConfig":
        """Parse what `to_text` wrote.

        Raises:
            BudgetError: The text is not valid.
        """
        import json

        try:
            read = json.loads(text)
            budget = read["custom_budget"]
            return cls(
                scope=scope_of(read["scope"]),
                tier=tier_of(read["tier"]),
                custom_budget=None if budget is None else amount_of(budget),
                rate_limit=None if read["rate_limit"] is None else rate_of(read["rate_limit"]),
                retry_policy=read["retry_policy"],
                created_at=dt.datetime.fromisoformat(read["created_at"]),
                modified_at=dt.datetime.fromisoformat(read["modified_at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            detail = f"{text[:60]!r} is not a valid configuration of a scope: {error!r}"
            raise BudgetError(detail) from error


def tier_of(given: object) -> Tier:
    """Return a tier.

    Raises:
        BudgetError: There is no tier of that name.
    """
    for tier in TIERS:
        if given == tier:
            return tier
    raise BudgetError(f"{given!r} is not a tier: use one of {', '.join(TIERS)}")


def rate_of(given: object) -> int:
    """Check a number of calls per minute.

    Raises:
        BudgetError: It is not a whole number from 1 to a million.
    """
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= MOST_RATE:
        accepted = f"calls per minute, a whole number from 1 to {MOST_RATE}"
        raise BudgetError(f"rate_limit={given!r}: give {accepted}")
    return given


def budget_amount(given: object) -> Decimal:
    """Check a scope's custom budget.

    Raises:
        AmountError: It is not a valid amount.
    """
    if not isinstance(given, str | int | Decimal | float):
        raise AmountError(repr(given), "an amount such as '50'")
    return amount_of(given)
