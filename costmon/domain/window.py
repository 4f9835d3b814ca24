"""Where spending is counted: calendar hours, days and months, rolling windows, and all time.

A window is a range of buckets. A bucket is named by the second since 1970 that it starts with: of a
calendar period there is one, of a rolling window one for each 60th of its length (at least a
second), of `total` the bucket 0.
"""

import datetime as dt
import re
from typing import NamedTuple

from costmon.errors import BudgetError

CALENDAR = ("hour", "day", "month", "total")
ALIASES = {"hourly": "hour", "daily": "day", "monthly": "month"}
FOREVER = 1 << 62
"""A bucket, and a second, later than all."""

_ROLLING = re.compile(r"rolling:([1-9][0-9]{0,7})([smhd])", re.ASCII)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_HOUR_S = 3600
_LONGEST_S = 366 * 86_400
_STEPS = 60


class Window(NamedTuple):
    """What counts at one moment.

    Attributes:
        bucket: Where spending made now is counted.
        first: Oldest bucket that counts.
        last: Newest bucket that counts; of a rolling window none is too new, so that a clock that
            was set back does not hide what has been spent.
        valid_from: First second, since 1970, that this answer is right for.
        valid_until: First second after it.
        resets_at: When all of it is forgotten at the latest, seconds since 1970; `None`: never.
    """

    bucket: int
    first: int
    last: int
    valid_from: float
    valid_until: float
    resets_at: float | None


def period_of(text: object) -> str:
    """Return the canonical form of a period: `hour`, `day`, `month`, `total`, `rolling:24h`.

    Raises:
        BudgetError: It is not one of these.
    """
    name = ALIASES.get(text, text) if isinstance(text, str) else ""
    if name in CALENDAR:
        return name
    match = _ROLLING.fullmatch(name)
    if match is None or not 1 <= rolling_s(name) <= _LONGEST_S:
        raise BudgetError(
            f"{text!r} is not a valid period: use {', '.join(CALENDAR)}, or a rolling window of "
            "up to 366 days such as 'rolling:24h'"
        )
    return name


def rolling_s(period: str) -> int:
    """Return the length of a rolling window in seconds; 0 when `period` is not one."""
    match = _ROLLING.fullmatch(period)
    return int(match[1]) * _UNIT_S[match[2]] if match else 0


def zone_of(name: str) -> dt.tzinfo:
    """Return a time zone by its IANA key.

    Raises:
        BudgetError: There is no time zone of that name.
    """
    if name == "UTC":
        return dt.UTC
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BudgetError(
            f"{name!r} is not a known time zone: use a name such as Europe/Berlin"
        ) from None


def window_at(period: str, epoch_s: float, zone: dt.tzinfo) -> Window:
    """Return the window of `period` (in canonical form) at a moment.

    Args:
        period: See `period_of`.
        epoch_s: Seconds since 1970.
        zone: Where calendar days and months begin.
    """
    if period == "total":
        return Window(0, 0, 0, -FOREVER, FOREVER, None)
    length_s = rolling_s(period)
    if length_s:
        step_s = max(1, length_s // _STEPS)
        bucket = int(epoch_s // step_s) * step_s
        # The bucket that is only partly old still counts: a sum over any `length_s` stays within.
        first = bucket - length_s - (-length_s % step_s)
        return Window(bucket, first, FOREVER, bucket, bucket + step_s, bucket + step_s + length_s)
    start, end = _calendar(period, epoch_s, zone)
    return Window(start, start, start, start, end, end)


def _calendar(period: str, epoch_s: float, zone: dt.tzinfo) -> tuple[int, int]:
    if period == "hour":
        local = dt.datetime.fromtimestamp(epoch_s, zone)
        offset_s = int((local.utcoffset() or dt.timedelta()).total_seconds())
        start = int(epoch_s + offset_s) // _HOUR_S * _HOUR_S - offset_s
        return start, start + _HOUR_S
    local = dt.datetime.fromtimestamp(epoch_s, zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if period == "month":
        midnight = midnight.replace(day=1)
        following = (midnight + dt.timedelta(days=32)).replace(day=1)
    else:
        following = midnight + dt.timedelta(days=1)
    return int(midnight.timestamp()), int(following.timestamp())
