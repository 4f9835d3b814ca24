"""How often the link speaks, how long it waits, and how much it keeps."""

import random
from typing import NamedTuple


class Pace(NamedTuple):
    """Figures that a test may make faster.

    Attributes:
        report_s: Between reports while something changes.
        confirm_s: Until a report without rows asks whether earlier ones are in the database.
        heartbeat_s: Between reports while nothing changes.
        deep_s: Between looks at all hours that a late truth may still change.
        resend_s: After which rows that are accepted but not confirmed are sent again.
        first_back_off_s: After the first failed report.
        last_back_off_s: After many.
        spool_s: Between writes of the spool.
        wait_s: How long the service may hold a question for news.
        watch_back_off_s: Between questions for the policy while the service is away, at first.
        watch_last_back_off_s: And after a minute.
        connect_s: For a connection.
        answer_s: For a whole answer.
        rows: In one report.
        reports: In one go; what is left waits for the next.
        waiting: Rows that are kept while they are not confirmed; the oldest go first.
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
    """How long to wait after failures: doubling, with jitter, up to a last one."""

    def __init__(self, first_s: float, last_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._rng = rng
        self.failures = 0

    def failed(self, asked_s: float | None = None) -> float:
        """Return the seconds to wait now; what the service asked for counts, up to the last."""
        wait_s = min(self._last_s, self._first_s * 2.0 ** min(self.failures, 20))
        self.failures += 1
        wait_s *= 0.5 + 0.5 * self._rng.random()  # many guards must not come back together
        return max(wait_s, min(asked_s, self._last_s)) if asked_s is not None else wait_s

    def worked(self) -> None:
        """Begin anew."""
        self.failures = 0
