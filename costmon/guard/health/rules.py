"""By which figures a host is judged, and how it is scored from 0 to 1.

    score = 0.4 x success rate + 0.3 x (1 - failures in a row / 10) + 0.3 x (1 - p95 / slow_s)

Each part is kept within 0..1. The rate has a prior of five successes in six calls, so that one
failure at first contact scores 0.86. Latency counts in full until five answers are known.

The weights alone cannot say everything, so two rules hold the score down once `enough_calls` are
known: while fewer than `failing_rate` of the calls succeed it is at most 0.8 x that rate, below 0.5
(by weights a host that fails every other call would score 0.79 for ever); while the p95 is at or
above `slow_s` it is at most 0.69 (by weights a perfect host that answers in a minute would score
0.70). Below 0.7 a host is called unhealthy; below 0.5 it is put into quarantine. So a slow host is
listed and not refused: a minute is usual for a language model. Raise `slow_s` for those.
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
"""Five, of which some time has passed since the first."""
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
    """By which figures a host is judged.

    Attributes:
        failures_in_row: So many open the quarantine.
        enough_calls: How many calls, faded, the two rules of the score need; at most 45.
        failing_rate: Below this success rate (prior included) a host fails too often.
        slow_s: A p95 from here on is slow; the latency's part of the score is 0 there.
        open_s: How long the first quarantine lasts; each failed probe doubles it.
        longest_open_s: At most so long.
        probe_s: How long a probe keeps others waiting that never reports.

    Raises:
        InputError: A figure is out of its range.
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
        """Check the figures."""
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
        """Return how well a host does, 0..1, from evidence as old as it is now."""
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
        """Tell whether a host is to be put into quarantine."""
        if evidence.row >= self.failures_in_row:
            return True
        return evidence.weight >= self.enough_calls and self.score(evidence) < QUARANTINED


def _check(name: str, given: object, least: float, most: float) -> None:
    number = given if isinstance(given, int | float) and not isinstance(given, bool) else nan
    if not least <= number <= most:  # which nan is not, either
        raise InputError(f"{name}={given!r}: give a number from {least} to {most}")


USUAL = HealthRules()
