"""What guards report, each fact of which a test may choose."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.spend import (
    GuardReport,
    LeaseNote,
    Notice,
    NoticeKind,
    RefusalCount,
    RefusalNote,
    ScopeGauge,
    SpendRow,
)
from costmon.testing.clock import START


def spend_row(
    spent: str | Decimal = "0.01",
    *,
    scope: str = "global",
    activity: str = "call",
    hour: dt.datetime = START,
    requests: int = 1,
    failed: int = 0,
    changes: int = 1,
) -> SpendRow:
    """Return what one scope has spent on one activity in one hour."""
    return SpendRow(
        hour=hour,
        scope=scope,
        activity=activity,
        spent=Decimal(spent),
        requests=requests,
        failed=failed,
        expired=0,
        bytes_in=100,
        bytes_out=10,
        changes=changes,
    )


def gauge(
    scope: str = "global",
    *,
    period: str = "month",
    limit: str | None = "10",
    spent: str = "9",
    held: str = "0",
    resets_at: dt.datetime | None = dt.datetime(2026, 12, 1, tzinfo=dt.UTC),
) -> ScopeGauge:
    """Return how a budget stands."""
    return ScopeGauge(
        scope=scope,
        period=period,
        limit=None if limit is None else Decimal(limit),
        spent=Decimal(spent),
        held=Decimal(held),
        resets_at=resets_at,
    )


def notice(
    id: str = "n1",
    kind: NoticeKind = "warn",
    *,
    scope: str = "global",
    text: str = "global has spent 9.00 of 10.00 USD this month",
    at: dt.datetime = START,
) -> Notice:
    """Return something that people should know."""
    return Notice(id=id, at=at, kind=kind, scope=scope, text=text)


def refusal(
    reason: str = "budget", *, scope: str = "global", at: dt.datetime = START
) -> RefusalNote:
    """Return a call that was not made."""
    return RefusalNote(at=at, scope=scope, reason=reason, text=f"{scope}: {reason}")


def guard_report(
    sequence: int = 1,
    rows: Iterable[SpendRow] = (),
    *,
    guard: str = "g1",
    store: str = "s1",
    app: str = "worker",
    host: str = "box",
    currency: str = "USD",
    sent_at: dt.datetime = START,
    scopes: Iterable[ScopeGauge] = (),
    leases: Iterable[LeaseNote] = (),
    refusals: Iterable[RefusalNote] = (),
    refused: Iterable[RefusalCount] = (),
    notices: Iterable[Notice] = (),
) -> GuardReport:
    """Return a report; empty by default."""
    return GuardReport(
        guard=guard,
        store=store,
        sequence=sequence,
        app=app,
        host=host,
        pid=12,
        sent_at=sent_at,
        currency=currency,
        rows=tuple(rows),
        scopes=tuple(scopes),
        leases=tuple(leases),
        refusals=tuple(refusals),
        refused=tuple(refused),
        notices=tuple(notices),
    )
