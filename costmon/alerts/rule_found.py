"""Tell people that a scope costs more than its rule allows, in money."""

from costmon.alerts.condition import Condition
from costmon.alerts.rules import Outcome
from costmon.domain.finding import Series

_WHAT = {"hourly": "the hourly limit", "daily": "the daily limit", "spike": "a spike"}


def rule_broken(outcome: Outcome) -> Condition:
    """Return the condition that an outcome is about: critical once it passes the breaker's line."""
    rule, what = outcome.rule, _WHAT[outcome.kind]
    is_guarded = Series(outcome.scope, rule.currency).source == "guards"
    stop = f"; `costmon circuits open {outcome.scope}` stops guarded calls" if is_guarded else ""
    over = "is over" if outcome.kind == "spike" else "is kept again"
    return Condition(
        name=outcome.name,
        state="opened" if outcome.holds else "resolved",
        # A day that was charged is told once, and again when it was restated.
        cause=f"{outcome.at.isoformat()} {outcome.observed}"
        if outcome.source == "charges"
        else outcome.at.isoformat(),
        event="alerter.rule_broken",
        resolved_event="alerter.rule_kept",
        severity="critical" if outcome.passes_breaker else "warning",
        title=f"{outcome.scope}: {what}",
        text=f"{outcome.text} `costmon status` shows every rule{stop}.",
        resolved_text=f"{outcome.scope}: {what} {over}.",
        labels={"scope": outcome.scope, "kind": outcome.kind},
        escalates=False,
        repeats=True,
        since=outcome.since,
        facts={
            "scope": outcome.scope,
            "rule": rule.scope,
            "kind": outcome.kind,
            "source": outcome.source,
            "observed": float(outcome.observed),
            "limit": None if outcome.limit is None else float(outcome.limit),
            "usual": None if outcome.usual is None else float(outcome.usual),
            "currency": rule.currency,
            "passes_breaker": outcome.passes_breaker,
        },
    )
