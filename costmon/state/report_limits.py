"""Limit what guards may add: in time, per store and in total, less without the token.

What counts is what is new in an hour: names of guards, notices, and rows. A row is cumulative, so a
guard that reports the same rows again and again adds nothing. A report that would add too much is
not taken and not confirmed; its guard sends it again, so that nothing is lost when a program has a
good reason, and an invented one cannot fill the database.
"""

import datetime as dt
from collections import defaultdict
from typing import NamedTuple

from costmon.domain.spend import GuardReport

AHEAD = dt.timedelta(hours=1)
"""How far a guard's clock may be ahead of ours."""

BEHIND = dt.timedelta(days=400)
"""How long a guard may have kept rows while the service was unavailable."""

_HOUR = dt.timedelta(hours=1)


class Allowance(NamedTuple):
    """What may be new in an hour.

    Attributes:
        store: Of one store, whose guards report the same rows.
        total: Of all.
    """

    store: int
    total: int


WITHOUT_TOKEN = Allowance(10_000, 20_000)
WITH_TOKEN = Allowance(50_000, 200_000)


class Verdict(NamedTuple):
    """What is to be done with a report.

    Attributes:
        report: Without rows of impossible times; `None`: it must be sent again later.
        dropped: Rows that were taken out.
        is_first: Whether it is the first such fault in this hour: what is told once.
    """

    report: GuardReport | None
    dropped: int
    is_first: bool


class ReportLimits:
    """Counts what is new in an hour; the counts are reset with the next one."""

    def __init__(
        self, without_token: Allowance = WITHOUT_TOKEN, with_token: Allowance = WITH_TOKEN
    ) -> None:
        self._allowances = {False: without_token, True: with_token}
        self._until: dt.datetime | None = None
        self._begin()

    def check(self, report: GuardReport, now: dt.datetime, *, authenticated: bool) -> Verdict:
        """Return what is to be done with a report."""
        self._look_at(now)
        allowance, known = self._allowances[authenticated], self._known[authenticated]
        rows = tuple(row for row in report.rows if now - BEHIND <= row.hour <= now + AHEAD)
        dropped = len(report.rows) - len(rows)
        fresh = {
            hash((report.store, *key))
            for key in (
                ("guard", report.guard),
                *(("notice", notice.id) for notice in report.notices),
                *((row.hour, row.scope, row.activity) for row in rows),
            )
        } - known
        of_store = self._of_store.get((authenticated, report.store), 0)
        if of_store + len(fresh) > allowance.store or len(known) + len(fresh) > allowance.total:
            is_first = self.is_first("too much", now, authenticated=authenticated)
            return Verdict(None, dropped, is_first)
        known |= fresh
        if fresh:
            self._of_store[authenticated, report.store] += len(fresh)
        taken = report._replace(rows=rows) if dropped else report
        is_first = dropped > 0 and self.is_first("time", now, authenticated=authenticated)
        return Verdict(taken, dropped, is_first)

    def is_first(self, fault: str, now: dt.datetime, *, authenticated: bool) -> bool:
        """Return whether a fault is the first of its kind in this hour, so that it is told once."""
        self._look_at(now)
        key = fault, authenticated
        is_first = key not in self._told
        self._told.add(key)
        return is_first

    def _look_at(self, now: dt.datetime) -> None:
        if self._until is None or now >= self._until or now < self._until - _HOUR:
            self._begin()
            self._until = now + _HOUR

    def _begin(self) -> None:
        self._known: dict[bool, set[int]] = {False: set(), True: set()}
        self._of_store: defaultdict[tuple[bool, str], int] = defaultdict(int)
        self._told: set[tuple[str, bool]] = set()
