"""What the page shows of the bill: the month, twelve months, budgets and quotas, as bars."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.cap import BudgetUse, Cap, Quota, QuotaUse
from costmon.domain.forecast import Forecast
from costmon.domain.fx import Rates
from costmon.state.bill import AMOUNT_KINDS, AccountBill, AmountKind, Bill, MonthBill, Sum, bill
from costmon.state.budget_status import BudgetStatus
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import ChargeState
from costmon.state.value import AccountState
from costmon.web.words import period_in_words

_FULL = Decimal(100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits that charges and usage are compared with.

    Attributes:
        caps: Budgets and their levels.
        quotas: Limits in units.
        rates: For charges in other currencies.
        currency: Of totals, ISO 4217.
        guards: Reads how budgets stand by what guards report.
    """

    caps: tuple[Cap, ...]
    quotas: tuple[Quota, ...]
    rates: Rates
    currency: str
    guards: Callable[[], tuple[BudgetStatus, ...]]


class Part(NamedTuple):
    """A part of a bar, in percent of its length."""

    kind: AmountKind
    amount: Decimal
    start: Decimal
    length: Decimal


class Column(NamedTuple):
    """One month of the chart; `parts` are stacked, in percent of the highest month."""

    month: MonthBill
    parts: tuple[Part, ...]


class LimitBar(NamedTuple):
    """A budget or a quota in its present period, and how full its bar is in percent."""

    use: BudgetUse | QuotaUse
    width: int
    period: str

    @property
    def is_reached(self) -> bool:
        """Tell whether all of it is used."""
        return self.use.percent is not None and self.use.percent >= _FULL


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The bill as the page shows it.

    Attributes:
        bill: The month to date and twelve months.
        split: The month to date by how amounts are known.
        columns: The twelve months.
        highest: The most expensive of them; `None` when none is known.
        partial: Accounts of which a month of the chart is not known, that is shown nevertheless.
        uncharged: Accounts whose figure is not from charges, hence in no budget.
        troubled: Accounts whose figure is unknown or not fresh.
        caps: Budgets that are caps on the bill.
        enforced: Budgets that guards enforce, by charges and by what guards report.
        quotas: Limits in units.
        forecast: What the month and the day will have cost; `None`: charges have not been read.
        is_settling: Whether a first read has not ended yet.
    """

    bill: Bill
    split: tuple[Part, ...]
    columns: tuple[Column, ...]
    highest: Decimal | None
    partial: tuple[str, ...]
    uncharged: tuple[str, ...]
    troubled: tuple[AccountBill, ...]
    caps: tuple[LimitBar, ...]
    enforced: tuple[LimitBar, ...]
    quotas: tuple[LimitBar, ...]
    forecast: Forecast | None
    is_settling: bool

    @property
    def is_blind(self) -> bool:
        """Tell whether every account has been tried and nothing is known of any."""
        return bool(self.bill.accounts) and not self.is_settling and not self.bill.is_known

    @property
    def refresh_s(self) -> int:
        """Return after how many seconds the page should be reloaded."""
        if not self.bill.is_known:
            return 3
        return 10 if self.is_settling else 60

    @property
    def reached(self) -> tuple[LimitBar, ...]:
        """Return the limits of which everything is used."""
        limits = (*self.caps, *self.enforced, *self.quotas)
        return tuple(limit for limit in limits if limit.is_reached)


def month_shown(
    charges: ChargeState, accounts: Sequence[AccountState], limits: Limits, now: dt.datetime
) -> Month:
    """Return what the page shows of the bill at `now`."""
    known = bill(charges, accounts, limits.rates, limits.currency, now)
    budgets = [
        LimitBar(use, _width(use.percent), _budget_period(use))
        for use in budget_uses(limits.caps, charges, limits.guards(), limits.rates, now)
    ]
    usage = [account.usage for account in accounts if account.usage is not None]
    amounts = [month.total.amount for month in known.months if month.total.amount is not None]
    highest = max(amounts, default=None)
    return Month(
        bill=known,
        split=_stacked(known.total, known.total.amount),
        columns=tuple(Column(it, _stacked(it.total, highest)) for it in known.months),
        highest=highest,
        partial=tuple(
            dict.fromkeys(
                name
                for month in known.months
                if month.total.amount is not None
                for name in month.unknown
            )
        ),
        uncharged=tuple(one.label for one in known.accounts if one.source == "inventory"),
        troubled=tuple(account for account in known.accounts if account.reason is not None),
        caps=tuple(bar for bar in budgets if not _is_enforced(bar)),
        enforced=tuple(bar for bar in budgets if _is_enforced(bar)),
        quotas=tuple(
            LimitBar(use, _width(use.percent), _quota_period(use))
            for use in quota_uses(limits.quotas, usage)
        ),
        forecast=charges.forecast,
        is_settling=any(not account.is_settled for account in accounts),
    )


def _is_enforced(bar: LimitBar) -> bool:
    return isinstance(bar.use, BudgetUse) and bar.use.cap.enforce


def _budget_period(use: BudgetUse) -> str:
    return period_in_words(use.cap.budget.period, use.period_start)


def _quota_period(use: QuotaUse) -> str:
    return period_in_words(use.quota.period, use.period_start.date())


def _stacked(total: Sum, whole: Decimal | None) -> tuple[Part, ...]:
    """Return the parts of a sum above one another; credits take no length."""
    parts: list[Part] = []
    start = Decimal()
    by_kind: Mapping[AmountKind, Decimal] = total.by_kind
    for kind in AMOUNT_KINDS:
        if kind not in by_kind:
            continue
        amount = by_kind[kind]
        share = amount * _FULL / whole if whole is not None and whole > 0 else Decimal()
        length = max(Decimal(), min(share, _FULL - start)).quantize(Decimal("0.01"))
        parts.append(Part(kind, amount, start, length))
        start += length
    return tuple(parts)


def _width(percent: Decimal | None) -> int:
    return 0 if percent is None else int(max(Decimal(), min(_FULL, percent)))
