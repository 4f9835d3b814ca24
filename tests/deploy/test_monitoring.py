"""A cap, a quota and a failing vendor, through a real Prometheus and a real Alertmanager.

The tests of the dashboard's queries are here, too, so that they share the two servers.
"""

import re

import pytest

from tests.deploy.dashboard import queries, runnable, shipped
from tests.deploy.stack import wait_until


def test_an_exceeded_cap_and_its_end_are_sent_once_without_the_warning(costmon, stack):
    budget = {"budget": "provider:wasabi month", "source": "charges"}
    costmon.set("costmon_budget_limit_usd", 1, **budget)
    costmon.set("costmon_budget_used_ratio", 1.42, **budget)

    alert = stack.webhook.wait_for("firing", alertname="BudgetExceeded", **budget)
    inhibited = wait_until(lambda: stack.inhibited(**budget), "Alertmanager inhibits the warning")
    firing = stack.firing(**budget)
    costmon.set("costmon_budget_used_ratio", 0.4, **budget)
    stack.webhook.wait_for("resolved", alertname="BudgetExceeded", **budget)

    assert alert["labels"]["provider"] == "wasabi"
    assert alert["labels"]["severity"] == "critical"
    assert "142% of the budget" in alert["annotations"]["description"]
    assert ": 1.42 of 1.00 USD." in alert["annotations"]["description"]
    assert [alert["alertname"] for alert in inhibited] == ["BudgetWarning"]
    assert {alert["alertname"] for alert in firing} == {"BudgetWarning", "BudgetExceeded"}
    assert [
        (alert["labels"]["alertname"], alert["status"])
        for alert in stack.webhook.received(**budget)
    ] == [("BudgetExceeded", "firing"), ("BudgetExceeded", "resolved")]


def test_a_cap_used_to_85_percent_is_a_warning(costmon, stack):
    budget = {"budget": "provider:openai month", "source": "charges"}
    costmon.set("costmon_budget_limit_usd", 200, **budget)
    costmon.set("costmon_budget_used_ratio", 0.85, **budget)

    alert = stack.webhook.wait_for("firing", alertname="BudgetWarning", **budget)

    assert alert["annotations"]["summary"] == '85% of the budget "provider:openai month" is used'
    assert ": 170.00 of 200.00 USD." in alert["annotations"]["description"]
    assert [alert["alertname"] for alert in stack.firing(**budget)] == ["BudgetWarning"]


def test_a_warning_that_becomes_an_excess_is_inhibited(costmon, stack):
    budget = {"budget": "account:games month", "source": "charges"}
    costmon.set("costmon_budget_used_ratio", 0.9, **budget)
    stack.webhook.wait_for("firing", alertname="BudgetWarning", **budget)

    costmon.set("costmon_budget_used_ratio", 1.1, **budget)
    alert = stack.webhook.wait_for("firing", alertname="BudgetExceeded", **budget)

    assert alert["labels"]["account"] == "games"
    assert wait_until(lambda: stack.inhibited(alertname="BudgetWarning", **budget), "inhibited")


def test_an_exceeded_budget_of_guards_does_not_hide_the_warning_of_the_charges(costmon, stack):
    budget = {"budget": "global day"}
    costmon.set("costmon_budget_used_ratio", 1.1, source="guards", **budget)
    costmon.set("costmon_budget_used_ratio", 0.9, source="charges", **budget)

    stack.webhook.wait_for("firing", alertname="BudgetExceeded", source="guards", **budget)
    stack.webhook.wait_for("firing", alertname="BudgetWarning", source="charges", **budget)
    assert not stack.inhibited(alertname="BudgetWarning", source="charges", **budget)


def test_the_warning_of_a_quota_has_its_unit_and_account(costmon, stack):
    quota = {"provider": "supabase", "account": "home", "quota": "database_size"}
    costmon.set("costmon_quota_used", 0.45, unit="GB", **quota)
    costmon.set("costmon_quota_limit", 0.5, unit="GB", **quota)
    costmon.set("costmon_quota_used_ratio", 0.9, **quota)

    alert = stack.webhook.wait_for("firing", alertname="BudgetWarning", kind="quota", **quota)

    assert ": 0.45 of 0.5 GB." in alert["annotations"]["description"]


def test_a_failing_vendor_raises_an_alert_while_the_others_keep_their_figures(costmon, stack):
    account = {"provider": "anthropic", "account": "research"}
    cost = {"provider": "ionos", "account": "ionos", "basis": "manual"}
    costmon.set("costmon_month_to_date_cost_usd", 6, **cost)
    costmon.set("cost_collector_errors_total", 0, reason="auth", **account)
    costmon.set("costmon_reading_up", 1, reading="charges", **account)
    errors = 'cost_collector_errors_total{provider="anthropic"}'
    wait_until(lambda: stack.values(errors) == [0], "the first scrape of the account")

    costmon.set("cost_collector_errors_total", 3, reason="auth", **account)
    costmon.set("costmon_reading_up", 0, reading="charges", **account)
    alert = stack.webhook.wait_for("firing", alertname="CollectorBlind", **account)

    assert alert["labels"]["reading"] == "charges"
    assert "Errors of the last day: auth." in alert["annotations"]["description"]
    assert stack.values(errors) == [3]
    assert stack.values('provider:costmon_month_to_date_cost_usd:sum{provider="ionos"}') == [6]
    assert stack.values('costmon_reading_up{provider="vercel"}') == [1]


def test_a_reload_keeps_what_fires(costmon, stack):
    budget = {"budget": "tag:reload=1 month", "source": "charges"}
    costmon.set("costmon_budget_used_ratio", 0.9, **budget)
    stack.webhook.wait_for("firing", alertname="BudgetWarning", **budget)

    statuses = stack.reload()

    assert statuses == [200, 200]
    assert [alert["alertname"] for alert in stack.firing(**budget)] == ["BudgetWarning"]


@pytest.fixture(scope="module")
def rising_counters(costmon, stack):
    """Let the counters that the dashboard filters by `> 0` rise, and forecasts have a range."""
    for quantile in ("0.1", "0.9"):
        costmon.set("costmon_forecast_month_cost_usd", 1, provider="vercel", quantile=quantile)
    vendor = {"provider": "vercel", "account": "work"}
    costmon.set("cost_collector_errors_total", 2, reason="timeout", **vendor)
    costmon.set("costmon_actor_restarts_total", 2, actor="actor")
    return stack


@pytest.mark.parametrize(
    ("panel", "target"),
    queries(shipped()),
    ids=[f"{panel['id']}-{target['refId']}" for panel, target in queries(shipped())],
)
def test_a_query_of_the_dashboard_finds_series_with_the_labels_it_names(
    rising_counters, panel, target
):
    expr = runnable(target["expr"]).replace(" offset 1d", "")

    found = wait_until(lambda: rising_counters.query(expr), f"{panel['title']}: {expr}")

    named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
    for change in panel.get("transformations", ()):
        named |= set(change["options"].get("renameByName", {}))
        named |= {change["options"].get(key, "Value") for key in ("rowField", "columnField")}
    assert {name for name in named if not name.startswith("Value")} <= set(found[0]["metric"])


def test_the_variables_of_the_dashboard_have_values(stack):
    asked = [
        re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
        for variable in shipped()["templating"]["list"]
        if variable["type"] == "query"
    ]

    assert [match and "vercel" in stack.label_values(match[2], match[1]) for match in asked] == [
        True
    ]


def test_a_query_of_an_unknown_metric_finds_nothing_and_a_typo_is_refused(stack):
    assert stack.query("costmon_month_to_date_costs_usd") == []
    with pytest.raises(AssertionError, match="parse error"):
        stack.query("sum by provider (costmon_month_to_date_cost_usd)")
