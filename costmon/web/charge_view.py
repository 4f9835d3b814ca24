"""What the page shows of this month's charges, budgets and quotas."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.cap import BudgetUse, Cap, Quota, QuotaUse
from costmon.domain.charge_report import ChargeTotal, Restatement
from costmon.domain.fx import Rates
from costmon.domain.resource import Basis
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charge_freshness import ChargeReading, charge_readings
from costmon.state.charges import ChargeState
from costmon.state.value import AccountState

_FULL = Decimal(100)


class ChargedRow(NamedTuple):
    """What one account was charged in one currency this month, by kind of figure."""

    account: str
    provider: str
    currency: str
    amounts: Mapping[Basis, Decimal]


class BudgetBar(NamedTuple):
    """A budget, and how full its bar is in percent."""

    use: BudgetUse
    width: int


class QuotaBar(NamedTuple):
    """A quota, and how full its bar is in percent."""

    use: QuotaUse
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """The month to date.

    Attributes:
        since: First day of the month.
        rows: By account and currency; nothing is added over kinds of figures.
        budgets: Compared with what was charged.
        quotas: Compared with what the vendors counted.
        readings: How fresh each account's charges are.
        restatements: Of the last seven days, newest first.
    """

    since: dt.date
    rows: tuple[ChargedRow, ...]
    budgets: tuple[BudgetBar, ...]
    quotas: tuple[QuotaBar, ...]
    readings: tuple[ChargeReading, ...]
    restatements: tuple[Restatement, ...]

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to show."""
        return not (self.rows or self.budgets or self.quotas or self.readings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What charges and usage are compared with."""

    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    rates: Rates


def charged(
    charges: ChargeState, accounts: Sequence[AccountState], limits: Limits, now: dt.datetime
) -> Charged:
    """Return what the page shows of charges at `now`."""
    usage = [account.usage for account in accounts if account.usage is not None]
    return Charged(
        since=charges.today.replace(day=1),
        rows=_rows(charges.by_service),
        budgets=tuple(
            BudgetBar(use, _width(use.percent))
            for use in budget_uses(limits.caps, charges, (), limits.rates, now)
        ),
        quotas=tuple(
            QuotaBar(use, _width(use.percent)) for use in quota_uses(limits.quotas, usage)
        ),
        readings=charge_readings(charges, accounts, now),
        restatements=charges.restatements,
    )


def _rows(totals: Iterable[ChargeTotal]) -> tuple[ChargedRow, ...]:
    found: dict[tuple[str, str, str], dict[Basis, Decimal]] = {}
    for total in totals:
        amounts = found.setdefault((total.account, total.provider, total.currency), {})
        amounts[total.basis] = amounts.get(total.basis, Decimal()) + total.billed
    return tuple(ChargedRow(*key, amounts) for key, amounts in sorted(found.items()))


def _width(percent: Decimal | None) -> int:
    return 0 if percent is None else int(max(Decimal(), min(_FULL, percent)))
