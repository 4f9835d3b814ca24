"""The record of one host that processes share: a value, its changes, and its text."""

from typing import NamedTuple

from costmon.guard.health.evidence import NOTHING, Evidence
from costmon.guard.health.latency import BUCKETS, LatencyHistogram
from costmon.guard.health.quarantine import CLOSED, Quarantine
from costmon.guard.health.rules import HealthRules

_VERSION = 1


class HealthRecord(NamedTuple):
    """The record of one host.

    Attributes:
        era: Incremented when the quarantine opens or closes; earlier results do not count
            afterwards.
        evidence: Of this era.
        quarantine: Whether it may be called.
    """

    era: int = 0
    evidence: Evidence = NOTHING
    quarantine: Quarantine = CLOSED

    @property
    def used_s(self) -> float:
        """Return when it was last relevant, seconds since 1970."""
        return max(self.evidence.at_s, self.quarantine.until_s, self.quarantine.probe_until_s)

    def plus(
        self, later: Evidence, *, era: int, now_s: float, rules: HealthRules, chance: float
    ) -> "HealthRecord":
        """Return it with a process's results from `era`; they may open the quarantine.

        Results from another era, or while the quarantine is open, change nothing.
        """
        if era != self.era or self.quarantine.openings:
            return self
        evidence = self.evidence.plus(later)
        if not later.failures or not rules.condemn(evidence.aged(now_s)):
            return self._replace(evidence=evidence)
        return HealthRecord(self.era + 1, evidence, self.quarantine.opened(now_s, rules, chance))

    def after_probe(
        self, token: str, outcome: Evidence, *, now_s: float, rules: HealthRules, chance: float
    ) -> "HealthRecord":
        """Return it with the result of its probe; results of other calls change nothing."""
        if self.quarantine.probe != token:
            return self
        if not outcome.failures:
            return HealthRecord(self.era + 1, outcome, CLOSED)
        return HealthRecord(
            self.era + 1,
            self.evidence.plus(outcome),
            self.quarantine.opened(now_s, rules, chance),
        )

    def to_text(self) -> str:
        """Return it as JSON."""
        import json

        evidence, quarantine = self.evidence, self.quarantine
        return json.dumps(
            {
                "version": _VERSION,
                "era": self.era,
                "calls": evidence.calls,
                "successes": evidence.successes,
                "failures": evidence.failures,
                "row": evidence.row,
                "latencies": {str(key): value for key, value in evidence.latencies.weights.items()},
                "at": evidence.at_s,
                "openings": quarantine.openings,
                "until": quarantine.until_s,
                "probe": quarantine.probe,
                "probe_until": quarantine.probe_until_s,
            },
            separators=(",", ":"),
        )

    @classmethod
    def from_text(cls, text: str | None) -> "HealthRecord | None":
        """Parse what `to_text` wrote; `None` without a text, or if it is not valid.

        An unreadable record must not stop calls: it is replaced.
        """
        import json

        if text is None:
            return None
        try:
            read = json.loads(text)
            if read["version"] != _VERSION:
                return None
            weights = {int(key): float(value) for key, value in read["latencies"].items()}
            if not all(0 <= key < BUCKETS for key in weights):
                return None
            return cls(
                int(read["era"]),
                Evidence(
                    int(read["calls"]),
                    float(read["successes"]),
                    float(read["failures"]),
                    int(read["row"]),
                    LatencyHistogram(weights),
                    float(read["at"]),
                ),
                Quarantine(
                    int(read["openings"]),
                    float(read["until"]),
                    None if read["probe"] is None else str(read["probe"]),
                    float(read["probe_until"]),
                ),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
            return None


UNKNOWN = HealthRecord()
