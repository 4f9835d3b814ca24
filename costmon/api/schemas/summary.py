"""The answer of `GET /api/v1/summary`: what everything costs now, and the bill of the month.

Amounts of the month are exact figures as text, those of the live resources are rounded numbers.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

from costmon.api.schemas.charges import RestatementNote, restatement_notes
from costmon.api.schemas.costs import (
    AccountFreshness,
    CurrentTotals,
    FreshMeta,
    GapNote,
    gap_notes,
    whole_second,
)
from costmon.intake.answer import Answer, Moment
from costmon.state.bill import AccountBill, AmountKind, Amounts, Bill, MonthBill, Sum
from costmon.state.freshness import ProviderState


class SumAnswer(Answer, frozen=True):
    """An amount in one currency; null while nothing of it is known.

    `by_kind` says how its parts are known. `left_out` are amounts in currencies that have no
    exchange rate and are therefore not in `amount`.
    """

    amount: str | None
    currency: str
    by_kind: dict[AmountKind, str]
    rates: list[str]
    left_out: dict[str, str]


class AccountMonth(Answer, frozen=True):
    """What one account has cost this month.

    `native` has the amounts in the currencies of the bill. `source` is null when nothing is known
    of it, and `reason` says why.
    """

    account: str
    provider: str
    state: ProviderState
    reason: str | None
    source: Literal["ledger", "inventory"] | None
    native: dict[str, dict[AmountKind, str]]
    total: SumAnswer
    observed_at: Moment | None
    last_complete_day: dt.date | None
    gaps: list[GapNote]


class PastMonth(Answer, frozen=True):
    """What one month cost; `unknown` are accounts of which it, or a part of it, is not known."""

    month: dt.date
    total: SumAnswer
    unknown: list[str]


class MonthSummary(Answer, frozen=True):
    """The month to date over all accounts, and the last twelve months.

    `unknown` are accounts that are not in `total`, since nothing is known of them.
    """

    month: dt.date
    currency: str
    charges_loaded: bool
    total: SumAnswer
    unknown: list[str]
    accounts: list[AccountMonth]
    months: list[PastMonth]
    restated: list[RestatementNote]


class Summary(Answer, frozen=True):
    """The totals without the resources; null while no inventory has been read."""

    total_monthly: Decimal | None
    total_daily: Decimal | None
    total_hourly: Decimal | None
    currency: str
    droplet_count: int | None
    resource_count: int | None
    unpriced_count: int | None
    as_of: Moment | None
    accounts: list[AccountFreshness]
    month: MonthSummary


class SummaryAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/summary`."""

    data: Summary
    meta: FreshMeta


def summary(
    totals: CurrentTotals | None, accounts: Iterable[AccountFreshness], bill: Bill
) -> Summary:
    """Return the whole summary; `totals` is `None` while no inventory has been read."""
    return Summary(
        total_monthly=totals.total_monthly if totals else None,
        total_daily=totals.total_daily if totals else None,
        total_hourly=totals.total_hourly if totals else None,
        currency=totals.currency if totals else "USD",
        droplet_count=totals.droplet_count if totals else None,
        resource_count=totals.resource_count if totals else None,
        unpriced_count=totals.unpriced_count if totals else None,
        as_of=totals.as_of if totals else None,
        accounts=list(accounts),
        month=month_summary(bill),
    )


def month_summary(bill: Bill) -> MonthSummary:
    """Return the bill as it is answered."""
    return MonthSummary(
        month=bill.month,
        currency=bill.currency,
        charges_loaded=bill.is_loaded,
        total=_sum(bill.total, bill.currency),
        unknown=list(bill.unknown),
        accounts=[_account(account, bill.currency) for account in bill.accounts],
        months=[_month(month, bill.currency) for month in bill.months],
        restated=restatement_notes(bill.restatements),
    )


def _account(account: AccountBill, currency: str) -> AccountMonth:
    return AccountMonth(
        account=account.account,
        provider=account.provider,
        state=account.state,
        reason=account.reason,
        source=account.source,
        native={code: _amounts(amounts) for code, amounts in account.native.items()},
        total=_sum(account.total, currency),
        observed_at=whole_second(account.observed_at) if account.observed_at else None,
        last_complete_day=account.last_complete_day,
        gaps=gap_notes(account.gaps),
    )


def _month(month: MonthBill, currency: str) -> PastMonth:
    return PastMonth(
        month=month.month, total=_sum(month.total, currency), unknown=list(month.unknown)
    )


def _sum(total: Sum, currency: str) -> SumAnswer:
    return SumAnswer(
        amount=None if total.amount is None else _exact(total.amount),
        currency=currency,
        by_kind=_amounts(total.by_kind),
        rates=list(total.rates),
        left_out={code: _exact(amount) for code, amount in total.left_out.items()},
    )


def _amounts(amounts: Amounts) -> dict[AmountKind, str]:
    return {kind: _exact(amount) for kind, amount in amounts.items()}


def _exact(amount: Decimal) -> str:
    """Return every digit; a conversion leaves zeros behind the last one."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
