"""Fold what guards report into the state: pure, bounded, and the same when a report comes twice."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, TypeVar

from costmon.domain.spend import GuardReport, Notice, RefusalNote, ScopeGauge
from costmon.state.guard_state import GuardSeen, GuardState, SpendTotal

TotalKey = tuple[str, str]
"""Scope and currency."""

SEEN_FOR = dt.timedelta(days=1)
MOST_GUARDS = 500
MOST_WITHOUT_TOKEN = 400
"""Of those; beyond it they take the places of each other only."""
MOST_TOTALS = 2_000
"""The largest are shown; all of them are in the database."""
MOST_REFUSED = 5_000
MOST_REFUSALS = 200
MOST_NOTICES = 100

K = TypeVar("K")
V = TypeVar("V")


class Recorded(NamedTuple):
    """The result of writing a report.

    Attributes:
        guard: Whose.
        confirmed: The sequence up to which nothing of this guard is missing; `None`: not known yet.
        totals: Of every scope that it had rows of, after writing.
        unpriced: The same of calls to models without a known price.
        rows: That were compared with the stored ones.
        ignored: Rows that could not be taken: too old, or out of range.
    """

    guard: str
    confirmed: int | None
    totals: Mapping[TotalKey, SpendTotal]
    unpriced: Mapping[TotalKey, SpendTotal]
    rows: int
    ignored: int


def reported(
    state: GuardState, report: GuardReport, now: dt.datetime, *, authenticated: bool = False
) -> tuple[GuardState, tuple[Notice, ...]]:
    """Return the state with a report folded in, and those of its notices that are new to it.

    A report that is not newer than the guard's latest adds what it tells of refusals and notices,
    and changes nothing else.
    """
    before = next((seen for seen in state.guards if seen.guard == report.guard), None)
    after = state._replace(
        refusals=_refusals(state.refusals, report),
        notices=_notices(state.notices, report),
    )
    known = {notice.id for _, notice in state.notices}
    fresh = tuple({it.id: it for it in report.notices if it.id not in known}.values())
    if before is not None and report.sequence <= before.sequence:
        return after, fresh
    seen = _seen(report, now)._replace(authenticated=authenticated)
    others = (it for it in state.guards if it.guard != report.guard and now - it.seen_at < SEEN_FOR)
    return after._replace(
        guards=_bounded((seen, *others)),
        refused=_refused(state.refused, seen.refused, before.refused if before else {}),
    ), fresh


def impersonates(state: GuardState, report: GuardReport, *, authenticated: bool) -> bool:
    """Return whether nobody in particular reports in the name of a guard that is authenticated."""
    return not authenticated and any(
        seen.authenticated for seen in state.guards if seen.guard == report.guard
    )


def _bounded(guards: tuple[GuardSeen, ...]) -> tuple[GuardSeen, ...]:
    left = MOST_WITHOUT_TOKEN
    kept = []
    for seen in guards:
        if not seen.authenticated:
            left -= 1
        if seen.authenticated or left >= 0:
            kept.append(seen)
    return tuple(kept[:MOST_GUARDS])


def swept(state: GuardState, now: dt.datetime) -> GuardState:
    """Return the state without guards that have not been seen for a day."""
    return state._replace(guards=tuple(it for it in state.guards if now - it.seen_at < SEEN_FOR))


def recorded(
    state: GuardState,
    totals: Mapping[TotalKey, SpendTotal],
    unpriced: Mapping[TotalKey, SpendTotal],
) -> GuardState:
    """Return the state with new totals in the place of old ones; the largest stay."""

    def merged(
        old: Mapping[TotalKey, SpendTotal], new: Mapping[TotalKey, SpendTotal]
    ) -> Mapping[TotalKey, SpendTotal]:
        return _largest({**old, **new}, MOST_TOTALS, lambda total: total.spent)

    return state._replace(
        totals=merged(state.totals, totals), unpriced=merged(state.unpriced, unpriced)
    )


def pressing(report: GuardReport, scope: str) -> ScopeGauge | None:
    """Return the budget of `scope` that is nearest to its limit; `None` when none is reported."""
    gauges = [it for it in report.scopes if it.scope == scope and it.limit is not None]
    return max(gauges, key=_used, default=None)


def _used(gauge: ScopeGauge) -> float:
    taken = gauge.spent + gauge.held
    return float(taken / gauge.limit) if gauge.limit else float("inf")


def _seen(report: GuardReport, now: dt.datetime) -> GuardSeen:
    return GuardSeen(
        guard=report.guard,
        store=report.store,
        app=report.app,
        host=report.host,
        pid=report.pid,
        currency=report.currency,
        seen_at=now,
        sequence=report.sequence,
        scopes=report.scopes,
        leases=report.leases,
        refused={(it.scope, it.reason): it.refused for it in report.refused},
    )


def _refused(
    state: Mapping[TotalKey, int], now: Mapping[TotalKey, int], before: Mapping[TotalKey, int]
) -> Mapping[TotalKey, int]:
    """Add what a guard has refused since its last report: its own counts only go up."""
    counts = dict(state)
    for key, refused in now.items():
        counts[key] = counts.get(key, 0) + max(0, refused - before.get(key, 0))
    return _largest(counts, MOST_REFUSED, lambda count: count)


def _refusals(
    known: tuple[tuple[str, RefusalNote], ...], report: GuardReport
) -> tuple[tuple[str, RefusalNote], ...]:
    told = (*known, *((report.guard, refusal) for refusal in report.refusals))
    return _newest(told, lambda it: it[1].at, MOST_REFUSALS)


def _notices(
    known: tuple[tuple[str, Notice], ...], report: GuardReport
) -> tuple[tuple[str, Notice], ...]:
    ids = {notice.id for _, notice in known}
    told = (*known, *((report.guard, it) for it in report.notices if it.id not in ids))
    return _newest(told, lambda it: it[1].at, MOST_NOTICES)


def _newest(items: Iterable[V], at: Callable[[V], dt.datetime], most: int) -> tuple[V, ...]:
    distinct = tuple(dict.fromkeys(items))
    return tuple(sorted(distinct, key=at, reverse=True)[:most])


def _largest(values: dict[K, V], most: int, size: Callable[[V], object]) -> Mapping[K, V]:
    if len(values) <= most:
        return values
    kept = sorted(values, key=lambda key: (size(values[key]), key), reverse=True)[:most]
    return {key: values[key] for key in kept}
