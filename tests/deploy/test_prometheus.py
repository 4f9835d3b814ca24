"""The shipped Prometheus and Alertmanager files, checked by their own tools."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.contract import ROOT, Exposition, families, family_of
from tests.deploy.stack import alertmanager_config, missing_binaries, shortened_rules

PROMETHEUS = ROOT / "deploy" / "prometheus"
ALERTMANAGER = ROOT / "deploy" / "alertmanager" / "alertmanager.yml"
RULES = PROMETHEUS / "rules" / "costs.yml"
UNIT_TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


def checked(*command: str | Path, text: str | None = None) -> str:
    """Run a checker and return its standard output; its failure fails the test."""
    if missing := missing_binaries(str(command[0])):
        pytest.skip(f"not installed: {missing[0]}")
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def test_promtool_accepts_the_rules():
    checked("promtool", "check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_promtool_accepts_the_configuration_which_finds_the_rules():
    said = checked("promtool", "check", "config", PROMETHEUS / "prometheus.yml")

    assert "1 rule files found" in said


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_the_rules_pass_their_unit_tests(path):
    checked("promtool", "test", "rules", path)


def test_every_alert_has_a_unit_test():
    tested = {
        name
        for path in UNIT_TESTS
        for name in re.findall(r'alertname(?:: |=")(\w+)', path.read_text("utf-8"))
    }

    assert tested == {alert["alert"] for alert in alerts()}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_every_alert_says_how_severe_it_is_what_happened_and_what_to_do(alert):
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert len(alert["annotations"]["summary"]) > 20
    assert len(alert["annotations"]["description"]) > len(alert["annotations"]["summary"])


def test_the_rules_use_only_documented_metrics():
    recorded = {str(rule["record"]) for rule in rules() if "record" in rule}
    text = "\n".join(re.sub(r"[a-z_]+:[a-z_:]+", "", str(rule)) for rule in rules())
    used = set(re.findall(r"\b(?:costmon|cost)_[a-z_]+|process_[a-z_]+", text))

    assert len(used) > 8
    assert [name for name in sorted(used) if family_of(name) is None] == []
    assert all(name.count(":") == 2 for name in recorded)


def test_the_documented_metrics_are_well_named():
    assert len(families()) > 40
    assert checked("promtool", "check", "metrics", text=Exposition(now_s=1e9).text()) == ""


def test_the_documents_name_every_alert():
    documented = (ROOT / "docs" / "metrics.md").read_text("utf-8")

    assert [alert["alert"] for alert in alerts() if f"`{alert['alert']}`" not in documented] == []


def test_amtool_accepts_the_routes():
    said = checked("amtool", "check-config", ALERTMANAGER)

    assert "1 inhibit rules" in said


@pytest.mark.parametrize("severity", sorted({alert["labels"]["severity"] for alert in alerts()}))
def test_every_severity_reaches_the_receiver(severity):
    config = f"--config.file={ALERTMANAGER}"

    said = checked("amtool", "config", "routes", "test", config, f"severity={severity}")

    assert said.strip() == "webhook"


def test_only_the_warning_of_the_same_budget_is_inhibited():
    config = yaml.safe_load(ALERTMANAGER.read_text("utf-8"))
    (rule,) = config["inhibit_rules"]

    assert rule["source_matchers"] == ['alertname = "BudgetExceeded"']
    assert rule["target_matchers"] == ['alertname = "BudgetWarning"']
    assert {"kind", "provider", "account", "budget", "source", "quota"} == set(rule["equal"])


def test_the_tests_change_nothing_of_the_shipped_files_but_times_and_addresses():
    shipped = yaml.safe_load(RULES.read_text("utf-8"))
    shortened = shortened_rules(RULES)
    routes = alertmanager_config("127.0.0.1:9")

    for group in (*shipped["groups"], *shortened["groups"]):
        for rule in group["rules"]:
            rule.pop("for", None)
    assert shortened == shipped
    assert routes["inhibit_rules"] == yaml.safe_load(ALERTMANAGER.read_text())["inhibit_rules"]
