"""Limits that people are told about: caps on the bill and quotas of units."""

import datetime as dt
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.domain.budget import Budget

DEFAULT_LEVELS = (Decimal(50), Decimal(80), Decimal(100))
"""Percent of a limit at which people are told."""

PREPAID_LEVELS = (Decimal(80), Decimal(100))
"""The same of a balance that was paid in advance: using it up is what it is for."""

VENDOR = "vendor"
"""The source of a quota whose limit the vendor itself tells with the use."""

CapSource = Literal["charges", "guards"]
QuotaPeriod = Literal["day", "month", "now"]


class Cap(NamedTuple):
    """A budget, and when people are told about it.

    Attributes:
        budget: Its `currency` is set. Its scope is `global`, or one of the kinds `provider`,
            `account`, `service` and `project` for the bill; guards take every kind.
        levels: Percent of the limit, each above 0, in ascending order.
        enforce: Whether guards refuse calls by it; `False`: it is a cap on the bill only.
    """

    budget: Budget
    levels: tuple[Decimal, ...]
    enforce: bool


class Quota(NamedTuple):
    """How many units may be used, of a free tier or by the user's own choice.

    Attributes:
        provider: The vendor's slug.
        account: The account's name; `None`: each account of the vendor.
        quota: A slug, as in usage readings.
        unit: FOCUS unit.
        limit: How much is included.
        period: Of what; `now`: of a level, such as bytes stored.
        levels: Percent of the limit, each above 0, in ascending order.
        plan: The vendor's plan that it belongs to; `None`: it holds on any plan.
        per_project: Whether each project has it, rather than the account.
        source: Where it is from, such as `VENDOR`; `None`: the user's file.
        as_of: When it was read there; `None`: the user's file.
    """

    provider: str
    account: str | None
    quota: str
    unit: str
    limit: Decimal
    period: QuotaPeriod
    levels: tuple[Decimal, ...]
    plan: str | None
    per_project: bool
    source: str | None
    as_of: dt.date | None


class BudgetUse(NamedTuple):
    """How much of one budget has been used in its present period.

    Attributes:
        cap: The budget.
        source: Whether it is compared with charges or with what guards report: never their sum.
        spent: In the budget's currency. `None`: nothing is known yet, which is not 0.
        left_out: Currencies with charges that have no rate, hence are not in `spent`.
        rates: What was converted, for people to check: `1 USD = 0.92 EUR (ECB, 2026-11-20)`.
        period_start: First day of the period.
        estimated: Whether a part of `spent` is not what the vendor bills.
    """

    cap: Cap
    source: CapSource
    spent: Decimal | None
    left_out: tuple[str, ...]
    rates: tuple[str, ...]
    period_start: dt.date
    estimated: bool

    @property
    def name(self) -> str:
        """Return what metrics and alerts call the budget."""
        return f"{self.cap.budget.scope} {self.cap.budget.period}"

    @property
    def percent(self) -> Decimal | None:
        """Return how much of the limit has been used; `None` when that is unknown."""
        return None if self.spent is None else percent_of(self.spent, self.cap.budget.limit)

    @property
    def over(self) -> Decimal | None:
        """Return by how much the limit is exceeded; `None` when it is not, as far as is known."""
        return _over(self.spent, self.cap.budget.limit)


class QuotaUse(NamedTuple):
    """How much of one quota has been used in its present period.

    Attributes:
        quota: The quota.
        account: The account's name.
        project: The project, where each has the quota; else `None`.
        used: Units.
        estimated: Whether `used` is an estimate.
        observed_at: When it was read, aware UTC.
        period_start: Start of what was counted, aware UTC.
        resets_at: When the count starts again, aware UTC; `None` for a level.
    """

    quota: Quota
    account: str
    project: str | None
    used: Decimal
    estimated: bool
    observed_at: dt.datetime
    period_start: dt.datetime
    resets_at: dt.datetime | None

    @property
    def name(self) -> str:
        """Return what alerts call it."""
        where = f"{self.account}/{self.project}" if self.project else self.account
        return f"{where} {self.quota.quota}"

    @property
    def percent(self) -> Decimal:
        """Return how much of the limit has been used."""
        return percent_of(self.used, self.quota.limit)

    @property
    def over(self) -> Decimal | None:
        """Return by how much the limit is exceeded; `None` when it is not."""
        return _over(self.used, self.quota.limit)


def percent_of(used: Decimal, limit: Decimal) -> Decimal:
    """Return `used` in percent of `limit`; of a limit of 0 anything is 100, and nothing is 0."""
    if limit > 0:
        return used * 100 / limit
    return Decimal(100) if used > 0 else Decimal(0)


def _over(used: Decimal | None, limit: Decimal) -> Decimal | None:
    return used - limit if used is not None and used > limit else None
