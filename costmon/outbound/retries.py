"""Decide whether and when a failed GET is tried again: arithmetic only."""

import random
from dataclasses import dataclass

from costmon.errors import ProviderError
from costmon.outbound.protocol import OutboundLimits


@dataclass(slots=True, kw_only=True)
class Retries:
    """The attempts of one GET.

    Attributes:
        limits: Bounds in number and time.
        rng: Source of jitter.
        started_s: Monotonic seconds at the first attempt.
        attempts: How many there may be, the first one included.
        failed: Attempts that failed so far.
    """

    limits: OutboundLimits
    rng: random.Random
    started_s: float
    attempts: int
    failed: int = 0

    def pause_after(self, error: ProviderError, now_s: float) -> float | None:
        """Return the seconds to wait before the next attempt; `None` means give up.

        What the vendor asks for is honoured to the second. Without a word from it the pause is
        drawn from the whole range (full jitter), so that many clients do not retry at the same
        time.
        """
        self.failed += 1
        if not error.retryable or self.failed >= self.attempts:
            return None
        pause_s = error.retry_after_s
        if pause_s is None:
            ceiling_s = self.limits.backoff_first_s * 2 ** (self.failed - 1)
            pause_s = self.rng.uniform(0.0, min(self.limits.backoff_max_s, ceiling_s))
        if now_s - self.started_s + pause_s > self.limits.budget_s:
            return None
        return pause_s
