"""The open statistical finding: when it gets worse, when it is over; and the peaks seen before."""

import datetime as dt
from array import array

from costmon.detection.expectation import DAY_S, clip

HOUR_S = 3600
LONGEST_DAYS = 7  # after which it is the new normal
ENDED_NOISE, ENDED_MEAN, ENDED_SLOW = 0.8, 1.0, 0.4
RECENT, LAST_HOUR = 36, 12
SLOW = frozenset({"lumps", "step", "leak"})
DAILY = frozenset({"step", "leak"})
MUCH_FASTER, HUGE = 0.8, 3.0  # in logarithms over what was told
LEAST_TOP, NEW_TOP = 0.5, 1.0  # what is taken as told, at least; what is new is not well known
MUCH_FASTER_TEXT = "it is much faster than when it was told"
THREE_BUCKETS = 3
HIGHER_HOUR, HIGHER_NOW = 0.7, 1.2  # over the peak that it repeats: the last hour, three buckets
TEN_TIMES = 10
MONTH_DAYS = 30
FEW_SLOTS = 24


class Episode:
    """One finding while it is open. Times are seconds since 1970."""

    __slots__ = (
        "accepted",
        "before",
        "burned",
        "cause",
        "count",
        "day_total",
        "high",
        "last_told",
        "like",
        "lowest",
        "peak",
        "quiet",
        "rate",
        "raw",
        "recent",
        "since",
        "sustained",
        "told",
        "told_burned",
        "top",
        "total",
        "until",
    )

    def __init__(self, cause: str = "", since: float = 0.0, at: float = 0.0) -> None:
        self.cause, self.since, self.last_told = cause, since, at
        self.burned = self.told_burned = self.peak = self.rate = self.total = self.high = 0.0
        self.day_total = 0.0
        self.count = 0
        self.lowest = self.sustained = -HUGE  # of three buckets in a row: now, and at most
        self.recent, self.raw = array("d"), array("d")
        self.top = NEW_TOP if cause == "new" else LEAST_TOP
        self.told, self.quiet, self.accepted = True, False, False
        self.before = self.until = self.like = (
            0.0  # the peak that it repeats: when, until when, height
        )

    def follow(self, residual: float, excess: float, noise: float) -> None:
        """Add a bucket: its logarithm over the expectation and its money over it."""
        value = clip(residual, -2 * noise, 2.5)
        self.burned += excess
        self.recent.append(value)
        del self.recent[:-RECENT]
        self.raw.append(residual)
        del self.raw[:-THREE_BUCKETS]
        self.total += value
        self.day_total += value
        self.count += 1
        if len(self.recent) >= LAST_HOUR // 2:
            hour = self.recent[-LAST_HOUR:]
            self.high = max(self.high, sum(hour) / len(hour))
        if len(self.raw) == THREE_BUCKETS:
            self.lowest = min(self.raw)
            self.sustained = max(self.sustained, self.lowest)
        self.rate += (excess - self.rate) / min(self.count, 6)

    def has_ended(self, noise: float, slots: int) -> bool:
        """Whether the last hour was usual again; slow causes need three hours."""
        enough = self.count >= LAST_HOUR and self.count % 3 == 0
        if not (enough or (slots < FEW_SLOTS and self.count > 1)):
            return False
        hour = sorted(self.recent[-LAST_HOUR:])
        if (
            hour[len(hour) // 2] >= ENDED_NOISE * noise
            or sum(hour) / len(hour) >= ENDED_MEAN * noise
        ):
            return False
        slow = sum(self.recent) / len(self.recent) > ENDED_SLOW * noise
        return not (self.cause in SLOW and slow)

    @property
    def height(self) -> float:
        """How high it was, as a logarithm over the expectation."""
        return max(self.high, self.mean, self.sustained, self.peak)

    @property
    def mean(self) -> float:
        """Mean clipped logarithm over the expectation."""
        return self.total / self.count if self.count else 0.0

    @property
    def is_huge(self) -> bool:
        """Whether the newest bucket alone is far above what was told, or was accepted."""
        return self.raw[-1] > max(self.top, self.like) + HUGE

    def worse(self, at: float, least_money: float) -> str:
        """Return why it is much worse than what was told, or nothing."""
        if self.is_huge:
            self._told(at, self.raw[-1])
            return MUCH_FASTER_TEXT
        if self.lowest > self.top + MUCH_FASTER and at - self.last_told >= HOUR_S / 2:
            self._told(at, self.lowest)
            return MUCH_FASTER_TEXT
        if self.count == LAST_HOUR and self.cause != "new":
            self.top = max(self.high, self.top)
        most = TEN_TIMES * max(self.told_burned, least_money)
        if self.burned > most and at - self.last_told >= HOUR_S:
            self._told(at, self.top)
            return "it has burned ten times as much as when it was told"
        return ""

    def outlasts(self, at: float) -> bool:
        """Whether it goes on longer, or higher, than the peak that it repeats."""
        higher = self.high > self.like + HIGHER_HOUR or self.lowest > self.like + HIGHER_NOW
        if not self.before or (at <= self.until and not higher and not self.is_huge):
            return False
        self.before = 0.0
        self.quiet, self.told, self.accepted = False, True, False
        self._told(at, max(self.top, self.raw[-1]))
        return True

    def _told(self, at: float, top: float) -> None:
        self.top, self.told_burned, self.last_told = top, self.burned, at


class Peaks:
    """Peaks seen before, at most 24: a month end, a weekly job."""

    MOST, LONGEST_S = 24, 4 * DAY_S
    WEEKLY_S, WEEKLY_NOW_S, MONTHLY_S, LONG_S = 3600, 5400, 2700, 6 * 3600
    MONTH_WITHIN = 4  # days
    LONGER, GRACE_S = 1.15, 5400
    ACCEPTED_DAYS = 35

    __slots__ = ("accepted", "ends", "heights", "starts")

    def __init__(self) -> None:
        self.starts, self.ends, self.heights = array("d"), array("d"), array("d")
        self.accepted = array("b")

    def remember(self, episode: Episode, at: float) -> None:
        """Remember a finding that is over, if it was short."""
        if at - episode.since >= self.LONGEST_S:
            return
        self.starts.append(episode.since)
        self.ends.append(at)
        self.heights.append(episode.height)
        self.accepted.append(episode.accepted)
        for kept in (self.starts, self.ends, self.heights, self.accepted):
            del kept[: -self.MOST]

    def accept(self, since: float) -> None:
        """Say that the peak that began then was fine."""
        for index, start in enumerate(self.starts):
            if start == since:
                self.accepted[index] = 1

    def recognise(self, episode: Episode, at: float) -> None:
        """Mark a new finding that repeats a peak: quiet, or accepted if that one was."""
        for start, end, height, accepted in zip(
            self.starts, self.ends, self.heights, self.accepted, strict=True
        ):
            lag = self._lag(episode.since, at, start, end, accepted=bool(accepted))
            if lag and episode.peak < height + HIGHER_NOW:
                until = start + lag + self.LONGER * (end - start) + self.GRACE_S
                episode.until = max(episode.until, until)
                episode.like = max(episode.like, height)
                episode.before = max(episode.before, min(start + HOUR_S, end))
                episode.quiet = True
                episode.accepted = episode.accepted or bool(accepted)

    def _lag(self, since: float, at: float, start: float, end: float, *, accepted: bool) -> float:
        """Return seconds between two peaks that are alike by the calendar, 0 for others."""
        back = since - start
        days = round(back / DAY_S)
        near = abs(back - days * DAY_S) <= self.WEEKLY_S
        if days in {7, 14} and (near or abs(at - start - days * DAY_S) <= self.WEEKLY_NOW_S):
            return days * DAY_S
        if accepted and near and 1 <= days <= self.ACCEPTED_DAYS:
            return days * DAY_S
        best = 0.0
        if abs(days - MONTH_DAYS) < self.MONTH_WITHIN:
            for month in _months(start):
                shifted = since - month * DAY_S
                inside = (
                    month == MONTH_DAYS and start < shifted <= end and end - start > self.LONG_S
                )
                if abs(shifted - start) <= self.MONTHLY_S or inside:
                    best = max(best, month * DAY_S)
        return best


def _months(start: float) -> set[int]:
    """Days to the like peak of the next month: 30, the same day, the same day from the end."""
    day = dt.datetime.fromtimestamp(start + HOUR_S, dt.UTC).date()
    this = day.replace(day=1)
    following = (this + dt.timedelta(days=31)).replace(day=1)
    after = (following + dt.timedelta(days=31)).replace(day=1)
    return {MONTH_DAYS, (following - this).days, (after - following).days}
