"""Vercel's months and days: they begin at midnight in Los Angeles, so some have 23 or 25 hours."""

import datetime as dt
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

ZONE = "America/Los_Angeles"


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """A calendar month in Los Angeles, half-open.

    Attributes:
        start: First instant, aware UTC.
        end: First instant after it, aware UTC.
    """

    start: dt.datetime
    end: dt.datetime

    @classmethod
    def of(cls, moment: dt.datetime) -> Self:
        """Return the month that holds an instant."""
        first = moment.astimezone(ZoneInfo(ZONE)).date().replace(day=1)
        following = (first + dt.timedelta(days=31)).replace(day=1)
        return cls(start=_midnight(first), end=_midnight(following))

    def previous(self) -> Self:
        """Return the month before."""
        return self.of(self.start - dt.timedelta(days=1))

    def finished(self, now: dt.datetime) -> dt.datetime:
        """Return the end of the last day of this month that is over; `start` when none is."""
        return min(self.end, _midnight(now.astimezone(ZoneInfo(ZONE)).date()))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZoneInfo(ZONE)).astimezone(dt.UTC)
