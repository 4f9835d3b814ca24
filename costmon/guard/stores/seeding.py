"""The initial value of a new counter, and the value of a figure without a counter."""

from costmon.domain.window import FOREVER, rolling_s
from costmon.guard.stores.base import Line

_HOUR_S = 3600


def oldest_hour(line: Line) -> int:
    """Return the first hour that `seed_bucket` may return a bucket for."""
    if line.period == "total":
        return 0
    length_s = rolling_s(line.period)
    return (line.bucket - length_s if length_s else line.first) - _HOUR_S


def newest_hour(line: Line) -> int:
    """Return the last hour that `seed_bucket` may return a bucket for."""
    if line.first != line.last or line.resets_at is None:
        return FOREVER
    return int(line.resets_at)


def seed_bucket(line: Line, hour: int, *, whole: bool = False) -> int | None:
    """Return the bucket of an hour's usage; `None` if it is not in the window.

    An hour that is only partly in the window counts in full: the result may be too high, never too
    low. In a rolling window it counts in the last possible bucket, and no hour is too new, as for
    the window itself.

    Args:
        line: The counter, in its current window.
        hour: Start of the UTC hour, seconds since 1970.
        whole: Only hours that are completely in the window: for a counter that already includes
            what was spent up to the end of the last window.
    """
    if line.period == "total":
        return line.bucket
    begins_s, ends_s = hour, hour + _HOUR_S
    if not whole:
        begins_s, ends_s = ends_s - 1, begins_s + 1
    length_s = rolling_s(line.period)
    if length_s:
        if begins_s < line.bucket - length_s:
            return None
        step_s = max(1, length_s // 60)
        return min(line.bucket, (hour + _HOUR_S - 1) // step_s * step_s)
    if line.first <= begins_s and (line.resets_at is None or ends_s <= line.resets_at):
        return line.bucket
    return None
