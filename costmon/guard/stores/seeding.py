"""Let a counter that is used for the first time know what was spent before."""

from costmon.domain.window import rolling_s
from costmon.guard.stores.base import Line

_HOUR_S = 3600


def seed_bucket(line: Line, hour: int) -> int | None:
    """Return the bucket that the usage of an hour belongs to; `None` when it is not in the window.

    Only whole hours within the window count: of a zone that is not whole hours from UTC, up to half
    an hour at its start is left out. In a rolling window an hour counts as late as it can.

    Args:
        line: The counter, in its present window.
        hour: Start of the UTC hour, seconds since 1970.
    """
    if line.first == line.last:
        if line.period == "total":
            return line.bucket
        ends_s = line.resets_at
        inside = line.first <= hour and (ends_s is None or hour + _HOUR_S <= ends_s)
        return line.bucket if inside else None
    length_s = rolling_s(line.period)
    if not length_s or not line.bucket - length_s <= hour <= line.bucket:
        return None
    step_s = max(1, length_s // 60)
    return min(line.bucket, (hour + _HOUR_S - 1) // step_s * step_s)
