"""The commands against a running service."""

import json
import time
import urllib.request

import pytest

from costmon.cli import main

pytestmark = pytest.mark.process


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_costs_shows_totals_accounts_and_the_most_expensive(demo, capsys):
    assert main(["costs", *demo.where, "--top", "2"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("DEMO")
    assert lines[1].startswith("This month so far")
    assert any("a month" in line for line in lines)
    assert any(line.startswith("digitalocean") for line in lines)
    assert any(line.endswith("(--top 0 prints all)") for line in lines)


@pytest.mark.parametrize("command", ["costs", "history", "status"])
def test_the_answer_can_be_had_as_json(demo, command, capsys):
    assert main([command, *demo.where, "--json"]) == 0

    assert json.loads(capsys.readouterr().out)


def test_the_costs_as_json_have_the_month_and_the_limits_beside_the_resources(demo, capsys):
    assert main(["costs", *demo.where, "--json"]) == 0

    whole = json.loads(capsys.readouterr().out)
    assert {"data", "meta", "month", "limits"} == set(whole)
    assert whole["data"]["total_monthly"] > 0
    assert {it["account"] for it in whole["month"]["accounts"]} >= {"openai", "vercel", "manual"}


def test_status_of_a_healthy_service_is_good(demo, capsys):
    assert main(["status", *demo.where]) == 0

    out = capsys.readouterr().out
    assert out.startswith("ready")
    assert "poller.digitalocean" in out


def test_history_shows_a_line_a_bucket(demo, capsys):
    assert main(["history", *demo.where, "--group-by", "kind", "--step", "month"]) == 0

    assert "droplet" in capsys.readouterr().out


def test_a_question_that_the_service_refuses_is_one_line(demo, capsys):
    assert main(["history", *demo.where, "--from", "yesterday"]) == 1

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "accepted" in error


def test_the_doctor_finds_the_running_service(demo, capsys, monkeypatch):
    monkeypatch.setenv("COSTMON_PORT", str(demo.port))

    assert main(["check", *demo.state]) == 0

    assert "a service is running" in capsys.readouterr().out


def test_the_database_cannot_be_changed_under_a_running_service(demo, capsys):
    assert main(["db", "downgrade", "base", *demo.state]) == 1

    assert "stop it" in capsys.readouterr().err


def test_a_running_service_can_be_backed_up(demo, capsys, tmp_path):
    assert main(["db", "backup", str(tmp_path / "copy.db"), *demo.state]) == 0

    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600


def test_a_simulated_program_reports_through_a_real_guard_and_a_rule_waits_for_it(demo):
    def answer(path):
        with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}{path}", timeout=5) as response:
            return json.load(response)["data"]

    def reporters():
        return [it["app"] for it in answer("/api/v1/guard/guards")]

    deadline = time.monotonic() + 30
    while reporters() != ["nightly-report"]:
        assert time.monotonic() < deadline, reporters()
        time.sleep(0.1)

    assert answer("/api/v1/rules")[0]["scope"] == "provider:openai"
    assert answer("/api/v1/findings") == []
