"""Rules on spending: how much an hour and a day may cost, and what happens above it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon.domain.scope import covers

FindingSeverity = Literal["warning", "critical"]

DEFAULT_SPIKE_MULTIPLIER = Decimal(3)
DEFAULT_THRESHOLD_MULTIPLIER = Decimal(5)
DEFAULT_OPEN_S = 3600.0
DEFAULT_COOLDOWN_S = 1800.0

DEFAULT_LIMITS = {
    "openai": (Decimal(10), Decimal(100)),
    "github": (Decimal(5), Decimal(50)),
    "stripe": (Decimal(50), Decimal(500)),
    "supabase": (Decimal(5), Decimal(25)),
}
"""US dollars an hour and a day, by provider, for a rule that names no amounts."""


class Breaker(NamedTuple):
    """When a rule opens the circuit of its scope by itself.

    Attributes:
        enabled: Whether it ever does.
        threshold_multiplier: It does when an hour or a day costs more than so many times its limit.
        on_budget: Whether it does when a budget of the scope is used up.
        on_finding: It does on a finding of at least this severity; `None`: on none.
        open_s: Seconds that the first opening lasts.
    """

    enabled: bool = False
    threshold_multiplier: Decimal = DEFAULT_THRESHOLD_MULTIPLIER
    on_budget: bool = False
    on_finding: FindingSeverity | None = None
    open_s: float = DEFAULT_OPEN_S


class Rule(NamedTuple):
    """What the spending of a scope is compared with.

    Attributes:
        scope: In canonical form; may be a pattern.
        hourly: Most that an hour may cost; `None`: the default of the provider, if it has one.
        daily: Most that 24 hours may cost; `None`: the default of the provider, if it has one.
        spike_multiplier: An hour that costs so many times the usual is a spike.
        cooldown_s: Seconds between repeats of an alert.
        breaker: When it opens the circuit.
        currency: Of the amounts.
    """

    scope: str
    hourly: Decimal | None = None
    daily: Decimal | None = None
    spike_multiplier: Decimal = DEFAULT_SPIKE_MULTIPLIER
    cooldown_s: float = DEFAULT_COOLDOWN_S
    breaker: Breaker = Breaker()
    currency: str = "USD"

    def for_scope(self, scope: str) -> "Rule":
        """Return the rule with the limits that it has for a scope that it covers."""
        if self.hourly is not None or self.daily is not None:
            return self
        kind, _, provider = scope.partition(":")
        limits = DEFAULT_LIMITS.get(provider) if kind == "provider" else None
        if limits is None or self.currency != "USD":
            return self
        return self._replace(hourly=limits[0], daily=limits[1])


def rule_for(scope: str, rules: Iterable[Rule]) -> Rule | None:
    """Return the rule that covers a scope most closely, with its limits; `None`: none does."""
    found = [(closeness, rule) for rule in rules if (closeness := covers(rule.scope, scope))]
    return max(found, key=lambda pair: pair[0])[1].for_scope(scope) if found else None


def described(rule: Rule) -> str:
    """Return what a rule compares and does, in one line for people."""
    limited = rule.for_scope(rule.scope)
    limits = [
        f"{amount:f} {rule.currency} {span}"
        for amount, span in ((limited.hourly, "an hour"), (limited.daily, "a day"))
        if amount is not None
    ]
    compared = [*limits, f"spikes of {rule.spike_multiplier:f} times the usual"]
    return f"{', '.join(compared)}; {_opening(rule.breaker, has_limits=bool(limits))}"


def _opening(breaker: Breaker, *, has_limits: bool) -> str:
    if not breaker.enabled:
        return "opens no circuit"
    causes = [
        f"at {breaker.threshold_multiplier:f} times a limit" if has_limits else "",
        "when a budget is used up" if breaker.on_budget else "",
        f"on a {breaker.on_finding} finding" if breaker.on_finding else "",
    ]
    return f"opens the circuit {', '.join(filter(None, causes))}"
