"""How much of each budget and quota has been used: charges, guards and units, never their sum."""

import datetime as dt
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.cap import BudgetUse, Cap, Quota, QuotaPeriod, QuotaUse
from costmon.domain.charge_report import ChargeTotal
from costmon.domain.fx import Rates
from costmon.domain.scope import GLOBAL
from costmon.domain.usage import Quantity, UsageReading
from costmon.state.budget_status import BudgetStatus
from costmon.state.charges import ChargeState

_BILLED = "billed"
_LONGEST_DAY = dt.timedelta(hours=25)


class _Part(NamedTuple):
    """A part of the charges, and the scopes that it counts in."""

    scopes: frozenset[str]
    total: ChargeTotal


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

    A quota of an account is used instead of one of all accounts of the vendor, and one of the
    user's instead of a known one of the plan.
    """
    known = tuple(quotas)
    return tuple(
        QuotaUse(
            quota=quota,
            account=reading.account,
            project=quantity.project if quota.per_project else None,
            used=used,
            estimated=quantity.estimated,
            observed_at=reading.observed_at,
            period_start=quantity.start,
            resets_at=quantity.resets_at,
        )
        for reading in readings
        for quota in _quotas_of(known, reading)
        for quantity, used in _used(quota, reading.quantities)
    )


def _is_billed(cap: Cap) -> bool:
    kind = cap.budget.scope.partition(":")[0]
    in_bill = kind in {GLOBAL, "provider", "account", "service", "project"}
    return in_bill and "*" not in cap.budget.scope and cap.budget.period in {"month", "day"}


def _by_charges(cap: Cap, charges: ChargeState, rates: Rates) -> BudgetUse:
    currency = cap.budget.currency or "USD"
    month_start = charges.today.replace(day=1)
    spent = Decimal()
    left_out: dict[str, None] = {}
    notes: dict[str, None] = {}
    estimated = False
    matching = [row.total for row in _rows(cap, charges) if cap.budget.scope in row.scopes]
    for total in matching:
        converted = rates.convert(total.billed, total.currency, currency)
        if converted is None:
            left_out[total.currency] = None
            continue
        spent += converted.amount
        estimated = estimated or total.basis != _BILLED
        if converted.note is not None:
            notes[converted.note] = None
    return BudgetUse(
        cap=cap,
        source="charges",
        spent=spent if matching or _is_read(cap, charges) else None,
        left_out=tuple(left_out),
        rates=tuple(notes),
        period_start=month_start if cap.budget.period == "month" else charges.today,
        estimated=estimated,
    )


def _rows(cap: Cap, charges: ChargeState) -> Iterator[_Part]:
    """Yield what was charged in a cap's period, with the scopes that each part counts in."""
    kind = cap.budget.scope.partition(":")[0]
    if cap.budget.period == "day":
        totals: Iterable[ChargeTotal] = (
            total for total in charges.by_day if total.group == charges.today.isoformat()
        )
    else:
        totals = charges.by_project if kind == "project" else charges.by_service
    for total in totals:
        scopes = {GLOBAL, f"provider:{total.provider}", f"account:{total.account}"}
        if cap.budget.period == "month":
            scopes |= {f"{'project' if kind == 'project' else 'service'}:{total.group}"}
            scopes |= {f"project:{total.label}"} if kind == "project" else set()
        yield _Part(frozenset(scopes), total)


def _is_read(cap: Cap, charges: ChargeState) -> bool:
    """Tell whether charges were read of what a cap is about, so that none means 0.

    An account whose charges the credential or the plan hides has been asked, but not read.
    """
    kind, _, value = cap.budget.scope.partition(":")
    accounts = [it for it in charges.freshness if all(gap.kind != "charges" for gap in it.gaps)]
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
