"""Half-open spans of time and calendar months, in aware UTC."""

import datetime as dt
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """The span [start, end).

    Attributes:
        start: First instant inside, aware UTC.
        end: First instant after it, aware UTC.

    Raises:
        ValueError: An end is naive, or `end` lies before `start`.
    """

    start: dt.datetime
    end: dt.datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            msg = "a period needs aware datetimes"
            raise ValueError(msg)
        if self.end < self.start:
            msg = f"a period cannot end ({self.end}) before it starts ({self.start})"
            raise ValueError(msg)

    @property
    def seconds(self) -> float:
        """Return the length in seconds."""
        return (self.end - self.start).total_seconds()


def month_of(moment: dt.datetime) -> Period:
    """Return the UTC calendar month that `moment` lies in."""
    start = moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Period(start=start, end=(start + dt.timedelta(days=32)).replace(day=1))
