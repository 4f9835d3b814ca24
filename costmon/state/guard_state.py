"""What guards have reported, as pages, answers and metrics show it: one immutable value."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.spend import LeaseNote, Notice, RefusalNote, ScopeGauge


class GuardSeen(NamedTuple):
    """One guard, by its latest report.

    Attributes:
        guard: Its random name.
        store: The identity of its store.
        app: What its program calls itself.
        host: The machine's name.
        pid: The process.
        currency: Of its amounts.
        seen_at: When its latest report arrived, aware UTC, by our clock.
        sequence: Of that report.
        scopes: How its budgets stood then.
        leases: The oldest calls in flight then.
        refused: Counts by (scope, reason) since the guard was made.
        authenticated: Whether that report came with the token or over the socket.
    """

    guard: str
    store: str
    app: str
    host: str
    pid: int
    currency: str
    seen_at: dt.datetime
    sequence: int
    scopes: tuple[ScopeGauge, ...]
    leases: tuple[LeaseNote, ...]
    refused: Mapping[tuple[str, str], int]
    authenticated: bool = False


class SpendTotal(NamedTuple):
    """What one scope has cost since costmon keeps its rows, over all stores.

    Attributes:
        currency: Of `spent`.
        spent: Major units.
        requests: Calls that were charged.
        failed: Of these, failed ones.
    """

    currency: str
    spent: Decimal
    requests: int
    failed: int


class GuardState(NamedTuple):
    """All guards.

    Attributes:
        guards: Those seen in the last day, latest first.
        totals: By (scope, currency).
        unpriced: The part of `totals` that is of calls to models without a known price.
        refused: By (scope, reason), over all guards since costmon was started.
        refusals: The latest, newest first, at most 200; each with the guard's name.
        notices: The latest, newest first, at most 100; each with the guard's name.
    """

    guards: tuple[GuardSeen, ...]
    totals: Mapping[tuple[str, str], SpendTotal]
    unpriced: Mapping[tuple[str, str], SpendTotal]
    refused: Mapping[tuple[str, str], int]
    refusals: tuple[tuple[str, RefusalNote], ...]
    notices: tuple[tuple[str, Notice], ...]


def unpriced_totals(state: GuardState) -> list[tuple[str, SpendTotal]]:
    """Return the models and hosts with calls that have no known price, most calls first."""
    rows = [
        (scope, total)
        for (scope, _), total in state.unpriced.items()
        if scope.startswith(("model:", "host:")) and total.requests
    ]
    return sorted(rows, key=lambda row: (-row[1].requests, row[0], row[1].currency))


EMPTY = GuardState(guards=(), totals={}, unpriced={}, refused={}, refusals=(), notices=())
