"""Find up to which report of a guard nothing is missing, although reports may be lost.

A guard forgets the rows of a report once it is confirmed, and sends rows again that were not
confirmed for half a minute, in whatever report comes next. So a report may be confirmed when all
before it are written. When one is missing (lost, dropped while the database was away, or accepted
by a service that was killed), none is confirmed until its rows must have come again.
"""

import datetime as dt
from typing import NamedTuple

_COVERED_AFTER = dt.timedelta(seconds=60)
"""Twice the time after which guards send unconfirmed rows again."""
_WHOLE_ROWS = 50
"""A report with fewer rows had room for every row that was due: they are limited to 60 kB, a row
takes at most 0.6 kB."""
_ROTATED_AFTER = dt.timedelta(minutes=10)
"""The time after which even a guard whose reports are always full has sent everything again."""


class Acknowledged(NamedTuple):
    """What is known of a guard's reports.

    Attributes:
        sequence: The highest that was written.
        confirmed: The highest up to which nothing is missing; `None`: nothing is certain yet.
        gap_at: When the report after the last missing one was sent; `None`: none is missing.
    """

    sequence: int
    confirmed: int | None
    gap_at: dt.datetime | None


def followed(
    before: Acknowledged | None, sequence: int, rows: int, sent_at: dt.datetime
) -> Acknowledged:
    """Return the acknowledged once a report has been written.

    Args:
        before: What was known; `None`: nothing of this guard.
        sequence: The report's.
        rows: How many rows it held.
        sent_at: By the guard's clock, aware.
    """
    if before is None:
        first = sequence <= 1
        return Acknowledged(sequence, sequence if first else None, None if first else sent_at)
    if sequence <= before.sequence:
        return before
    if sequence > before.sequence + 1:
        return Acknowledged(sequence, before.confirmed, sent_at)
    if before.gap_at is not None and not _is_covered(sent_at - before.gap_at, rows):
        return before._replace(sequence=sequence)
    return Acknowledged(sequence, sequence, None)


def _is_covered(since: dt.timedelta, rows: int) -> bool:
    return since >= (_COVERED_AFTER if rows < _WHOLE_ROWS else _ROTATED_AFTER)
