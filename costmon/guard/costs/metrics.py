"""Sum up what was spent in a billing period, by host and by activity.

Pure functions of the store's usage rows. Every call has a row for each of its scopes, so sums are
made within one scope: totals and activities from `global`, hosts from `host:...`.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

from costmon.domain.money import from_nano
from costmon.domain.scope import GLOBAL
from costmon.errors import BudgetError
from costmon.guard.stores.base import UsageRow

_HOST = "host:"
_NANO = Decimal("1e-9")
_EARLY = 30
"""A projection needs at least this part of the period: a day of a month, 48 minutes of a day."""


class HostCost(NamedTuple):
    """The cost of one host in a billing period.

    Attributes:
        host: In canonical form.
        billing_period: Such as `2026-11`.
        cost: Major units.
        bytes_in: Received from it.
        bytes_out: Sent to it.
        requests: Calls that were charged.
        failed: Of these, failed ones.
        error_rate: Share of failed calls, 0..1; `None` without calls.
        average_cost: Of a call, major units, rounded to the nano-unit; `None` without calls.
        last_updated: Start of the last hour with a charge, aware UTC: usage rows are hourly.
    """

    host: str
    billing_period: str
    cost: Decimal
    bytes_in: int
    bytes_out: int
    requests: int
    failed: int
    error_rate: float | None
    average_cost: Decimal | None
    last_updated: dt.datetime


class CostMetrics(NamedTuple):
    """What was spent in a billing period.

    Attributes:
        period: Such as `2026-11`.
        total_cost: Major units.
        costs_by_host: Major units.
        costs_by_activity: Major units; together they are the total.
        bytes_in: Received.
        bytes_out: Sent.
        requests: Calls that were charged.
        failed: Of these, failed ones.
    """

    period: str
    total_cost: Decimal
    costs_by_host: Mapping[str, Decimal]
    costs_by_activity: Mapping[str, Decimal]
    bytes_in: int
    bytes_out: int
    requests: int
    failed: int


def span_of(period: str) -> tuple[dt.datetime, dt.datetime]:
    """Return [start, end) of a billing period, aware UTC.

    Args:
        period: A month `2026-11`, a day `2026-11-21`, or an hour `2026-11-21T10`.

    Raises:
        BudgetError: It is not one of these.
    """
    for form in ("%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H"):
        try:
            start = dt.datetime.strptime(period, form).replace(tzinfo=dt.UTC)
        except (TypeError, ValueError):
            continue
        if start.strftime(form) != period:
            continue  # strptime takes 2026-1, too
        if form == "%Y-%m":
            return start, (start + dt.timedelta(days=32)).replace(day=1)
        return start, start + dt.timedelta(**{"days" if form == "%Y-%m-%d" else "hours": 1})
    accepted = "2026-11, 2026-11-21 or 2026-11-21T10"
    raise BudgetError(f"{period!r} is not a billing period: use {accepted}")


def cost_metrics(rows: Iterable[UsageRow], period: str) -> CostMetrics:
    """Return what was spent in a billing period; rows outside it do not count.

    Raises:
        BudgetError: `period` is not a billing period.
    """
    hosts: dict[str, int] = {}
    activities: dict[str, int] = {}
    received = sent = requests = failed = 0
    for row in _within(rows, period):
        if row.scope == GLOBAL:
            activities[row.activity] = activities.get(row.activity, 0) + row.spent
            received += row.bytes_in
            sent += row.bytes_out
            requests += row.requests
            failed += row.failed
        elif row.scope.startswith(_HOST):
            host = row.scope.removeprefix(_HOST)
            hosts[host] = hosts.get(host, 0) + row.spent
    return CostMetrics(
        period=period,
        total_cost=from_nano(sum(activities.values())),
        costs_by_host=_amounts(hosts),
        costs_by_activity=_amounts(activities),
        bytes_in=received,
        bytes_out=sent,
        requests=requests,
        failed=failed,
    )


def host_costs(rows: Iterable[UsageRow], period: str) -> tuple[HostCost, ...]:
    """Return the cost of each host in a billing period, the most expensive first.

    Raises:
        BudgetError: `period` is not a billing period.
    """
    found: dict[str, list[UsageRow]] = {}
    for row in _within(rows, period):
        if row.scope.startswith(_HOST):
            found.setdefault(row.scope.removeprefix(_HOST), []).append(row)
    costs = (_host_cost(host, period, its) for host, its in found.items())
    return tuple(sorted(costs, key=lambda one: (-one.cost, one.host)))


def top_hosts(rows: Iterable[UsageRow], period: str, count: int) -> tuple[HostCost, ...]:
    """Return the `count` most expensive hosts of a billing period, in descending order."""
    return host_costs(rows, period)[: max(0, count)]


def host_cost(rows: Iterable[UsageRow], host: str, period: str) -> HostCost | None:
    """Return the cost of one host (in canonical form); `None` if nothing was charged for it.

    Raises:
        BudgetError: `period` is not a billing period.
    """
    its = [row for row in _within(rows, period) if row.scope == f"{_HOST}{host}"]
    return _host_cost(host, period, its) if its else None


def projected(spent: Decimal, period: str, now: dt.datetime) -> Decimal | None:
    """Project the cost of a billing period from what was spent so far.

    Args:
        spent: So far, major units.
        period: A billing period.
        now: Aware.

    Returns:
        `None` before a thirtieth of the period has passed; `spent` once it is over.

    Raises:
        BudgetError: `period` is not a billing period.
    """
    start, end = span_of(period)
    if now >= end:
        return spent
    elapsed, length = now - start, end - start
    if elapsed * _EARLY < length:
        return None
    tick = dt.timedelta(microseconds=1)
    return (spent * (length // tick) / (elapsed // tick)).quantize(_NANO)


def _within(rows: Iterable[UsageRow], period: str) -> Iterable[UsageRow]:
    start, end = span_of(period)
    since, until = int(start.timestamp()), int(end.timestamp())
    return (row for row in rows if since <= row.hour < until)


def _amounts(sums: Mapping[str, int]) -> Mapping[str, Decimal]:
    return MappingProxyType({name: from_nano(sums[name]) for name in sorted(sums)})


def _host_cost(host: str, period: str, rows: list[UsageRow]) -> HostCost:
    cost = from_nano(sum(row.spent for row in rows))
    requests = sum(row.requests for row in rows)
    failed = sum(row.failed for row in rows)
    return HostCost(
        host=host,
        billing_period=period,
        cost=cost,
        bytes_in=sum(row.bytes_in for row in rows),
        bytes_out=sum(row.bytes_out for row in rows),
        requests=requests,
        failed=failed,
        error_rate=failed / requests if requests else None,
        average_cost=(cost / requests).quantize(_NANO) if requests else None,
        last_updated=dt.datetime.fromtimestamp(max(row.hour for row in rows), dt.UTC),
    )
