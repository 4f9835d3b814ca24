"""What a counter that is made starts from, and what a figure without a counter is."""

from costmon.domain.window import FOREVER, rolling_s
from costmon.guard.stores.base import Line

_HOUR_S = 3600


def oldest_hour(line: Line) -> int:
    """Return the first hour that `seed_bucket` may have a bucket for."""
    if line.period == "total":
        return 0
    length_s = rolling_s(line.period)
    return (line.bucket - length_s if length_s else line.first) - _HOUR_S


def newest_hour(line: Line) -> int:
    """Return the last hour that `seed_bucket` may have a bucket for."""
    if line.first != line.last or line.resets_at is None:
        return FOREVER
    return int(line.resets_at)


def seed_bucket(line: Line, hour: int, *, whole: bool = False) -> int | None:
    """Return the bucket that the usage of an hour belongs to; `None` when it is not in the window.

    An hour of which only a part is in the window counts in full: more counts than was spent in it,
    never less. In a rolling window it counts as late as it can, and none is too new, as for the
    window itself.

    Args:
        line: The counter, in its present window.
        hour: Start of the UTC hour, seconds since 1970.
        whole: Only hours that are in the window as a whole: for a counter that knows by itself what
            was spent up to the last window's end.
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
