"""How much of each budget and quota has been used: by charges, guards or units, never their sum."""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal

from costmon.domain.cap import (
    DEFAULT_LEVELS,
    PREPAID_LEVELS,
    VENDOR,
    BudgetUse,
    Cap,
    Quota,
    QuotaPeriod,
    QuotaUse,
)
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.fx import Rates
from costmon.domain.scope import GLOBAL
from costmon.domain.usage import PREPAID_BALANCE, Quantity, UsageReading
from costmon.state.budget_status import BudgetStatus
from costmon.state.charge_freshness import is_reported
from costmon.state.charges import ChargeState

_BILLED = "billed"
_LONGEST_DAY = dt.timedelta(hours=25)


def budget_uses(
    caps: Iterable[Cap],
    charges: ChargeState,
    guards: Iterable[BudgetStatus],
    rates: Rates,
    now: dt.datetime,
) -> tuple[BudgetUse, ...]:
    """Return how much of each cap has been used, by charges and by guards, in the caps' order.

    A cap by month or day in a scope that vendors bill by (`global`, `provider:`, `account:`,
    `service:`, `project:`) is compared with charges. What guards report is in the same currency
    and period, or is not compared.

    Args:
        caps: Budgets and their levels.
        charges: The current month; while nothing has been read, caps are not compared with it.
        guards: How budgets stand, by what guards report.
        rates: For charges in other currencies than a cap's.
        now: Aware UTC.
    """
    reported = tuple(guards)
    found: list[BudgetUse] = []
    for cap in caps:
        if charges.is_loaded and _is_billed(cap):
            found.append(_by_charges(cap, charges, rates))
        found += _by_guards(cap, reported, now)
    return tuple(found)


def quota_uses(quotas: Iterable[Quota], readings: Iterable[UsageReading]) -> tuple[QuotaUse, ...]:
    """Return how much of each quota has been used, in the order of the readings.

    A quota of an account is used instead of one of all accounts of the vendor. One of the user's is
    used instead of the limit that the vendor tells with the use, and that instead of a known one of
    the plan.
    """
    known = tuple(quotas)
    return tuple(use for reading in readings for use in _uses_of(known, reading))


def _uses_of(known: Iterable[Quota], reading: UsageReading) -> Iterator[QuotaUse]:
    matching = tuple(_quotas_of(known, reading))
    own = [quota for quota in matching if quota.source is None]
    compared = set()
    for quota in own:
        for use in _compared(quota, reading):
            compared.add(quota.quota)
            yield use
    limited = [one for one in reading.quantities if one.quota not in compared]
    for quantity in limited:
        if quantity.limit is not None:
            compared.add(quantity.quota)
            yield _use(_of_vendor(reading, quantity, quantity.limit), reading, quantity)
    for quota in matching:
        if quota.source is not None and quota.quota not in compared:
            yield from _compared(quota, reading)


def _compared(quota: Quota, reading: UsageReading) -> Iterator[QuotaUse]:
    for quantity, used in _used(quota, reading.quantities):
        yield _use(quota, reading, quantity)._replace(used=used)


def _use(quota: Quota, reading: UsageReading, quantity: Quantity) -> QuotaUse:
    return QuotaUse(
        quota=quota,
        account=reading.account,
        project=quantity.project if quota.per_project else None,
        used=quantity.used,
        estimated=quantity.estimated,
        observed_at=reading.observed_at,
        period_start=quantity.start,
        resets_at=quantity.resets_at,
    )


def _of_vendor(reading: UsageReading, quantity: Quantity, limit: Decimal) -> Quota:
    return Quota(
        provider=reading.provider,
        account=reading.account,
        quota=quantity.quota,
        unit=quantity.unit,
        limit=limit,
        period=_period_of(quantity),
        levels=PREPAID_LEVELS if quantity.quota == PREPAID_BALANCE else DEFAULT_LEVELS,
        plan=None,
        per_project=quantity.project is not None,
        source=VENDOR,
        as_of=reading.observed_at.date(),
    )


def _is_billed(cap: Cap) -> bool:
    kind = cap.budget.scope.partition(":")[0]
    in_bill = kind in {GLOBAL, "provider", "account", "service", "project"}
    return in_bill and "*" not in cap.budget.scope and cap.budget.period in {"month", "day"}


def _by_charges(cap: Cap, charges: ChargeState, rates: Rates) -> BudgetUse:
    currency = cap.budget.currency or "USD"
    month_start = charges.today.replace(day=1)
    spent: Decimal | None = None
    left_out: list[str] = []
    notes: dict[str, None] = {}
    matching = list(_matching(cap, charges))
    for name, amount in _by_currency(matching).items():
        converted = rates.convert(amount, name, currency)
        if converted is None:
            left_out.append(name)
            continue
        spent = (spent or Decimal()) + converted.amount
        if converted.note is not None:
            notes[converted.note] = None
    if not matching and _is_read(cap, charges):
        spent = Decimal()
    return BudgetUse(
        cap=cap,
        source="charges",
        spent=spent,
        left_out=tuple(left_out),
        rates=tuple(notes),
        period_start=month_start if cap.budget.period == "month" else charges.today,
        estimated=any(it.basis != _BILLED and it.currency not in left_out for it in matching),
    )


def _matching(cap: Cap, charges: ChargeState) -> Iterator[ChargeTotal]:
    """Yield what was charged in a cap's period and scope."""
    kind, _, value = cap.budget.scope.partition(":")
    if cap.budget.period == "day":
        today = charges.today.isoformat()
        totals: Iterable[ChargeTotal] = (it for it in charges.by_day if it.group == today)
    else:
        totals = charges.by_project if kind == "project" else charges.by_service
    match kind:
        case "provider":
            yield from (total for total in totals if total.provider == value)
        case "account":
            yield from (total for total in totals if total.account == value)
        case "service" if cap.budget.period == "month":
            yield from (total for total in totals if total.group == value)
        case "project" if cap.budget.period == "month":
            yield from (total for total in totals if value in {total.group, total.label})
        case _ if kind == GLOBAL:
            yield from totals


def _by_currency(totals: Iterable[ChargeTotal]) -> dict[str, Decimal]:
    """Add up: one conversion of each currency is exact, and quicker than one of each total."""
    sums: dict[str, Decimal] = {}
    for total in totals:
        sums[total.currency] = sums.get(total.currency, Decimal()) + total.billed
    return sums


def _is_read(cap: Cap, charges: ChargeState) -> bool:
    """Tell whether charges were read of what a cap is about, so that none means 0.

    An account whose charges the credential or the plan hides has been asked, but not read.
    """
    kind, _, value = cap.budget.scope.partition(":")
    month = charges.today.replace(day=1)
    accounts = [account for account in charges.freshness if is_reported(account, month)]
    if kind == "provider":
        return any(account.provider == value for account in accounts)
    if kind == "account":
        return any(account.account == value for account in accounts)
    return bool(accounts)


def _by_guards(cap: Cap, reported: Iterable[BudgetStatus], now: dt.datetime) -> Iterator[BudgetUse]:
    same = [
        status
        for status in reported
        if (status.scope, status.period) == (cap.budget.scope, cap.budget.period)
        and status.currency == (cap.budget.currency or "USD")
        and not status.is_over(now)
    ]
    if same:
        # Stores are separate counters: the fullest one is the one to hear of.
        fullest = max(same, key=lambda status: status.spent + status.held)
        yield BudgetUse(
            cap=cap,
            source="guards",
            spent=fullest.spent + fullest.held,
            left_out=(),
            rates=(),
            period_start=now.date(),
            estimated=True,
        )


def _quotas_of(known: Iterable[Quota], reading: UsageReading) -> Iterator[Quota]:
    best: dict[str, Quota] = {}
    for quota in known:
        if quota.provider != reading.provider or quota.account not in {None, reading.account}:
            continue
        if quota.plan is not None and quota.plan != reading.plan:
            continue
        before = best.get(quota.quota)
        if before is None or _closeness(quota) > _closeness(before):
            best[quota.quota] = quota
    yield from best.values()


def _closeness(quota: Quota) -> tuple[bool, bool, bool]:
    return (quota.account is not None, quota.source is None, quota.plan is not None)


def _period_of(quantity: Quantity) -> QuotaPeriod:
    """Return what a figure is about: a day's count says nothing of a month's quota."""
    if quantity.resets_at is None:
        return "now"
    return "day" if quantity.resets_at - quantity.start <= _LONGEST_DAY else "month"


def _used(quota: Quota, quantities: Iterable[Quantity]) -> Iterator[tuple[Quantity, Decimal]]:
    """Yield what counts against a quota: each project's figure, or their sum."""
    matching = [
        one
        for one in quantities
        if (one.quota, one.unit, _period_of(one)) == (quota.quota, quota.unit, quota.period)
    ]
    if quota.per_project:
        yield from ((quantity, quantity.used) for quantity in matching)
        return
    whole = [quantity for quantity in matching if quantity.project is None]
    counted = whole or matching
    if counted:
        yield counted[0], sum((quantity.used for quantity in counted), Decimal())
