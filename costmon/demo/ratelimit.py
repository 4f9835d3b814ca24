"""Count requests in a sliding hour and say how many are left, as the vendor does."""

import threading
from collections import deque
from collections.abc import Mapping

from costmon.clock import Clock

_HOUR_S = 3600


class RateLimit:
    """A limit of requests within any hour.

    Args:
        hourly: How many are served.
        clock: Tells when requests come and go.
    """

    def __init__(self, hourly: int, *, clock: Clock) -> None:
        self._hourly = hourly
        self._clock = clock
        self._lock = threading.Lock()
        self._served_at: deque[float] = deque()

    def take(self) -> tuple[bool, Mapping[str, str]]:
        """Count one request: whether it is served, and the headers that tell of the limit."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            while self._served_at and self._served_at[0] <= now_s - _HOUR_S:
                self._served_at.popleft()
            served = len(self._served_at) < self._hourly
            if served:
                self._served_at.append(now_s)
            left = self._hourly - len(self._served_at)
            oldest_s = self._served_at[0] if self._served_at else now_s
        # The vendor says when the oldest request leaves the hour, not when all are forgotten.
        reset = self._clock.now().timestamp() + oldest_s + _HOUR_S - now_s
        return served, {
            "ratelimit-limit": str(self._hourly),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(int(reset)),
        }
