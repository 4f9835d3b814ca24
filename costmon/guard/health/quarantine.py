"""When calls to a failing host are refused, and which single call probes whether it recovered.

closed -> open (60 s, doubled by each failed probe up to an hour, minus a random fifth at most, so
that many processes do not return at once) -> half open: one probe -> closed or open. Times are
seconds since 1970, because processes on several machines share them; if a clock was set back, calls
wait at most a minute longer than the longest quarantine.
"""

from typing import Literal, NamedTuple

from costmon.guard.health.rules import HealthRules

QuarantineState = Literal["closed", "open", "half_open"]

_JITTER = 0.2
_MOST_DOUBLINGS = 30
_SKEW_S = 60.0
_ROUNDING_S = 0.001
"""Tolerance for rounding, so that a call that waits as long as a refusal says is allowed."""


class Quarantine(NamedTuple):
    """Whether a host may be called.

    Attributes:
        openings: How often it was opened since it was last closed; 0: it is closed.
        until_s: When a probe is allowed.
        probe: The token of the call that is the probe; `None`: there is none.
        probe_until_s: Until when other calls wait for its result.
    """

    openings: int = 0
    until_s: float = 0.0
    probe: str | None = None
    probe_until_s: float = 0.0

    def wait_s(self, now_s: float, rules: HealthRules) -> float:
        """Return how long calls are refused; 0: a probe may be claimed, or it is closed."""
        if not self.openings:
            return 0.0
        if self.probe is not None:
            return _left(self.probe_until_s - now_s, rules.probe_s)
        return _left(self.until_s - now_s, rules.longest_open_s)

    def state(self, now_s: float, rules: HealthRules) -> QuarantineState:
        """Return its state."""
        if not self.openings:
            return "closed"
        probed = self.probe is not None and self.wait_s(now_s, rules) > 0
        return "half_open" if probed else "open"

    def opened(self, now_s: float, rules: HealthRules, chance: float) -> "Quarantine":
        """Return it opened, for longer than the last time; `chance` is random, in [0, 1)."""
        doublings = min(self.openings, _MOST_DOUBLINGS)
        open_s = min(rules.open_s * 2.0**doublings, rules.longest_open_s)
        return Quarantine(self.openings + 1, now_s + open_s * (1 - _JITTER * chance))

    def probed(self, token: str, now_s: float, rules: HealthRules) -> "Quarantine":
        """Return it with `token` as its probe, unless it is closed or calls are refused."""
        if not self.openings or self.wait_s(now_s, rules) > 0:
            return self
        return self._replace(probe=token, probe_until_s=now_s + rules.probe_s)

    def withdrawn(self, token: str) -> "Quarantine":
        """Return it without the probe `token`, which was not made."""
        return self._replace(probe=None) if self.probe == token else self


CLOSED = Quarantine()


def _left(seconds: float, most: float) -> float:
    """Return the remaining wait; 0 if it is implausibly long, because a clock was set back.

    A little more than `most` is accepted: threads may read the clock in one order and run in
    another.
    """
    return min(seconds, most) if _ROUNDING_S < seconds <= most + _SKEW_S else 0.0
