"""How budgets stand, over all guards: guards that share a store say the same, which counts once."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.budget import Budget
from costmon.domain.scope import covers
from costmon.domain.spend import LeaseNote
from costmon.state.guard_reports import MOST_TOTALS
from costmon.state.guard_state import GuardSeen, GuardState

AWAY_AFTER_S = 60
"""Seconds without a report after which a guard is called away."""


class BudgetStatus(NamedTuple):
    """How one scope stands in one period, in one store.

    Attributes:
        scope: In canonical form.
        period: The budget's.
        store: Where it is counted: scopes of different stores are separate counters.
        currency: Of the amounts.
        limit: Major units, after threshold and tier; `None`: counted, not limited.
        spent: In the window, as last reported.
        held: By calls in flight, as last reported.
        resets_at: End of the window; `None`: never.
        seen_at: When that was reported, by our clock.
        guards: Which guards count there.
    """

    scope: str
    period: str
    store: str
    currency: str
    limit: Decimal | None
    spent: Decimal
    held: Decimal
    resets_at: dt.datetime | None
    seen_at: dt.datetime
    guards: tuple[str, ...]

    def is_over(self, now: dt.datetime) -> bool:
        """Tell whether the window has ended, so that nothing is known of the present one."""
        return self.resets_at is not None and now >= self.resets_at

    @property
    def remaining(self) -> Decimal | None:
        """Return what may still be reserved; `None` without a limit."""
        if self.limit is None:
            return None
        return max(Decimal(), self.limit - self.spent - self.held)

    @property
    def ratio(self) -> Decimal | None:
        """Return spent and held as a part of the limit; `None` without a limit above 0."""
        return (self.spent + self.held) / self.limit if self.limit else None


class Flight(NamedTuple):
    """A call in flight, and the guard that holds its money."""

    guard: GuardSeen
    lease: LeaseNote


def budget_statuses(guard_state: GuardState) -> tuple[BudgetStatus, ...]:
    """Return how every budget stands by the latest report about it, fullest first."""
    found: dict[tuple[str, str, str], BudgetStatus] = {}
    for guard in sorted(guard_state.guards, key=lambda seen: seen.seen_at):
        for gauge in guard.scopes:
            key = (guard.store, gauge.scope, gauge.period)
            before = found.get(key)
            names = () if before is None else before.guards
            found[key] = BudgetStatus(
                scope=gauge.scope,
                period=gauge.period,
                store=guard.store,
                currency=guard.currency,
                limit=gauge.limit,
                spent=gauge.spent,
                held=gauge.held,
                resets_at=gauge.resets_at,
                seen_at=guard.seen_at,
                guards=(*names, guard.guard),
            )
    return tuple(sorted(found.values(), key=_fullest_first))


class UnreportedBudget(NamedTuple):
    """A budget that no guard has reported about.

    Attributes:
        budget: The budget.
        is_unused: Whether it is known that nothing was ever spent on it; `False`: not known.
    """

    budget: Budget
    is_unused: bool


def unreported_budgets(
    budgets: Iterable[Budget], guard_state: GuardState
) -> tuple[UnreportedBudget, ...]:
    """Return the budgets that no latest report is about, in their order.

    The budget of a pattern is reported as soon as one of its scopes is.
    """
    reported = {
        (gauge.scope, gauge.period) for guard in guard_state.guards for gauge in guard.scopes
    }
    spent = {scope for scope, _ in guard_state.totals}
    # Only the largest totals are kept: a scope may be missing because others are larger.
    is_complete = len(guard_state.totals) < MOST_TOTALS
    return tuple(
        UnreportedBudget(
            budget, is_complete and not any(covers(budget.scope, scope) for scope in spent)
        )
        for budget in budgets
        if not any(
            period == budget.period and covers(budget.scope, scope) for scope, period in reported
        )
    )


def flights(guard_state: GuardState, now: dt.datetime) -> tuple[Flight, ...]:
    """Return the calls in flight by the latest reports, those that end first before others.

    Expired leases are dropped, even if the latest report still lists them.
    """
    found: dict[tuple[str, str], Flight] = {}
    for guard in sorted(guard_state.guards, key=lambda seen: seen.seen_at):
        for lease in guard.leases:
            if lease.expires_at > now:
                found[guard.store, lease.id] = Flight(guard, lease)
    return tuple(sorted(found.values(), key=lambda flight: flight.lease.expires_at))


def is_away(guard: GuardSeen, now: dt.datetime) -> bool:
    """Tell whether a guard has been silent for longer than one that lives."""
    return (now - guard.seen_at).total_seconds() > AWAY_AFTER_S


def _fullest_first(status: BudgetStatus) -> tuple[bool, Decimal, Decimal, str, str]:
    ratio = status.ratio
    return (
        ratio is None,
        -(ratio or Decimal()),
        -status.spent,
        status.scope,
        status.period,
    )
