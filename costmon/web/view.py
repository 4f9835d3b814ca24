"""What the page shows, made of the published values; the template only places it."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from heapq import nlargest

from costmon.domain.child import ChildStatus
from costmon.domain.resource import Resource
from costmon.domain.totals import Threshold, Totals
from costmon.state.accounts import difference_of, explain, totals_over
from costmon.state.estimate import MonthToDate
from costmon.state.freshness import (
    ProviderState,
    Staleness,
    account_staleness,
    account_state,
    age_s,
    staleness,
)
from costmon.state.value import AccountState, Snapshot
from costmon.state.waste import Waste, waste_of

MOST_ROWS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceRow:
    """One line of a table of resources.

    Attributes:
        resource: What it is.
        estimate: Its cost this month so far; `None` when unknown.
        width: Its monthly cost in per cent of the most expensive one's, for the bar.
    """

    resource: Resource
    estimate: Decimal | None
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The most expensive resources, and how many more there are."""

    rows: tuple[ResourceRow, ...]
    hidden: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """One line of the table of accounts.

    Attributes:
        account: What is known of it.
        state: How reading it goes, in a word.
        stale: Why its figures are not fresh; `None` when they are.
    """

    account: AccountState
    state: ProviderState
    stale: Staleness | None


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
        totals: Sums over all accounts in USD; `None` before the first poll.
        as_of: When the oldest figure was observed.
        age_s: Seconds since then.
        stale: Why it is not fresh; `None` when it is.
        estimate: The month to date by list price over these accounts; `None` when unknown.
        usage: The same as the vendors themselves say; `None` unless all accounts' say.
        difference: `usage` minus `estimate`.
        explanation: What the difference is made of.
        not_compared: Accounts that are not in the estimate, since their charges tell what they
            cost, and the vendor has no figure besides.
        threshold: The monthly run-rate that alerts, USD.
        threshold_of: The vendor whose accounts it is for, where there are others; else `None`.
        threshold_percent: The run-rate in per cent of it, at most 100; `None` when it is unknown.
        over_threshold: By how much the run-rate is above it; `None` when it is not.
        kinds: Monthly cost by kind, largest first.
        accounts: The accounts whose vendors have inventories.
        changes: What changed last, newest first.
        resources: The most expensive resources.
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
    not_compared: tuple[str, ...]
    threshold: Decimal
    threshold_of: str | None
    threshold_percent: int | None
    over_threshold: Decimal | None
    kinds: tuple[tuple[str, int, Decimal | None], ...]
    accounts: tuple[AccountRow, ...]
    changes: tuple[Change, ...]
    resources: Table
    waste: tuple[Waste, ...]
    children: tuple[ChildStatus, ...]

    @property
    def compares_nothing(self) -> bool:
        """Tell whether every account has charges, so that nothing is left to compare."""
        return len(self.not_compared) == len(self.accounts) > 0


def overview(
    snapshot: Snapshot | None,
    children: tuple[ChildStatus, ...],
    *,
    now: dt.datetime,
    threshold: Threshold,
) -> Overview:
    """Return what the page shows at `now`."""
    states = [
        state for state in (snapshot.accounts if snapshot else ()) if "inventory" in state.readings
    ]
    totals = snapshot.totals if snapshot else None
    as_of = snapshot.as_of if snapshot else None
    resources = [r for state in states if state.inventory for r in state.inventory.resources]
    estimates = {
        state.name: MonthToDate(state.inventory.observed_at) for state in states if state.inventory
    }
    compared = [state for state in states if _is_compared(state)]
    differences = [difference_of(state) for state in compared]
    difference = _all(differences)
    alerting = totals_over(state for state in states if state.provider == threshold.provider)
    run_rate = alerting.monthly if alerting else Decimal()
    return Overview(
        totals=totals,
        as_of=as_of,
        age_s=age_s(as_of, now) if as_of else None,
        stale=staleness(snapshot, now) if snapshot else None,
        estimate=_all([state.month_to_date_estimate for state in compared]),
        usage=_all(
            [
                None if known is None else _usage(state)
                for state, known in zip(compared, differences, strict=True)
            ]
        ),
        difference=difference,
        explanation=explain(difference),
        not_compared=tuple(state.name for state in states if state not in compared),
        threshold=threshold.limit,
        threshold_of=threshold.provider
        if {state.provider for state in states} - {threshold.provider}
        else None,
        threshold_percent=_percent(run_rate, threshold.limit) if alerting else None,
        over_threshold=run_rate - threshold.limit if run_rate > threshold.limit else None,
        kinds=_kinds(resources),
        accounts=tuple(
            AccountRow(
                account=state,
                state=account_state(state, now),
                stale=account_staleness(state, now),
            )
            for state in states
        ),
        changes=tuple(
            Change(account=state.name, changed_at=state.changed_at, lines=state.changes)
            for state in states
            if state.changed_at is not None
        ),
        resources=_table(resources, estimates),
        waste=waste_of(states),
        children=children,
    )


def _all(amounts: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum, or `None` when a part is unknown: half a sum is a wrong figure."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal()) if known and len(known) == len(amounts) else None


def _is_compared(state: AccountState) -> bool:
    has_balance = state.inventory is not None and state.inventory.balance is not None
    return has_balance or "charges" not in state.readings


def _usage(state: AccountState) -> Decimal | None:
    balance = state.inventory.balance if state.inventory else None
    return balance.month_to_date_usage if balance else None


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


def _table(resources: Sequence[Resource], estimates: dict[str, MonthToDate]) -> Table:
    shown = nlargest(MOST_ROWS, resources, key=_cost)
    most = shown[0].monthly_cost if shown else None
    return Table(
        rows=tuple(
            ResourceRow(
                resource=resource,
                estimate=_estimate(resource, estimates[resource.account]),
                width=_percent(resource.monthly_cost or Decimal(), most) if most else 0,
            )
            for resource in shown
        ),
        hidden=len(resources) - len(shown),
    )
