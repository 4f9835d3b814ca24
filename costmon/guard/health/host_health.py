"""The health of one host; unknown values are `None`, never 0."""

import datetime as dt
from typing import NamedTuple

from costmon.guard.health.quarantine import QuarantineState
from costmon.guard.health.record import HealthRecord
from costmon.guard.health.rules import HEALTHY, HealthRules


class HostHealth(NamedTuple):
    """The health of one host.

    Attributes:
        host: In canonical form.
        score: 0..1; see `costmon.guard.health.rules`.
        healthy: Whether it is not in quarantine and scores at least 0.7.
        success_rate: Share of recent calls that succeeded, 0..1, with a prior of five in six;
            `None` without recent calls.
        p95_s: 95th percentile of recent latencies, within 12.5 %; `None` without any.
        consecutive_failures: Since the last success.
        calls: Decayed number of calls that the figures are based on.
        last_call_at: Aware UTC; `None` if no call is known.
        quarantine: `closed` if it may be called, `open`, or `half_open` while a probe is in flight.
        until: When the next call is allowed; `None` when closed. In the past: the next call is the
            probe.
        openings: How often the quarantine was opened since it was last closed.
    """

    host: str
    score: float
    healthy: bool
    success_rate: float | None
    p95_s: float | None
    consecutive_failures: int
    calls: float
    last_call_at: dt.datetime | None
    quarantine: QuarantineState
    until: dt.datetime | None
    openings: int


def host_health(host: str, record: HealthRecord, now_s: float, rules: HealthRules) -> HostHealth:
    """Return a host's health at `now_s`, seconds since 1970."""
    evidence = record.evidence.aged(now_s)
    quarantine = record.quarantine
    score = rules.score(evidence)
    known = evidence.calls > 0
    state = quarantine.state(now_s, rules)
    until_s = quarantine.probe_until_s if state == "half_open" else quarantine.until_s
    return HostHealth(
        host=host,
        score=score,
        healthy=state == "closed" and score >= HEALTHY,
        success_rate=evidence.success_rate if known else None,
        p95_s=evidence.latencies.quantile(0.95),
        consecutive_failures=evidence.row,
        calls=evidence.weight,
        last_call_at=dt.datetime.fromtimestamp(evidence.at_s, dt.UTC) if known else None,
        quarantine=state,
        until=None if state == "closed" else dt.datetime.fromtimestamp(until_s, dt.UTC),
        openings=quarantine.openings,
    )
