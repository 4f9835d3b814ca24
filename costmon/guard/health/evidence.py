"""Evidence about a host from a series of calls: a decaying value that can be added in parts.

Every call reduces the weight of earlier ones by 2 % (1 % for latencies), and every six hours halve
it: the last 50 calls matter, the last 100 for latency, and after a day without calls almost nothing
is left. Calls of another process are added as if they came last.
"""

from typing import NamedTuple

from costmon.guard.health.latency import NONE, LatencyHistogram, one

CALL_FADE = 0.98
LATENCY_FADE = 0.99
HALF_LIFE_S = 6 * 3600.0

PRIOR_SUCCESSES = 5.0
PRIOR_FAILURES = 1.0
"""Beta(5, 1): an unknown host is assumed to answer five calls of six."""


class Evidence(NamedTuple):
    """Calls that ended, with decayed weights.

    Attributes:
        calls: How many were added, without decay.
        successes: Decayed count.
        failures: Decayed count.
        row: Consecutive failures since the last success.
        latencies: Of successes, and of timeouts, which took at least as long.
        at_s: When the last one ended, seconds since 1970; 0 when there was none.
    """

    calls: int = 0
    successes: float = 0.0
    failures: float = 0.0
    row: int = 0
    latencies: LatencyHistogram = NONE
    at_s: float = 0.0

    def plus(self, later: "Evidence") -> "Evidence":
        """Return the sum of this, decayed by the later calls, and the later calls."""
        if not self.calls:
            return later
        if not later.calls:
            return self
        aged = _aged(later.at_s - self.at_s)
        fade = CALL_FADE**later.calls * aged
        unbroken = later.row == later.calls
        return Evidence(
            self.calls + later.calls,
            self.successes * fade + later.successes,
            self.failures * fade + later.failures,
            self.row + later.row if unbroken else later.row,
            self.latencies.plus(later.latencies, fade=LATENCY_FADE**later.calls * aged),
            max(self.at_s, later.at_s),
        )

    def aged(self, now_s: float) -> "Evidence":
        """Return its decayed value at `now_s`."""
        fade = _aged(now_s - self.at_s)
        return self._replace(
            successes=self.successes * fade,
            failures=self.failures * fade,
            latencies=NONE.plus(self.latencies)
            if fade == 1
            else self.latencies.plus(NONE, fade=fade),
        )

    @property
    def weight(self) -> float:
        """Return the decayed number of calls."""
        return self.successes + self.failures

    @property
    def success_rate(self) -> float:
        """Return the share of calls that succeed, 0..1, including the prior."""
        successes = self.successes + PRIOR_SUCCESSES
        return successes / (successes + self.failures + PRIOR_FAILURES)


NOTHING = Evidence()


def of_call(*, ok: bool, latency_s: float | None, at_s: float) -> Evidence:
    """Return the evidence of one call.

    Raises:
        InputError: `latency_s` is negative or not finite.
    """
    return Evidence(
        1,
        float(ok),
        float(not ok),
        int(not ok),
        NONE if latency_s is None else one(latency_s),
        at_s,
    )


def _aged(seconds: float) -> float:
    return 1.0 if seconds <= 0 else float(0.5 ** (seconds / HALF_LIFE_S))
