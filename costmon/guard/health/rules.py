"""How a host is scored from 0 to 1, and the thresholds of its health.

    score = 0.4 x success rate + 0.3 x (1 - failures in a row / 10) + 0.3 x (1 - p95 / slow_s)

Each part is limited to 0..1. The rate has a prior of five successes in six calls, so that a failure
of the first call scores 0.86. The latency part is 1 until five latencies are known.

The weights alone are not enough, so two rules limit the score once `enough_calls` are known: while
fewer than `failing_rate` of the calls succeed it is at most 0.8 x that rate, below 0.5 (by weights
alone, a host that fails every other call would always score 0.79); while the p95 is at or above
`slow_s` it is at most 0.69 (by weights alone, a host without failures that answers in a minute
would score 0.70). Below 0.7 a host is unhealthy; below 0.5 it is put into quarantine. So a slow
host is listed as unhealthy, but calls to it are not refused: a minute is normal for a language
model. Raise `slow_s` for such hosts.
"""

from math import nan
from typing import NamedTuple, Self

from costmon.errors import InputError
from costmon.guard.health.evidence import Evidence

HEALTHY = 0.7
QUARANTINED = 0.5

_RATE, _ROW, _LATENCY = 0.4, 0.3, 0.3
_LONG_ROW = 10
_LATENCIES = 4.5
"""Five calls, slightly decayed."""
_FAILING = 0.8
_SLOW = 0.69


class _HealthRules(NamedTuple):
    failures_in_row: int
    enough_calls: int
    failing_rate: float
    slow_s: float
    open_s: float
    longest_open_s: float
    probe_s: float


class HealthRules(_HealthRules):
    """The thresholds that a host is judged by.

    Attributes:
        failures_in_row: Consecutive failures that open the quarantine.
        enough_calls: Decayed number of calls that the two rules of the score need; at most 45.
        failing_rate: Below this success rate (including the prior) a host fails too often.
        slow_s: A p95 from here on is slow: the latency part of the score is 0.
        open_s: How long the first quarantine lasts; each failed probe doubles it.
        longest_open_s: The longest quarantine.
        probe_s: How long other calls wait for a probe that does not report.

    Raises:
        InputError: A value is out of range.
    """

    __slots__ = ()

    def __new__(
        cls,
        *,
        failures_in_row: int = 5,
        enough_calls: int = 10,
        failing_rate: float = 0.6,
        slow_s: float = 5.0,
        open_s: float = 60.0,
        longest_open_s: float = 3600.0,
        probe_s: float = 120.0,
    ) -> Self:
        """Check the values."""
        _check("failures_in_row", failures_in_row, 1, 1000)
        _check("enough_calls", enough_calls, 1, 45)
        _check("failing_rate", failing_rate, 0, 1)
        _check("slow_s", slow_s, 0.01, 100)
        _check("open_s", open_s, 0.001, 86_400)
        _check("longest_open_s", longest_open_s, open_s, 86_400)
        _check("probe_s", probe_s, 0.001, 86_400)
        return super().__new__(
            cls,
            failures_in_row,
            enough_calls,
            failing_rate,
            slow_s,
            open_s,
            longest_open_s,
            probe_s,
        )

    def score(self, evidence: Evidence) -> float:
        """Return a host's score, 0..1, from evidence that is decayed to now."""
        rate = evidence.success_rate
        row = max(0.0, 1 - evidence.row / _LONG_ROW)
        p95_s = None
        if evidence.latencies.weight >= _LATENCIES:
            p95_s = evidence.latencies.quantile(0.95)
        latency = 1.0 if p95_s is None else max(0.0, 1 - p95_s / self.slow_s)
        score = _RATE * rate + _ROW * row + _LATENCY * latency
        if evidence.weight >= self.enough_calls:
            if rate < self.failing_rate:
                score = min(score, _FAILING * rate)
            if p95_s is not None and p95_s >= self.slow_s:
                score = min(score, _SLOW)
        return min(1.0, score)

    def condemn(self, evidence: Evidence) -> bool:
        """Return whether a host must be put into quarantine."""
        if evidence.row >= self.failures_in_row:
            return True
        return evidence.weight >= self.enough_calls and self.score(evidence) < QUARANTINED


def _check(name: str, given: object, least: float, most: float) -> None:
    number = given if isinstance(given, int | float) and not isinstance(given, bool) else nan
    if not least <= number <= most:  # also false for nan
        raise InputError(f"{name}={given!r}: give a number from {least} to {most}")


USUAL = HealthRules()
