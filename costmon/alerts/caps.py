"""Tell people when a budget or a quota has been used to one of its levels: once per period."""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import ROUND_DOWN, Decimal
from typing import NamedTuple

from costmon.alerts.alert import Severity
from costmon.alerts.condition import Condition
from costmon.alerts.memory import NOTHING_SAID, Memory
from costmon.domain.cap import BudgetUse, QuotaUse
from costmon.domain.money import shown, shown_exact
from costmon.domain.usage import PREPAID_BALANCE

_FULL = Decimal(100)
_ONE = Decimal(1)


class Crossing(NamedTuple):
    """An alert that is due: a level that has been crossed in this period, or a reminder.

    Attributes:
        condition: What to tell.
        crossed: The names of all conditions that hold now: the one above first, then lower levels,
            which its message covers.
        cause: Names the period; what is remembered with it is not told again.
    """

    condition: Condition
    crossed: tuple[str, ...]
    cause: str


def budget_crossings(
    uses: Iterable[BudgetUse], memory: Mapping[str, Memory]
) -> tuple[Crossing, ...]:
    """Return which levels of budgets are to be told now, the highest of each budget only.

    A budget of which nothing is known crosses nothing.

    Args:
        uses: How much of each budget has been used.
        memory: What was told before, by the condition's name.
    """
    found = []
    for use in uses:
        if use.percent is None or use.spent is None:
            continue
        cause = f"{use.period_start.isoformat()} of {use.cap.budget.limit}"
        names = _crossed(
            f"budget:{use.source}:{use.name}", use.percent, use.cap.levels, cause, memory
        )
        if names:
            found.append(Crossing(_of_budget(use, names[0], cause), names, cause))
    return tuple(found)


def quota_crossings(uses: Iterable[QuotaUse], memory: Mapping[str, Memory]) -> tuple[Crossing, ...]:
    """Return which levels of quotas are to be told now; see `budget_crossings`.

    A level, such as bytes stored, has no period: each level is told once, and again when the limit
    is another or the use has fallen below in a new month.
    """
    found = []
    for use in uses:
        cause = f"{_period(use)} of {use.quota.limit}"
        names = _crossed(f"quota:{use.name}", use.percent, use.quota.levels, cause, memory)
        if names:
            found.append(Crossing(_of_quota(use, names[0], cause), names, cause))
    return tuple(found)


def _period(use: QuotaUse) -> str:
    start = use.period_start.astimezone(dt.UTC)
    return f"{start:%Y-%m}" if use.quota.period == "now" else start.date().isoformat()


def _crossed(
    name: str,
    percent: Decimal,
    levels: Iterable[Decimal],
    cause: str,
    memory: Mapping[str, Memory],
) -> tuple[str, ...]:
    """Return the conditions that hold now, highest level first; none if that one was told."""
    reached = sorted((level for level in levels if percent >= level), reverse=True)
    names = [f"{name}:{_plain(level)}" for level in reached]
    # When the highest has been told, so have the lower ones, by the same message.
    told = not names or memory.get(names[0], NOTHING_SAID).last_cause == cause
    return () if told else tuple(names)


def _of_budget(use: BudgetUse, name: str, cause: str) -> Condition:
    budget, spent = use.cap.budget, use.spent or Decimal()
    currency = budget.currency or "USD"
    percent = use.percent or Decimal()
    by = "has been charged" if use.source == "charges" else "guards have spent or hold"
    what = f"{shown(spent)} {currency} of {shown(budget.limit)} {currency}"
    parts = [
        f"{_subject(budget.scope)}: {what} ({_whole(percent)} %) {by} this {budget.period}.",
        "A part of it is estimated." if use.estimated and use.source == "charges" else "",
        f"Converted at {'; '.join(use.rates)}." if use.rates else "",
        f"Not included, because there is no exchange rate: {', '.join(use.left_out)}."
        if use.left_out
        else "",
        _advice(budget.scope, enforced=use.cap.enforce, over=percent >= _FULL),
    ]
    return Condition(
        name=name,
        state="opened",
        cause=cause,
        event="alerter.budget_exceeded" if percent >= _FULL else "alerter.budget_level_reached",
        resolved_event="alerter.budget_period_over",
        severity=_severity(percent),
        title=f"{_subject(budget.scope)}: {_whole(percent)} % of the {budget.period}'s budget",
        text=" ".join(filter(None, parts)),
        resolved_text=f"{_subject(budget.scope)}: a new {budget.period} has begun.",
        labels={"scope": budget.scope, "period": budget.period, "source": use.source},
        escalates=False,
        repeats=False,
        expires_at=_budget_ends(use),
        facts={
            "budget": use.name,
            "source": use.source,
            "spent": float(shown(spent)),
            "limit": float(shown(budget.limit)),
            "currency": currency,
            "percent": float(_whole(percent)),
            "estimated": use.estimated,
        },
    )


def _of_quota(use: QuotaUse, name: str, cause: str) -> Condition:
    quota, percent = use.quota, use.percent
    period = {"day": " today", "month": " this month", "now": ""}[quota.period]
    where = f"{quota.provider}, {use.account}" + (f", {use.project}" if use.project else "")
    resets = f" It resets on {use.resets_at:%Y-%m-%d %H:%M} UTC." if use.resets_at else ""
    plan = f" of the plan {quota.plan}" if quota.plan else ""
    return Condition(
        name=name,
        state="opened",
        cause=cause,
        event="alerter.quota_exceeded" if percent >= _FULL else "alerter.quota_level_reached",
        resolved_event="alerter.quota_period_over",
        severity=_severity(percent),
        title=f"{where}: {_whole(percent)} % of {quota.quota}",
        text=_of_balance(use)
        if quota.quota == PREPAID_BALANCE
        else (
            f"{where}: {_plain(use.used)} {quota.unit} of {_plain(quota.limit)} "
            f"({_whole(percent)} %) of {quota.quota}{plan} used{period}."
            f"{' The figure is an estimate.' if use.estimated else ''}{resets} "
            "Use less, or move to a larger plan; change the limit in [[quota]] of costmon.toml."
        ),
        resolved_text=f"{where}: the count of {quota.quota} has started again.",
        labels={
            "provider": quota.provider,
            "account": use.account,
            "quota": quota.quota,
            **({"project": use.project} if use.project else {}),
        },
        escalates=False,
        repeats=False,
        expires_at=use.resets_at or month_end(use.period_start.astimezone(dt.UTC).date()),
        facts={
            "provider": quota.provider,
            "account": use.account,
            "project": use.project,
            "quota": quota.quota,
            "unit": quota.unit,
            "used": float(use.used),
            "limit": float(quota.limit),
            "percent": float(_whole(percent)),
            "estimated": use.estimated,
        },
    )


def _budget_ends(use: BudgetUse) -> dt.datetime | None:
    match use.cap.budget.period:
        case "month":
            return month_end(use.period_start)
        case "day":
            return _midnight(use.period_start + dt.timedelta(days=1))
        case _:
            return None


def month_end(day: dt.date) -> dt.datetime:
    """Return when the month of a day ends, aware UTC."""
    return _midnight((day.replace(day=1) + dt.timedelta(days=32)).replace(day=1))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _subject(scope: str) -> str:
    return "All vendors together" if scope == "global" else scope


def _advice(scope: str, *, enforced: bool, over: bool) -> str:
    if over and enforced:
        return "Guards refuse calls that this budget covers."
    if over:
        return (
            "`costmon costs` shows what it is made of; "
            f"`costmon circuits open {scope}` stops guarded calls."
        )
    return "`costmon costs` shows what it is made of."


def _of_balance(use: QuotaUse) -> str:
    limit, left = use.quota.limit, use.quota.limit - use.used
    amount = shown_exact(left) if left > 0 else "nothing"
    return (
        f"{use.project or use.account}: {amount} of {shown_exact(limit)} {use.quota.unit} paid in "
        f"advance is left ({_whole(use.percent)} % used). Top it up, then write the new `balance` "
        "and `used` into costmon.toml."
    )


def _severity(percent: Decimal) -> Severity:
    return "critical" if percent >= _FULL else "warning"


def _whole(percent: Decimal) -> Decimal:
    """Return whole percent, rounded down: 99.9 % is not shown as 100 %."""
    return percent.quantize(_ONE, rounding=ROUND_DOWN)


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
