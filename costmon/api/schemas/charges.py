"""The answers about charges, budgets and quotas.

Amounts and quantities are exact figures as text without an exponent.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta as Describe

from costmon.api.schemas.costs import GapNote, gap_notes, whole_second
from costmon.domain.cap import BudgetUse, CapSource, QuotaPeriod, QuotaUse
from costmon.domain.charge_report import ChargeGroup, ChargeTotal, Restatement
from costmon.domain.money import shown
from costmon.domain.resource import Basis
from costmon.intake.answer import Answer, Moment
from costmon.state.charge_freshness import ChargeReading
from costmon.state.freshness import ProviderState


class ChargeRow(Answer, frozen=True):
    """What was charged for one group: of one account, in one currency, on one basis."""

    group: str
    label: str
    account: str
    provider: str
    currency: str
    basis: Basis
    billed: str
    effective: str
    charge_count: int


class ChargeReadingNote(Answer, frozen=True):
    """How fresh the charges of one account are."""

    account: str
    provider: str
    state: ProviderState
    reason: str | None
    observed_at: Moment | None
    complete_through: Moment | None
    last_complete_day: dt.date | None
    gaps: list[GapNote]


class RestatementNote(Answer, frozen=True):
    """By how much a day changed after the vendor had called it complete."""

    account: str
    provider: str
    day: dt.date
    service: str
    project: str
    currency: str
    billed_delta: str
    effective_delta: str
    observed_at: Moment


class ChargesMeta(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """The query, how fresh the ledger is, and what was restated recently.

    Days are the vendor's own; `to` is not included.
    """

    source: Literal["ledger"]
    start: dt.date
    end: dt.date
    group_by: ChargeGroup
    demo: bool
    freshness: list[ChargeReadingNote]
    restated: list[RestatementNote]


class ChargesAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/charges`."""

    data: list[ChargeRow]
    meta: ChargesMeta


class ChargesParameters(Answer, frozen=True, rename={"start": "from", "end": "to"}):
    """What may be asked of charges."""

    start: Annotated[
        str, Describe(description="First day. Default: the first of the month of the last day.")
    ] = ""
    end: Annotated[
        str, Describe(description="The day after the last day (exclusive). Default: tomorrow.")
    ] = ""
    group_by: ChargeGroup = "account"


class BudgetUsed(Answer, frozen=True):
    """How much of a budget has been used; `spent` is null while it is unknown.

    By `source` it is compared with what vendors charge, or with what guards report: never with
    their sum. `enforced` says whether guards refuse calls by it. `over` is by how much the limit is
    exceeded; null when it is not. `left_out` are currencies that have no exchange rate and are
    therefore not in `spent`.
    """

    scope: str
    period: str
    source: CapSource
    enforced: bool
    period_start: dt.date
    currency: str
    spent: str | None
    limit: str
    percent: Decimal | None
    over: str | None
    rates: list[str]
    left_out: list[str]
    estimated: bool


class QuotaUsed(Answer, frozen=True):
    """How much of a quota has been used; `over` is null when its limit is not exceeded."""

    account: str
    provider: str
    project: str | None
    quota: str
    unit: str
    period: QuotaPeriod
    plan: str | None
    used: str
    limit: str
    percent: Decimal
    over: str | None
    estimated: bool
    observed_at: Moment
    period_start: Moment
    resets_at: Moment | None


class Limits(Answer, frozen=True):
    """Quotas of units, and budgets by what was charged and by what guards report."""

    quotas: list[QuotaUsed]
    budgets: list[BudgetUsed]


class LimitsMeta(Answer, frozen=True):
    """Whether charges have been read from the ledger: before, no budget is compared with them."""

    charges_loaded: bool
    demo: bool


class QuotasAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/quotas`."""

    data: Limits
    meta: LimitsMeta


def charge_row(total: ChargeTotal) -> ChargeRow:
    """Return a total as it is answered."""
    return ChargeRow(
        group=total.group,
        label=total.label,
        account=total.account,
        provider=total.provider,
        currency=total.currency,
        basis=total.basis,
        billed=f"{total.billed:f}",
        effective=f"{total.effective:f}",
        charge_count=total.charge_count,
    )


def reading_notes(readings: Iterable[ChargeReading]) -> list[ChargeReadingNote]:
    """Return how fresh each account's charges are, as it is answered."""
    return [
        ChargeReadingNote(
            account=it.account,
            provider=it.provider,
            state=it.state,
            reason=it.reason,
            observed_at=_second(it.observed_at),
            complete_through=_second(it.complete_through),
            last_complete_day=it.last_complete_day,
            gaps=gap_notes(it.gaps),
        )
        for it in readings
    ]


def restatement_notes(restatements: Iterable[Restatement]) -> list[RestatementNote]:
    """Return what was restated, as it is answered."""
    return [
        RestatementNote(
            account=it.account,
            provider=it.provider,
            day=it.day,
            service=it.service,
            project=it.project,
            currency=it.currency,
            billed_delta=f"{it.billed_delta:f}",
            effective_delta=f"{it.effective_delta:f}",
            observed_at=whole_second(it.observed_at),
        )
        for it in restatements
    ]


def budget_used(use: BudgetUse) -> BudgetUsed:
    """Return a budget's use as it is answered."""
    budget, percent = use.cap.budget, use.percent
    return BudgetUsed(
        scope=budget.scope,
        period=budget.period,
        source=use.source,
        enforced=use.cap.enforce,
        period_start=use.period_start,
        currency=budget.currency or "USD",
        spent=_exact(use.spent),
        limit=f"{budget.limit:f}",
        percent=None if percent is None else shown(percent),
        over=_exact(use.over),
        rates=list(use.rates),
        left_out=list(use.left_out),
        estimated=use.estimated,
    )


def quota_used(use: QuotaUse) -> QuotaUsed:
    """Return a quota's use as it is answered."""
    quota = use.quota
    return QuotaUsed(
        account=use.account,
        provider=quota.provider,
        project=use.project,
        quota=quota.quota,
        unit=quota.unit,
        period=quota.period,
        plan=quota.plan,
        used=f"{use.used:f}",
        limit=f"{quota.limit:f}",
        percent=shown(use.percent),
        over=_exact(use.over),
        estimated=use.estimated,
        observed_at=whole_second(use.observed_at),
        period_start=whole_second(use.period_start),
        resets_at=_second(use.resets_at),
    )


def _exact(amount: Decimal | None) -> str | None:
    # A conversion leaves zeros behind the last digit.
    return None if amount is None else f"{amount.normalize():f}"


def _second(moment: dt.datetime | None) -> dt.datetime | None:
    return None if moment is None else whole_second(moment)
