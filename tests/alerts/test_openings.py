"""Which thresholds, budgets and findings open a circuit: only those of which a rule says so."""

import datetime as dt
from decimal import Decimal

import pytest

from costmon.alerts.openings import budget_opening, finding_opening, threshold_opening
from costmon.alerts.rules import RuleWatch
from costmon.domain.budget import Budget
from costmon.domain.cap import BudgetUse, Cap
from costmon.domain.rule import Breaker, Rule

AT = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)
SCOPE = "provider:openai"
OPENS = Rule(SCOPE, breaker=Breaker(True, Decimal(5), True, "critical", 600.0))
OFF = Rule(SCOPE, breaker=Breaker(False, Decimal(5), True, "warning", 600.0))


def use(spent, limit=10):
    budget = Budget(SCOPE, str(limit), "month", "USD")
    return BudgetUse(
        cap=Cap(budget, (Decimal(100),), enforce=False),
        source="charges",
        spent=None if spent is None else Decimal(spent),
        left_out=(),
        rates=(),
        period_start=AT.date(),
        estimated=False,
    )


def test_an_hour_above_the_breakers_line_opens():
    hourly, daily = RuleWatch([OPENS]).update(SCOPE, AT, 501)

    opening, of_day = threshold_opening(hourly), threshold_opening(daily)

    assert opening is not None
    assert of_day is not None

    assert (opening.scope, opening.rule, opening.cause) == (SCOPE, SCOPE, "threshold")
    assert (opening.open_s, opening.trial_s) == (600, 3600)
    assert "501.00 USD in the last hour; the limit is 10.00 USD" in opening.reason
    assert of_day.trial_s == 86_400


def test_an_hour_above_its_limit_alone_opens_nothing():
    (hourly,) = RuleWatch([OPENS]).update(SCOPE, AT, 50)

    assert hourly.holds
    assert threshold_opening(hourly) is None


def test_a_budget_opens_when_it_is_used_up():
    assert budget_opening(use("9.99"), [OPENS]) is None
    assert budget_opening(use(None), [OPENS]) is None

    opening = budget_opening(use(10), [OPENS])

    assert opening is not None

    assert (opening.scope, opening.cause) == (SCOPE, "budget")
    assert opening.reason == "10.00 of 10.00 USD of this month are spent."


def finding(severity, on_finding):
    rule = OPENS._replace(breaker=OPENS.breaker._replace(on_finding=on_finding))
    return finding_opening("f1", SCOPE, severity, "a loop", [rule])


@pytest.mark.parametrize(
    ("severity", "on_finding", "opens"),
    [
        ("critical", "critical", True),
        ("critical", "warning", True),
        ("warning", "warning", True),
        ("warning", "critical", False),
        ("critical", None, False),
    ],
)
def test_a_finding_opens_from_the_severity_on_that_the_rule_names(severity, on_finding, opens):
    assert (finding(severity, on_finding) is not None) is opens


def test_nothing_opens_by_itself_unless_a_rule_says_so():
    for rules in ([], [OFF], [Rule("provider:stripe", breaker=OPENS.breaker)]):
        assert budget_opening(use(100), rules) is None
        assert finding_opening("f1", SCOPE, "critical", "a loop", rules) is None
        outcomes = RuleWatch(rules).update(SCOPE, AT, 10_000)
        assert [threshold_opening(one) for one in outcomes] == [None] * len(outcomes)
