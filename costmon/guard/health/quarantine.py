"""When a sick host is left alone, and which single call finds out whether it is well again.

closed -> open (60 s, doubled by each failed probe up to an hour, less up to a fifth by chance, so
that many processes do not come back at once) -> half open: one probe -> closed or open. Times are
seconds since 1970, for processes on several machines share them; should a clock have been set back,
nobody waits a minute longer than the longest quarantine.
"""

from typing import Literal, NamedTuple

from costmon.guard.health.rules import HealthRules

QuarantineState = Literal["closed", "open", "half_open"]

_JITTER = 0.2
_MOST_DOUBLINGS = 30
_SKEW_S = 60.0
_ROUNDING_S = 0.001
"""Who waits for as long as a refusal says is let through, although clocks round."""


class Quarantine(NamedTuple):
    """Whether a host may be called.

    Attributes:
        openings: How often it was opened since it was last closed; 0: it is closed.
        until_s: When a probe is let through.
        probe: The token of the call that is the probe; `None`: there is none.
        probe_until_s: Until when others wait for it.
    """

    openings: int = 0
    until_s: float = 0.0
    probe: str | None = None
    probe_until_s: float = 0.0

    def wait_s(self, now_s: float, rules: HealthRules) -> float:
        """Return for how long nobody may call; 0: a probe may be claimed, or it is closed."""
        if not self.openings:
            return 0.0
        if self.probe is not None:
            return _left(self.probe_until_s - now_s, rules.probe_s)
        return _left(self.until_s - now_s, rules.longest_open_s)

    def state(self, now_s: float, rules: HealthRules) -> QuarantineState:
        """Return which of the three it is."""
        if not self.openings:
            return "closed"
        probed = self.probe is not None and self.wait_s(now_s, rules) > 0
        return "half_open" if probed else "open"

    def opened(self, now_s: float, rules: HealthRules, chance: float) -> "Quarantine":
        """Return it open, for longer than the last time; `chance` is in [0, 1)."""
        doublings = min(self.openings, _MOST_DOUBLINGS)
        open_s = min(rules.open_s * 2.0**doublings, rules.longest_open_s)
        return Quarantine(self.openings + 1, now_s + open_s * (1 - _JITTER * chance))

    def probed(self, token: str, now_s: float, rules: HealthRules) -> "Quarantine":
        """Return it with `token` as its probe, unless it is closed or nobody may call."""
        if not self.openings or self.wait_s(now_s, rules) > 0:
            return self
        return self._replace(probe=token, probe_until_s=now_s + rules.probe_s)

    def withdrawn(self, token: str) -> "Quarantine":
        """Return it without the probe `token`, which never called: the next may at once."""
        return self._replace(probe=None) if self.probe == token else self


CLOSED = Quarantine()


def _left(seconds: float, most: float) -> float:
    """Return what is left to wait; nothing, when a clock was set back so far that it is absurd.

    A little more than `most` is not: who looked at the clock first may come second.
    """
    return min(seconds, most) if _ROUNDING_S < seconds <= most + _SKEW_S else 0.0
