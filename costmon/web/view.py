"""What the page shows, made of the published values; the template only places it."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest

from costmon.domain.child import ChildStatus
from costmon.domain.resource import Resource
from costmon.domain.totals import Totals
from costmon.state.accounts import account_cost, explain
from costmon.state.current import waste_of
from costmon.state.estimate import MonthToDate
from costmon.state.freshness import Staleness, age_s, staleness
from costmon.state.value import Snapshot
from costmon.state.wire import AccountCost, Waste

MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """One line of a table of resources.

    Attributes:
        resource: What it is.
        estimate: Its cost this month so far; `None` when unknown.
        width: Its monthly cost in per cent of the dearest one's, for the bar.
    """

    resource: Resource
    estimate: Decimal | None
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The dearest resources of a table, and how many more there are."""

    rows: tuple[ResourceRow, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What changed in one account, and when."""

    account: str
    changed_at: dt.datetime
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Everything the page shows.

    Attributes:
        totals: The headline; `None` before the first poll.
        as_of: When the oldest figure was observed.
        age_s: Seconds since then.
        stale: Why it is not fresh; `None` when it is.
        estimate: The month to date by list price over all accounts; `None` when unknown.
        usage: The same as the vendors themselves say; `None` unless all accounts' say.
        difference: `usage` minus `estimate`.
        explanation: What the difference is made of.
        threshold: The monthly run-rate that alerts.
        threshold_percent: The run-rate in per cent of it, at most 100.
        kinds: Monthly cost by kind, largest first.
        accounts: The accounts.
        changes: What changed last, newest first.
        droplets: The dearest droplets.
        others: The dearest of all other resources.
        waste: What is likely wasted.
        children: The supervised children.
    """

    totals: Totals | None
    as_of: dt.datetime | None
    age_s: int | None
    stale: Staleness | None
    estimate: Decimal | None
    usage: Decimal | None
    difference: Decimal | None
    explanation: str | None
    threshold: Decimal
    threshold_percent: int
    kinds: tuple[tuple[str, int, Decimal | None], ...]
    accounts: tuple[AccountCost, ...]
    changes: tuple[Change, ...]
    droplets: Table
    others: Table
    waste: tuple[Waste, ...]
    children: tuple[ChildStatus, ...]


def overview(
    snapshot: Snapshot | None,
    children: tuple[ChildStatus, ...],
    *,
    now: dt.datetime,
    threshold: Decimal,
) -> Overview:
    """Return what the page shows at `now`."""
    states = snapshot.accounts if snapshot else ()
    accounts = tuple(account_cost(state, now) for state in states)
    totals = snapshot.totals if snapshot else None
    as_of = snapshot.as_of if snapshot else None
    resources = [r for state in states if state.inventory for r in state.inventory.resources]
    estimates = {
        state.name: MonthToDate(state.inventory.observed_at) for state in states if state.inventory
    }
    difference = _all([account.difference for account in accounts])
    return Overview(
        totals=totals,
        as_of=as_of,
        age_s=age_s(as_of, now) if as_of else None,
        stale=staleness(snapshot, now) if snapshot else None,
        estimate=_all([account.month_to_date_estimate for account in accounts]),
        usage=_all([a.month_to_date_usage if a.difference is not None else None for a in accounts]),
        difference=difference,
        explanation=explain(difference),
        threshold=threshold,
        threshold_percent=_percent(totals.monthly, threshold) if totals else 0,
        kinds=_kinds(resources),
        accounts=accounts,
        changes=tuple(
            Change(account=state.name, changed_at=state.changed_at, lines=state.changes)
            for state in states
            if state.changed_at is not None
        ),
        droplets=_table((r for r in resources if r.kind == "droplet"), estimates),
        others=_table((r for r in resources if r.kind != "droplet"), estimates),
        waste=tuple(waste_of(states)),
        children=children,
    )


def _all(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum, or `None` when a part is unknown: half a sum is a wrong figure."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal()) if known and len(known) == len(amounts) else None


def _percent(part: Decimal, whole: Decimal) -> int:
    return min(100, int(part * 100 / whole)) if whole > 0 else 100


def _kinds(resources: Iterable[Resource]) -> tuple[tuple[str, int, Decimal | None], ...]:
    """Return count and known cost of each kind; `None`, not 0, when no price of it is known."""
    counts: Counter[str] = Counter()
    sums: dict[str, Decimal] = {}
    for resource in resources:
        counts[resource.kind] += 1
        if resource.monthly_cost is not None and resource.currency == "USD":
            sums[resource.kind] = sums.get(resource.kind, Decimal()) + resource.monthly_cost
    rows = ((kind, counts[kind], sums.get(kind)) for kind in counts)
    return tuple(sorted(rows, key=lambda row: row[2] or Decimal(), reverse=True))


def _cost(resource: Resource) -> tuple[bool, Decimal]:
    """Return what to sort by: a price that is unknown comes after every known one."""
    return (resource.monthly_cost is not None, resource.monthly_cost or Decimal())


def _estimate(resource: Resource, estimates: MonthToDate) -> Decimal | None:
    monthly = resource.monthly_cost
    return None if monthly is None else estimates.of(monthly, resource.created_at)


def _table(resources: Iterable[Resource], estimates: dict[str, MonthToDate]) -> Table:
    found = list(resources)
    dearest = nlargest(MOST_ROWS, found, key=_cost)
    most = dearest[0].monthly_cost if dearest else None
    return Table(
        rows=tuple(
            ResourceRow(
                resource=resource,
                estimate=_estimate(resource, estimates[resource.account]),
                width=_percent(resource.monthly_cost or Decimal(), most) if most else 0,
            )
            for resource in dearest
        ),
        hidden=len(found) - len(dearest),
    )
