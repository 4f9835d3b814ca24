"""What of a rule opens the circuit of its scope: a threshold, a budget, a finding.

Nothing is opened here: the alerter passes openings to the policy actor, with every bucket, budget
or finding, and they change nothing while the circuit is open.
"""

from collections.abc import Sequence
from decimal import Decimal

from costmon.alerts.rules import Outcome
from costmon.domain.cap import BudgetUse
from costmon.domain.circuit import Opening
from costmon.domain.money import shown
from costmon.domain.rule import FindingSeverity, Rule, rule_for

_HOUR_S, _DAY_S = 3600.0, 86_400.0
_USED_UP = Decimal(100)


def threshold_opening(outcome: Outcome) -> Opening | None:
    """Return the opening of an outcome that is above the breaker's line; `None` otherwise."""
    if not outcome.passes_breaker:
        return None
    breaker = outcome.rule.breaker
    return Opening(
        id=f"{outcome.name}/{outcome.at.isoformat()}",
        scope=outcome.scope,
        rule=outcome.rule.scope,
        cause="threshold",
        reason=f"{outcome.text} The breaker opens at {breaker.threshold_multiplier:f} times it.",
        open_s=breaker.open_s,
        # As long as what was spent before is in the window.
        trial_s=_DAY_S if outcome.kind == "daily" else _HOUR_S,
    )


def budget_opening(use: BudgetUse, rules: Sequence[Rule]) -> Opening | None:
    """Return the opening of a budget that is used up; `None` when it is not, or no rule says so.

    A budget of which nothing is known opens nothing.
    """
    budget, rule = use.cap.budget, rule_for(use.cap.budget.scope, rules)
    if rule is None or not (rule.breaker.enabled and rule.breaker.on_budget):
        return None
    if use.percent is None or use.spent is None or use.percent < _USED_UP:
        return None
    return Opening(
        id=f"budget:{use.source}:{use.name}/{use.period_start.isoformat()}",
        scope=budget.scope,
        rule=rule.scope,
        cause="budget",
        reason=(
            f"{shown(use.spent)} of {shown(budget.limit)} {budget.currency} of this "
            f"{budget.period} are spent."
        ),
        open_s=rule.breaker.open_s,
        trial_s=_DAY_S,
    )


def finding_opening(
    finding_id: str, scope: str, severity: FindingSeverity, text: str, rules: Sequence[Rule]
) -> Opening | None:
    """Return the opening of a finding of detection; `None` when no rule says so.

    Args:
        finding_id: Names the finding for ever.
        scope: Of the series.
        severity: Of the finding.
        text: What was found, for people.
        rules: All there are.
    """
    rule = rule_for(scope, rules)
    if rule is None or not rule.breaker.enabled:
        return None
    if rule.breaker.on_finding not in {"warning", severity}:
        return None
    return Opening(
        id=finding_id,
        scope=scope,
        rule=rule.scope,
        cause="finding",
        reason=text,
        open_s=rule.breaker.open_s,
        trial_s=_HOUR_S,
    )
