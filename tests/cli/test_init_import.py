"""`costmon init --import`: the file of Runaway Monitor becomes tables of costmon.toml."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from costmon.cli import main

OLD = {
    "monitoring_interval": 300,
    "cost_thresholds": {
        "openai": {"hourly": 12.5, "daily": 100.0},
        "github_actions": {"hourly": 5.0, "daily": 50.0},
        "stripe": {"daily": 500},
    },
    "usage_spike_multiplier": 2.5,
    "circuit_breaker": {"enabled": True, "threshold_multiplier": 4.0},
    "alert_cooldown": 1800,
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_ADMIN_KEY", "COSTMON_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def imported(content=OLD):
    file = Path("monitor_config.json")
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return main(["init", "--import", str(file)])


def written():
    return tomllib.loads(Path("costmon.toml").read_text(), parse_float=Decimal)


def test_rules_are_written_with_what_the_file_says(capsys):
    assert imported() == 0

    rules = {rule["scope"]: rule for rule in written()["rule"]}
    assert list(rules) == ["provider:openai", "provider:github", "provider:stripe"]
    assert rules["provider:openai"] == {
        "scope": "provider:openai",
        "hourly": Decimal("12.5"),
        "daily": Decimal("100.0"),
        "spike_multiplier": Decimal("2.5"),
        "cooldown": "30m",
        "breaker": {"enabled": True, "threshold_multiplier": Decimal("4.0")},
    }
    out = capsys.readouterr().out
    assert "provider:github: not collected" in out
    assert "provider:openai: not collected, OpenAI has no account yet" in out


def test_the_breaker_stays_as_it_was_and_is_off_when_nothing_is_said():
    content = {**OLD, "circuit_breaker": {"enabled": False}}
    assert imported(content) == 0
    assert {rule["breaker"]["enabled"] for rule in written()["rule"]} == {False}
    Path("costmon.toml").unlink()

    del content["circuit_breaker"]

    assert imported(content) == 0
    assert {rule["breaker"]["enabled"] for rule in written()["rule"]} == {False}


def test_the_interval_becomes_that_of_the_accounts_usage():
    Path(".env").write_text("OPENAI_ADMIN_KEY=sk-admin-planted\n")

    assert imported() == 0

    assert written()["account"] == [
        {"provider": "openai", "name": "openai", "usage_interval": "5m"}
    ]


def test_the_interval_is_never_below_the_vendors_limit(capsys):
    Path(".env").write_text("OPENAI_ADMIN_KEY=sk-admin-planted\n")

    assert imported({**OLD, "monitoring_interval": 5}) == 0

    assert written()["account"][0]["usage_interval"] == "1m"
    assert "the least that costmon asks OpenAI" in capsys.readouterr().out


def test_a_second_import_changes_nothing(capsys):
    Path(".env").write_text("OPENAI_ADMIN_KEY=sk-admin-planted\n")
    imported()
    before = Path("costmon.toml").read_bytes()

    assert imported() == 0

    assert Path("costmon.toml").read_bytes() == before
    assert "There is nothing to write." in capsys.readouterr().out


def test_a_file_without_thresholds_gives_the_four_default_rules():
    assert imported({"monitoring_interval": 300}) == 0

    assert [rule["scope"] for rule in written()["rule"]] == [
        "provider:openai",
        "provider:github",
        "provider:stripe",
        "provider:supabase",
    ]


def test_what_means_nothing_is_named(capsys):
    assert imported({**OLD, "colour": "red"}) == 0

    assert "colour: not imported" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not valid JSON"),
        ("[]", "not a monitor_config.json"),
        ("{}", "not a monitor_config.json"),
        ({**OLD, "monitoring_interval": "often"}, "monitoring_interval"),
        ({**OLD, "cost_thresholds": {"openai": 3}}, "cost_thresholds.openai"),
        ({**OLD, "cost_thresholds": {"openai": {"daily": -3}}}, "cost_thresholds.openai.daily"),
        ({**OLD, "cost_thresholds": {"a b": {}}}, "not the name of a service"),
        ({**OLD, "circuit_breaker": {"enabled": "on"}}, "circuit_breaker.enabled"),
        ('{"usage_spike_multiplier": NaN}', "not valid JSON"),
        (json.dumps(OLD)[:-1] + ', "alert_cooldown": 1e999}', "alert_cooldown"),
        ({**OLD, "usage_spike_multiplier": 0.5}, "rule[0].spike_multiplier"),
    ],
)
def test_a_file_that_is_not_right_is_refused_and_nothing_is_written(capsys, content, words):
    assert imported(content) != 0

    assert words in capsys.readouterr().err
    assert not Path("costmon.toml").exists()


def test_a_file_that_is_not_there_is_refused(capsys):
    assert main(["init", "--import", "none.json"]) != 0

    assert "none.json cannot be read" in capsys.readouterr().err


def test_check_lists_the_rules_and_what_is_not_collected(capsys):
    Path(".env").write_text("OPENAI_ADMIN_KEY=sk-admin-planted\n")
    Path(".env").chmod(0o600)
    imported()
    capsys.readouterr()

    main(["check", "--offline"])

    out = capsys.readouterr().out
    assert "provider:openai: 12.5 USD an hour" in out
    assert "provider:github: not collected" in out
