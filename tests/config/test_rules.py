"""`[[rule]]` in costmon.toml: what it may say, its defaults, and every way of saying it wrong."""

import tomllib
from decimal import Decimal

import pytest

from costmon.config import Providers
from costmon.config.file import check_file
from costmon.domain.rule import Breaker, Rule, described, rule_for
from costmon.providers import digitalocean

PROVIDERS = Providers((digitalocean.info,))


def read(text):
    return check_file(tomllib.loads(text, parse_float=Decimal), PROVIDERS)


def closest(scope, rules):
    rule = rule_for(scope, rules)
    assert rule is not None
    return rule


def faults_of(text):
    return {fault.name: str(fault) for fault in read(text).faults}


def test_a_rule_needs_only_a_scope():
    (rule,) = read("[[rule]]\nscope = 'provider:digitalocean'").rules

    assert rule == Rule("provider:digitalocean")
    assert (rule.spike_multiplier, rule.cooldown_s) == (3, 1800)
    assert rule.breaker == Breaker(enabled=False, threshold_multiplier=Decimal(5), open_s=3600)


def test_a_rule_may_limit_what_meters_report_but_opens_no_circuit_that_nobody_obeys():
    (rule,) = read("[[rule]]\nscope = 'endpoint:shop GET /u/{id}'\nhourly = 1").rules
    refused = "[[rule]]\nscope = 'app:*'\nhourly = 1\nbreaker.enabled = true"

    assert rule.scope == "endpoint:shop GET /u/{id}"
    assert "no guard obeys" in faults_of(refused)["rule[0].breaker.enabled"]
    assert "budget[0].scope" in faults_of("[[budget]]\nscope = 'app:shop'\nlimit = 1")


def test_everything_of_a_rule_can_be_said():
    text = """
        [[rule]]
        scope = "provider:OpenAI"
        hourly = 12.50
        daily = "120"
        currency = "eur"
        spike_multiplier = 4
        cooldown = "45m"
        breaker.enabled = true
        breaker.threshold_multiplier = 2.5
        breaker.on_budget = true
        breaker.on_finding = "critical"
        breaker.open_for = "10m"
    """

    assert read(text).faults == ()
    assert read(text).rules == (
        Rule(
            "provider:openai",
            Decimal("12.50"),
            Decimal(120),
            Decimal(4),
            2700,
            Breaker(
                enabled=True,
                threshold_multiplier=Decimal("2.5"),
                on_budget=True,
                on_finding="critical",
                open_s=600,
            ),
            "EUR",
        ),
    )


@pytest.mark.parametrize(
    ("provider", "hourly", "daily"),
    [("openai", 10, 100), ("github", 5, 50), ("stripe", 50, 500), ("supabase", 5, 25)],
)
def test_a_rule_without_amounts_takes_those_of_its_provider(provider, hourly, daily):
    scope = f"provider:{provider}"
    for text in (scope, "provider:*"):
        rules = read(f"[[rule]]\nscope = '{text}'").rules

        rule = closest(scope, rules)

        assert (rule.hourly, rule.daily) == (hourly, daily)


def test_one_amount_replaces_both_defaults():
    rules = read("[[rule]]\nscope = 'provider:openai'\ndaily = 30").rules

    assert closest("provider:openai", rules)[1:3] == (None, 30)


def test_the_closest_rule_counts_and_other_scopes_have_none():
    text = "[[rule]]\nscope = 'provider:%s'\nhourly = %d\n"
    rules = read(text % ("*", 1) + text % ("openai", 2)).rules

    assert closest("provider:openai", rules).hourly == 2
    assert closest("provider:acme", rules).hourly == 1
    assert rule_for("account:work", rules) is None


def test_a_rule_of_a_vendor_that_is_not_known_is_kept():
    assert read("[[rule]]\nscope = 'provider:github'").faults == ()


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("hourly = -1", "rule[0].hourly"),
        ("hourly = 0", "rule[0].hourly"),
        ("daily = 'much'", "rule[0].daily"),
        ("daily = nan", "rule[0].daily"),
        ("currency = 'dollars'", "rule[0].currency"),
        ("spike_multiplier = 0.5", "rule[0].spike_multiplier"),
        ("spike_multiplier = true", "rule[0].spike_multiplier"),
        ("cooldown = 'soon'", "rule[0].cooldown"),
        ("breaker = true", "rule[0].breaker"),
        ("breaker = { enabled = 'yes' }", "rule[0].breaker.enabled"),
        ("breaker = { threshold_multiplier = 0 }", "rule[0].breaker.threshold_multiplier"),
        ("breaker = { on_finding = 'info' }", "rule[0].breaker.on_finding"),
        ("breaker = { open_for = '30d' }", "rule[0].breaker.open_for"),
        ("hourley = 3", "rule[0].hourley"),
        ("breaker = { enable = true }", "rule[0].breaker.enable"),
    ],
)
def test_what_is_not_right_is_named(line, name):
    assert set(faults_of(f"[[rule]]\nscope = 'provider:openai'\n{line}")) == {name}


def test_a_slip_is_answered_with_the_right_key():
    (fault,) = faults_of("[[rule]]\nscope = 'global'\nspike_multiplyer = 3").values()

    assert "did you mean spike_multiplier?" in fault


def test_two_rules_of_one_scope_are_a_fault():
    text = "[[rule]]\nscope = 'global'\nhourly = 1\n" * 2

    assert set(faults_of(text)) == {"rule[1]"}


def test_a_breaker_that_could_never_open_is_a_fault():
    text = "[[rule]]\nscope = 'provider:acme'\nbreaker = { enabled = true%s }"

    assert set(faults_of(text % "")) == {"rule[0].breaker.enabled"}
    assert faults_of(text % ", on_budget = true") == {}
    assert faults_of(text.replace("acme", "openai") % "") == {}
    assert faults_of(text.replace("acme", "*") % "") == {}


def test_a_rule_is_described_in_one_line():
    closed, opening = read(
        "[[rule]]\nscope = 'provider:openai'\n"
        "[[rule]]\nscope = 'global'\nhourly = 7\nbreaker = { enabled = true, on_budget = true }"
    ).rules

    assert described(closed) == (
        "10 USD an hour, 100 USD a day, spikes of 3 times the usual; opens no circuit"
    )
    assert described(opening) == (
        "7 USD an hour, spikes of 3 times the usual; opens the circuit at 5 times a limit, when a "
        "budget is used up"
    )
