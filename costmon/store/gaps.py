"""What was not observed: spans of time between two good cycles, and what they are assumed to cost.

A gap keeps the rates that held when it began; its cost is calculated when it is read, so that a gap
can be cut short when a clock that was ahead comes back.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from typing import Literal, NamedTuple

from sqlalchemy import BigInteger, Connection, and_, delete, insert, select, type_coerce, update

from costmon.domain.money import from_nano
from costmon.domain.poll import PollReport
from costmon.store.accrual import Accrual, Group, Tally, split
from costmon.store.columns import from_micros, to_micros
from costmon.store.schema import history_gap

GapReason = Literal["downtime", "polls", "clock"]
_STEADY_US = 1_000_000
"""A wall clock that differs by less from the monotonic clock was not set."""
_NOTHING = Group("", "", "")
"""The group of the row that is the gap itself; rates have rows of their own."""


class Span(NamedTuple):
    """How the time up to a good cycle counts; all in microseconds.

    Attributes:
        until: When the cycle observed.
        observed: What counts as observed, [start, end); `None` when nothing does.
        gap: What passed without being observed, [start, end); `None` when nothing did.
        reason: Why: the service did not run, polls failed or came too late, or the clock was set.
        turned_back: From when on history is void, because the clock was ahead; `None`: it is not.
    """

    until: int
    observed: tuple[int, int] | None
    gap: tuple[int, int] | None = None
    reason: GapReason = "polls"
    turned_back: int | None = None


def span_between(since: int, until: int, report: PollReport, now: int) -> Span | None:
    """Return how the time between two good cycles of an account counts.

    Args:
        since: When the earlier one observed.
        until: When this one did.
        report: This one's, with what the monotonic clock says.
        now: The wall clock.

    Returns:
        `None` when this cycle is only late: it is older than the other one.
    """
    step = round((report.clock_step_s or 0.0) * 1_000_000)
    if abs(step) < _STEADY_US:
        step = 0
    if until <= since and step >= 0:
        # Either it is late, or the clock was set back while the service did not run, and nobody
        # knows how long that was.
        return None if since <= now else Span(until, None, turned_back=until)
    elapsed = max(0, until - since - step)
    start = until - elapsed
    # Set back by more than the time between the two, or less: some minutes have passed twice.
    turned_back = start if until <= since or start < since else None
    if report.fresh_s is not None and elapsed > round(report.fresh_s * 1_000_000):
        reason: GapReason = "downtime" if report.clock_step_s is None else "polls"
        gap = (since, until) if until > since else (start, until)
        return Span(until, None, gap, reason, turned_back=gap[0] if until <= since else None)
    if step > 0:
        return Span(until, (since, since + elapsed), (since + elapsed, until), "clock")
    return Span(until, (start, until), turned_back=turned_back)


def write_gap(connection: Connection, owner: tuple[str, str], accrual: Accrual, span: Span) -> None:
    """Write a cycle's gap and the rates that are assumed for it."""
    if span.gap is None:
        return
    rows: defaultdict[tuple[int, Group], Tally] = defaultdict(Tally)
    for started, group, tally in accrual.gap_rates(span.gap):
        rows[started, group] = rows[started, group].plus(tally)
    rows[span.gap[0], _NOTHING] = Tally()
    connection.execute(
        insert(history_gap),
        [
            {
                "account": owner[0],
                "provider": owner[1],
                "started_at": from_micros(started),
                "ended_at": from_micros(span.gap[1]),
                "kind": group.kind,
                "region": group.region,
                "currency": group.currency,
                "reason": span.reason,
                "monthly": from_nano(tally.monthly),
                "resource_count": tally.count,
                "unpriced_count": tally.unpriced,
            }
            for (started, group), tally in rows.items()
        ],
    )


def cut_gaps(connection: Connection, owner: tuple[str, str], moment: int) -> None:
    """Forget gaps from a moment on: a clock that was ahead has come back."""
    table = history_gap.c
    mine = and_(table.account == owner[0], table.provider == owner[1])
    at = from_micros(moment)
    connection.execute(delete(history_gap).where(mine, table.started_at >= at))
    connection.execute(update(history_gap).where(mine, table.ended_at > at).values(ended_at=at))


class GapDay(NamedTuple):
    """A part of a gap that lies in one UTC day.

    Attributes:
        day: The day.
        owner: Account and provider.
        group: What the rate is about; `None` for the gap itself.
        micros: How long the part is.
        tally: The rate.
    """

    day: dt.date
    owner: tuple[str, str]
    group: Group | None
    micros: int
    tally: Tally


def read_gap_days(connection: Connection, first: dt.date, end: dt.date) -> Iterator[GapDay]:
    """Return the gaps of the days from `first` to before `end`, day by day."""
    table = history_gap.c
    start_at, end_at = _midnight(first), _midnight(end)
    for row in connection.execute(
        select(
            table.account,
            table.provider,
            table.kind,
            table.region,
            table.currency,
            table.started_at,
            table.ended_at,
            type_coerce(table.monthly, BigInteger),
            table.resource_count,
            table.unpriced_count,
        ).where(table.ended_at > start_at, table.started_at < end_at)
    ):
        account, provider, kind, region, currency, started, ended, monthly, count, unpriced = row
        group = Group(kind, region, currency)
        since = max(to_micros(started), to_micros(start_at))
        until = min(to_micros(ended), to_micros(end_at))
        for day, micros in split(since, until):
            yield GapDay(
                day=day,
                owner=(account, provider),
                group=None if group == _NOTHING else group,
                micros=micros,
                tally=Tally(int(monthly), count, unpriced),
            )


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
