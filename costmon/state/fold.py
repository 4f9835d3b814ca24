"""Fold what pollers report into the published current costs. Pure: values in, a value out."""

import datetime as dt
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter

from costmon.domain.period import month_of
from costmon.domain.poll import PollFailure, PollReport
from costmon.domain.resource import Inventory
from costmon.state.accounts import CURRENCY, totals_of, totals_over
from costmon.state.changes import changes
from costmon.state.estimate import Sums
from costmon.state.value import DURATION_BUCKETS_S, AccountState, PollCounts, Snapshot

# Two polls may be missed, and a slow one may take a minute, before an inventory counts as stale.
_POLLS_UNTIL_STALE = 2
_SLACK_S = 60.0

_kind = attrgetter("kind")

_NO_COUNTS = PollCounts(
    cycles=0,
    requests=0,
    failures=(),
    duration_buckets=(0,) * (len(DURATION_BUCKETS_S) + 1),
    duration_sum_s=0.0,
)


def first(
    accounts: Sequence[tuple[str, str]],
    restored: Mapping[str, Inventory],
    *,
    now: dt.datetime,
    poll_interval_s: float,
    demo: bool,
) -> Snapshot:
    """Return the snapshot that a service starts with.

    Args:
        accounts: Name and provider of every configured account, in the configuration's order.
        restored: The last good inventory of each account that history knows, by account name.
            What it says is stale until a poll confirms it.
        now: Aware UTC.
        poll_interval_s: How often accounts are polled.
        demo: The vendor is simulated.
    """
    states = tuple(
        _unpolled(name, provider, restored.get(name), now) for name, provider in accounts
    )
    blank = Snapshot(
        sequence=0,
        published_at=now,
        as_of=None,
        accounts=(),
        totals=None,
        poll_interval_s=poll_interval_s,
        demo=demo,
    )
    return _published(blank, states, now)


def fetched(
    snapshot: Snapshot, report: PollReport, inventory: Inventory, now: dt.datetime
) -> Snapshot:
    """Fold in a cycle that went well; a cycle folded in already changes nothing.

    Raises:
        ValueError: No configured account has the report's name.
    """
    account = _account(snapshot, report)
    if account.last_cycle_id == report.cycle_id:
        return snapshot
    seen = changes(account.inventory, inventory)
    state = replace(
        _with_inventory(account, inventory, now),
        failure=None,
        failing_since=None,
        restored=False,
        breaker=report.breaker,
        counts=_counted(account.counts, report),
        next_poll_at=report.next_poll_at,
        fresh_until=inventory.observed_at
        + dt.timedelta(seconds=_POLLS_UNTIL_STALE * snapshot.poll_interval_s + _SLACK_S),
        last_cycle_id=report.cycle_id,
        changes=seen or account.changes,
        changed_at=inventory.observed_at if seen else account.changed_at,
    )
    return _published(snapshot, _replaced(snapshot.accounts, state), now)


def failed(
    snapshot: Snapshot, report: PollReport, failure: PollFailure, now: dt.datetime
) -> Snapshot:
    """Fold in a cycle that failed: the last good inventory stays, and is stale.

    Raises:
        ValueError: No configured account has the report's name.
    """
    account = _account(snapshot, report)
    if account.last_cycle_id == report.cycle_id:
        return snapshot
    inventory = account.inventory
    same_month = inventory is not None and now < month_of(inventory.observed_at).end
    state = replace(
        account,
        month_to_date_estimate=account.month_to_date_estimate if same_month else None,
        failure=failure,
        failing_since=account.failing_since or failure.failed_at,
        breaker=report.breaker,
        counts=_counted(account.counts, report),
        next_poll_at=report.next_poll_at,
        last_cycle_id=report.cycle_id,
    )
    return _published(snapshot, _replaced(snapshot.accounts, state), now)


def _account(snapshot: Snapshot, report: PollReport) -> AccountState:
    for account in snapshot.accounts:
        if account.name == report.account:
            return account
    names = ", ".join(account.name for account in snapshot.accounts)
    msg = f"cycle {report.cycle_id} is about {report.account!r}, which is not one of: {names}"
    raise ValueError(msg)


def _replaced(accounts: tuple[AccountState, ...], state: AccountState) -> tuple[AccountState, ...]:
    return tuple(state if account.name == state.name else account for account in accounts)


def _unpolled(
    name: str, provider: str, inventory: Inventory | None, now: dt.datetime
) -> AccountState:
    state = AccountState(
        name=name,
        provider=provider,
        inventory=None,
        totals=None,
        other_currencies=(),
        month_to_date_estimate=None,
        failure=None,
        failing_since=None,
        restored=False,
        breaker="closed",
        counts=_NO_COUNTS,
        next_poll_at=None,
        fresh_until=None,
        last_cycle_id=None,
        changes=(),
        changed_at=None,
    )
    if inventory is None:
        return state
    return replace(_with_inventory(state, inventory, now), restored=True)


def _with_inventory(state: AccountState, inventory: Inventory, now: dt.datetime) -> AccountState:
    """Put an inventory in place of the last one, and sum it up."""
    resources = inventory.resources
    sums = Sums(resources, inventory.observed_at)
    same_month = now < month_of(inventory.observed_at).end
    return replace(
        state,
        inventory=inventory,
        totals=totals_of(
            sums.monthly.pop(CURRENCY, Decimal()),
            Counter(map(_kind, resources)),
            unpriced_count=sum(
                1
                for resource in resources
                if resource.monthly_cost is None or resource.unpriced is not None
            ),
        ),
        other_currencies=tuple(sorted(sums.monthly.items())),
        month_to_date_estimate=sums.so_far.get(CURRENCY, Decimal()) if same_month else None,
    )


def _counted(counts: PollCounts, report: PollReport) -> PollCounts:
    failures = Counter(dict(counts.failures))
    for reason, count in report.failures:
        failures[reason] += count
    buckets = list(counts.duration_buckets)
    buckets[bisect_left(DURATION_BUCKETS_S, report.duration_s)] += 1
    return PollCounts(
        cycles=counts.cycles + 1,
        requests=counts.requests + report.requests,
        failures=tuple(sorted(failures.items())),
        duration_buckets=tuple(buckets),
        duration_sum_s=counts.duration_sum_s + report.duration_s,
    )


def _published(
    snapshot: Snapshot, accounts: tuple[AccountState, ...], now: dt.datetime
) -> Snapshot:
    as_of = min(
        (account.inventory.observed_at for account in accounts if account.inventory is not None),
        default=None,
    )
    # The wall clock may step back; the time of the snapshot does not.
    published_at = max(now, snapshot.published_at)
    return replace(
        snapshot,
        sequence=snapshot.sequence + 1,
        published_at=published_at,
        as_of=as_of,
        accounts=accounts,
        totals=totals_over(accounts),
    )
