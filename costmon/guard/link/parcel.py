"""Pending rows and notices under one guard's name: this guard's, or a dead process's."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple, Self

from costmon.domain.money import from_nano
from costmon.domain.spend import (
    GuardReport,
    LeaseNote,
    Notice,
    RefusalCount,
    RefusalNote,
    ScopeGauge,
    SpendRow,
)
from costmon.guard.link.outbox import Outbox
from costmon.guard.link.pace import Pace
from costmon.guard.stores.base import UsageRow

RowKey = tuple[int, str, str]
"""Hour (seconds since 1970), scope, activity."""

MOST_NOTICES = 20
_NOTICES_KEPT = 200
_ADOPTED_AHEAD = 1_000_000
"""A dead guard may have sent more reports than its file says: start well above."""


class Name(NamedTuple):
    """Who reports; see `GuardReport`."""

    guard: str
    store: str
    app: str
    currency: str
    host: str
    pid: int


class Present(NamedTuple):
    """The current state, which is never resent: the next report has a newer one."""

    scopes: tuple[ScopeGauge, ...] = ()
    leases: tuple[LeaseNote, ...] = ()
    refusals: tuple[RefusalNote, ...] = ()
    refused: tuple[RefusalCount, ...] = ()


NOTHING = Present()


class Parcel:
    """Rows and notices that are not confirmed; for one thread."""

    def __init__(self, name: Name, pace: Pace) -> None:
        self.name = name
        self.rows: Outbox[RowKey, SpendRow] = Outbox(pace.waiting)
        self.notices: Outbox[str, Notice] = Outbox(_NOTICES_KEPT)
        self.sequence = 0
        self.said_at_s: float | None = None
        self._pace = pace
        self._confirm_s = pace.confirm_s

    @classmethod
    def adopted(cls, report: GuardReport, pace: Pace) -> Self:
        """Return the pending data of a dead process, still under its name."""
        name = Name(
            report.guard, report.store, report.app, report.currency, report.host, report.pid
        )
        parcel = cls(name, pace)
        parcel.sequence = report.sequence + _ADOPTED_AHEAD
        for row in report.rows:
            parcel.rows.put((int(row.hour.timestamp()), row.scope, row.activity), row.changes, row)
        parcel.note(report.notices)
        return parcel

    @property
    def is_empty(self) -> bool:
        """Whether everything is confirmed."""
        return not self.rows and not self.notices

    def count(self, row: UsageRow) -> None:
        """Add a row, which replaces an older copy."""
        self.rows.put((row.hour, row.scope, row.activity), row.changes, spend_row(row))

    def note(self, notices: Iterable[Notice]) -> None:
        """Add notices."""
        for notice in notices:
            self.notices.put(notice.id, 0, notice)

    def wants(self, now_s: float) -> bool:
        """Return whether there is something to send, or to ask confirmation for."""
        if self.is_empty:
            return False
        resend_s = self._pace.resend_s
        if self.rows.due(1, now_s, resend_s) or self.notices.due(1, now_s, resend_s):
            return True
        return self.said_at_s is None or now_s - self.said_at_s >= self._confirm_s

    def report(
        self,
        rows: Iterable[SpendRow],
        notices: Iterable[Notice],
        present: Present,
        sent_at: dt.datetime,
    ) -> GuardReport:
        """Return a report with the next sequence number."""
        return GuardReport(
            guard=self.name.guard,
            store=self.name.store,
            sequence=self.sequence + 1,
            app=self.name.app,
            host=self.name.host,
            pid=self.name.pid,
            sent_at=sent_at,
            currency=self.name.currency,
            rows=tuple(rows),
            scopes=present.scopes,
            leases=present.leases,
            refusals=present.refusals,
            refused=present.refused,
            notices=tuple(notices),
        )

    def whole(self, sent_at: dt.datetime) -> GuardReport:
        """Return everything pending as one report, which may be too large except for a spool."""
        return self.report(self.rows.values(), self.notices.values(), NOTHING, sent_at)

    def accepted(self, report: GuardReport, confirmed: int | None, now_s: float) -> None:
        """Record that the service accepted a report, and what it has stored."""
        self.said_at_s = now_s
        self.rows.sent(map(row_key, report.rows), report.sequence, now_s)
        self.notices.sent((notice.id for notice in report.notices), report.sequence, now_s)
        over = -1 if confirmed is None else confirmed
        if self.rows.confirm(over) + self.notices.confirm(over) or report.rows:
            self._confirm_s = self._pace.confirm_s
        else:
            # Its database is unavailable: confirmation is not urgent.
            self._confirm_s = min(self._pace.resend_s, self._confirm_s * 2)

    def refused(self, report: GuardReport) -> None:
        """Set a report's rows and notices aside; a row that changes is sent again."""
        self.rows.drop(map(row_key, report.rows))
        self.notices.drop(notice.id for notice in report.notices)


def row_key(row: SpendRow) -> RowKey:
    """Return the key of a row."""
    return int(row.hour.timestamp()), row.scope, row.activity


def spend_row(row: UsageRow) -> SpendRow:
    """Return a store's row in major units."""
    amount: Decimal = from_nano(row.spent)
    hour = dt.datetime.fromtimestamp(row.hour, dt.UTC)
    return SpendRow(hour, row.scope, row.activity, amount, *row[4:])
