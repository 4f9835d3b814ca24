"""Export budgets, quotas and prepaid balances to Prometheus: limits, and how much is used.

What vendors charged and what guards counted are never added up: the label `source` tells them
apart.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from costmon.domain.cap import BudgetUse, Cap, Quota, QuotaUse, percent_of
from costmon.domain.fx import Rates
from costmon.domain.policy import Policy
from costmon.domain.subscription import Subscription
from costmon.domain.usage import Quantity, UsageReading
from costmon.export.scopes import MOST_SCOPES
from costmon.state.budget_status import BudgetStatus, budget_statuses
from costmon.state.caps import budget_uses, quota_uses
from costmon.state.charges import ChargeState
from costmon.state.guard_state import GuardState
from costmon.state.value import Snapshot

_CURRENCY = "USD"
_MANUAL = "manual"
_CHARGES, _GUARDS = "charges", "guards"


class LimitCollector(Collector):
    """Compare caps and quotas with what is published, at every scrape."""

    def __init__(
        self,
        *,
        snapshot: Callable[[], Snapshot | None],
        charges: Callable[[], ChargeState],
        guard_state: Callable[[], GuardState],
        policy: Callable[[], Policy | None],
        caps: Sequence[Cap],
        quotas: Sequence[Quota],
        subscriptions: Sequence[Subscription],
        rates: Rates,
        now: Callable[[], dt.datetime],
    ) -> None:
        self._snapshot = snapshot
        self._charges = charges
        self._guard_state = guard_state
        self._policy = policy
        self._caps = caps
        self._quotas = quotas
        self._subscriptions = subscriptions
        self._rates = rates
        self._now = now
        self._compared: tuple[ChargeState, Sequence[BudgetUse]] | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        families = (*self._budgets(), *self._quota_families(), *self._balances())
        return (family for family in families if family.samples)

    def _budgets(self) -> Iterator[Metric]:
        now = self._now()
        limit = GaugeMetricFamily(
            "costmon_budget_limit_usd",
            "The limit of the budget; if guards enforce it, after threshold and tier.",
            labels=("budget", "source"),
            unit="usd",
        )
        ratio = GaugeMetricFamily(
            "costmon_budget_used_ratio",
            "Spent as a part of the limit: charges of the vendors, or spent and held by guards. "
            "In any currency.",
            labels=("budget", "source"),
            unit="ratio",
        )
        for use in {use.name: use for use in self._uses_of_charges()}.values():
            budget = use.cap.budget
            amount = self._rates.convert(budget.limit, budget.currency or _CURRENCY, _CURRENCY)
            if amount is not None:
                limit.add_metric((use.name, _CHARGES), float(amount.amount))
            if use.percent is not None and not _is_unknown(use):
                ratio.add_metric((use.name, _CHARGES), float(use.percent / 100))
        limits, fullest = _of_guards(self._guard_state(), self._policy(), now)
        for name, amount_usd in limits.items():
            limit.add_metric((name, _GUARDS), float(amount_usd))
        for name, status in fullest.items():
            if status.ratio is not None:
                ratio.add_metric((name, _GUARDS), float(status.ratio))
        yield limit
        yield ratio

    def _uses_of_charges(self) -> Sequence[BudgetUse]:
        """Return what charges have used of the caps: the same until others are published."""
        charges = self._charges()
        if self._compared is None or self._compared[0] is not charges:
            uses = budget_uses(self._caps, charges, (), self._rates, self._now())
            self._compared = (charges, uses)
        return self._compared[1]

    def _quota_families(self) -> Iterator[Metric]:
        snapshot = self._snapshot()
        now = self._now()
        readings = [
            account.usage
            for account in (snapshot.accounts if snapshot else ())
            if account.usage is not None
        ]
        labels = ("provider", "account", "quota")
        used = GaugeMetricFamily(
            "costmon_quota_used",
            "Used in the current period of the quota, in its unit.",
            labels=(*labels, "unit"),
        )
        limit = GaugeMetricFamily(
            "costmon_quota_limit",
            "What the plan includes, in the unit of the quota.",
            labels=(*labels, "unit"),
        )
        ratio = GaugeMetricFamily(
            "costmon_quota_used_ratio",
            "Used as a part of what the plan includes.",
            labels=labels,
            unit="ratio",
        )
        for reading in readings:
            for quota, use in _uses(self._quotas, reading, now).items():
                account = (reading.provider, reading.account, quota)
                used.add_metric((*account, use.unit), float(use.used))
                if use.limit is not None:
                    limit.add_metric((*account, use.unit), float(use.limit))
                    ratio.add_metric(account, float(percent_of(use.used, use.limit) / 100))
        yield from (used, limit, ratio)

    def _balances(self) -> Iterator[Metric]:
        labels = ("provider", "account")
        balance = GaugeMetricFamily(
            "costmon_prepaid_balance_usd",
            "What is left of what was paid in advance, as last entered in `costmon.toml`.",
            labels=labels,
            unit="usd",
        )
        exhaustion = GaugeMetricFamily(
            "costmon_prepaid_exhaustion_timestamp_seconds",
            "When the first balance of the vendor is used up, at its average rate so far.",
            labels=labels,
            unit="seconds",
        )
        today = self._now().date()
        known = [it for it in self._subscriptions if it.until is None or it.until > today]
        for provider in sorted({it.provider for it in known if it.balance_left is not None}):
            entries = [it for it in known if it.provider == provider]
            converted = [
                self._rates.convert(it.balance_left, it.currency, _CURRENCY)
                for it in entries
                if it.balance_left is not None
            ]
            amounts = [one.amount for one in converted if one is not None]
            if len(amounts) == len(converted):  # a part of them would be taken for all
                balance.add_metric((provider, _MANUAL), float(sum(amounts, Decimal())))
            days = [it.exhausted_on for it in entries if it.exhausted_on is not None]
            if days:
                midnight = dt.datetime.combine(min(days), dt.time(), dt.UTC)
                exhaustion.add_metric((provider, _MANUAL), midnight.timestamp())
        yield from (balance, exhaustion)


class _Use(NamedTuple):
    unit: str
    used: Decimal
    limit: Decimal | None


def _is_unknown(use: BudgetUse) -> bool:
    """Tell whether nothing of what was charged has a rate: 0 would be wrong."""
    return bool(use.left_out) and not use.spent


def _uses(quotas: Sequence[Quota], reading: UsageReading, now: dt.datetime) -> dict[str, _Use]:
    """Return what is used of each quota; of several projects' own, the fullest.

    Of a period that has ended nothing is known of the present one.
    """
    found: dict[str, _Use] = {}
    current = [one for one in reading.quantities if one.resets_at is None or one.resets_at > now]
    for quota in {one.quota for one in current}:
        found[quota] = _whole([one for one in current if one.quota == quota])
    fullest: dict[str, QuotaUse] = {}
    for use in quota_uses(quotas, [reading]):
        if use.resets_at is not None and use.resets_at <= now:
            continue
        known = fullest.get(use.quota.quota)
        if known is None or use.percent > known.percent:
            fullest[use.quota.quota] = use
    for name, use in fullest.items():
        found[name] = _Use(use.quota.unit, use.used, use.quota.limit)
    return dict(sorted(found.items()))


def _whole(parts: Sequence[Quantity]) -> _Use:
    """Return the whole account's figure, or the sum of its projects'."""
    whole = [one for one in parts if one.project is None]
    if whole:
        return _Use(whole[0].unit, whole[0].used, None)
    same = [one for one in parts if one.unit == parts[0].unit]
    return _Use(parts[0].unit, sum((one.used for one in same), Decimal()), None)


def _of_guards(
    guard_state: GuardState, policy: Policy | None, now: dt.datetime
) -> tuple[dict[str, Decimal], dict[str, BudgetStatus]]:
    """Return limits in USD and the fullest store's status, by budget."""
    limits: dict[str, Decimal] = {}
    for told in policy.budgets if policy else ():
        if told.budget.currency == _CURRENCY:
            limits[f"{told.budget.scope} {told.budget.period}"] = told.budget.limit
    fullest: dict[str, BudgetStatus] = {}
    for status in budget_statuses(guard_state):
        # Those come fullest first; of a window that has ended nothing is known.
        if status.limit is not None and not status.is_over(now):
            fullest.setdefault(f"{status.scope} {status.period}", status)
    fullest = dict(list(fullest.items())[:MOST_SCOPES])
    for name, status in fullest.items():
        if status.currency == _CURRENCY and status.limit is not None:
            limits[name] = status.limit
    return dict(list(limits.items())[: 2 * MOST_SCOPES]), fullest
