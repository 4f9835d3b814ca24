"""Intervals, timeouts and limits of the link."""

import random
from typing import NamedTuple


class Pace(NamedTuple):
    """Intervals, timeouts and limits; tests use shorter ones.

    Attributes:
        report_s: Between reports while something changes.
        confirm_s: Until a report without rows asks whether earlier ones are stored.
        heartbeat_s: Between reports while nothing changes.
        deep_s: Between reads of all hours that late settlements may still change.
        resend_s: Until rows that are accepted but not confirmed are sent again.
        first_back_off_s: After the first failed report.
        last_back_off_s: After many failed reports.
        spool_s: Between writes of the spool.
        wait_s: Longest wait of a policy request for a change.
        watch_back_off_s: Between policy requests while the service is unavailable, at first.
        watch_last_back_off_s: The same, after a minute.
        connect_s: Timeout of a connection.
        answer_s: Timeout of a whole response.
        rows: Most rows in one report.
        reports: Most reports at a time.
        waiting: Most rows that are kept unconfirmed; the oldest are dropped.
    """

    report_s: float = 1.0
    confirm_s: float = 1.0
    heartbeat_s: float = 30.0
    deep_s: float = 600.0
    resend_s: float = 30.0
    first_back_off_s: float = 1.0
    last_back_off_s: float = 30.0
    spool_s: float = 5.0
    wait_s: int = 30
    watch_back_off_s: float = 0.5
    watch_last_back_off_s: float = 5.0
    connect_s: float = 3.0
    answer_s: float = 10.0
    rows: int = 200
    reports: int = 10
    waiting: int = 50_000


class BackOff:
    """Exponential back-off with jitter."""

    def __init__(self, first_s: float, last_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._rng = rng
        self.failures = 0

    def failed(self, asked_s: float | None = None) -> float:
        """Return the seconds to wait: at least what the service asked for, up to the maximum."""
        wait_s = min(self._last_s, self._first_s * 2.0 ** min(self.failures, 20))
        self.failures += 1
        wait_s *= 0.5 + 0.5 * self._rng.random()  # many guards must not return at once
        return max(wait_s, min(asked_s, self._last_s)) if asked_s is not None else wait_s

    def worked(self) -> None:
        """Reset after a success."""
        self.failures = 0
