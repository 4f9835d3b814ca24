"""The real process when something around it breaks."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from costmon.store.migrate import upgrade
from tests.journeys.service import CURRENT, PATIENCE_S, TOKEN, Service, cycles, run

pytestmark = pytest.mark.process


def lock(service):
    """Keep everybody from writing, as a full disk or a stuck backup does."""
    database = sqlite3.connect(service.state / "costmon.db", isolation_level=None)
    database.execute("begin immediate")
    return closing(database)


def test_while_the_database_is_away_costs_are_served_and_no_cycle_is_lost(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_written")
        with lock(service):
            service.wait_for("persister.cycle_queued", count=2)
            current = service.get(CURRENT)
            ready = service.get("/readyz")
        service.wait_for("persister.database_returned")
        service.when("/readyz", 200)
        assert service.terminate() == 0

    assert current.status == 200
    assert ready.status == 503
    assert b"waiting to be written" in ready.body
    assert b"cannot be used at the moment" in ready.body
    seen = {
        line["cycle_id"]
        for line in service.heard("calculator.costs_published", reading="inventory")
    }
    rows = cycles(service)
    assert len(rows) == len(set(rows))
    assert seen == set(rows)


def test_what_waits_survives_kill_9_and_is_written_by_the_next_process(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_written")
        with lock(service):
            service.wait_for("persister.cycle_queued", count=3)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait(PATIENCE_S)
    waiting = {line["cycle_id"] for line in service.heard("persister.cycle_queued")}

    with run(tmp_path, vendor) as service:
        for cycle_id in waiting:
            service.wait_for("persister.cycle_written", cycle_id=cycle_id)
        assert service.terminate() == 0

    rows = cycles(service)
    assert waiting <= set(rows)
    assert len(rows) == len(set(rows))


def test_a_stop_while_the_database_is_away_is_clean_and_says_what_waits(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_written")
        with lock(service):
            service.wait_for("persister.cycle_queued")
            code = service.terminate()
    seen = {
        line["cycle_id"]
        for line in service.heard("calculator.costs_published", reading="inventory")
    }

    with run(tmp_path, vendor) as service_again:
        service_again.wait_for("persister.cycle_written")
        service_again.terminate()

    assert code == 0
    assert service.heard("bootstrap.observations_not_written")[0]["waiting"] >= 1
    assert seen <= set(cycles(service_again))


def test_an_alert_is_said_once_also_over_kill_9_and_restart(tmp_path, vendor):
    limits = {"DO_COST_THRESHOLD": "1", "COSTMON_ALERT_COOLDOWN": "1h"}
    with run(tmp_path, vendor, **limits) as service:
        alert = service.wait_for("alerter.threshold_exceeded")
        suppressed = service.wait_for("alerter.alert_suppressed")
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(PATIENCE_S)
    assert alert["monthly_total_usd"] > alert["threshold_usd"] == 1.0
    assert alert["over_usd"] == pytest.approx(alert["monthly_total_usd"] - 1)
    assert len(alert["top"]) == 3
    assert alert["level"] == "warning"
    assert "changes" in alert
    assert "suppressed by cooldown" in suppressed["message"]

    with run(tmp_path, vendor, **limits) as service:
        service.wait_for("alerter.alert_suppressed")
        assert service.terminate() == 0
    assert service.heard("alerter.threshold_exceeded") == []


def test_the_end_of_an_alert_is_said(tmp_path, vendor):
    with run(tmp_path, vendor, DO_COST_THRESHOLD="1") as service:
        service.wait_for("alerter.threshold_exceeded")
        service.terminate()

    with run(tmp_path, vendor, DO_COST_THRESHOLD="1000000") as service:
        service.wait_for("alerter.threshold_resolved")
        assert service.terminate() == 0


def test_a_wrong_token_is_a_visible_blind_account_and_never_a_zero(tmp_path, vendor):
    with run(tmp_path, vendor, DO_API_TOKEN="wrong-token-0123456789") as service:
        service.wait_for("poller.poll_failed", reason="auth")
        service.wait_for("alerter.account_unreadable")
        current = service.get(CURRENT)
        account = service.get("/api/v1/providers").json()["data"][0]
        metrics = service.get("/metrics").body.decode()
        service.terminate()

    assert current.status == 404
    assert account["state"] == "blind"
    assert "401" in account["reason"] or "token" in account["reason"]
    assert "costmon_burn_rate_usd_per_hour{" not in metrics
    assert 'costmon_collector_up{account="digitalocean",provider="digitalocean"} 0' in metrics


def test_a_kind_that_the_token_may_not_see_is_a_named_gap(tmp_path, vendor):
    vendor.faults.forbid("database")
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        account = service.get("/api/v1/providers").json()["data"][0]
        service.terminate()

    assert account["state"] == "up"
    assert any("not visible with this token" in gap["reason"] for gap in account["gaps"])


def test_the_token_is_nowhere(tmp_path, vendor):
    with run(tmp_path, vendor, COSTMON_API_TOKEN="another-secret-0123456789") as service:
        service.wait_until_only_the_inventory_is_polled()
        vendor.faults.fail_next(status=500, count=4)
        service.wait_for("poller.kind_failed", reason="server")
        vendor.faults.truncate_next(4)
        service.wait_for("poller.kind_failed", reason="network")
        vendor.faults.html_next(1)
        service.wait_for("poller.kind_failed", reason="schema")
        bearer = {"Authorization": "Bearer another-secret-0123456789"}
        answers = [
            service.get(path, **bearer).body
            for path in (
                CURRENT,
                "/api/v1/providers",
                "/api/v1/actors",
                "/api/v1/costs/history",
                "/metrics",
                "/openapi.json",
                "/readyz",
                "/",
                "/nowhere",
            )
        ]
        wrong = service.get(CURRENT, Authorization="Bearer guess")
        service.terminate()

    assert wrong.status == 401
    files = [path for path in service.state.rglob("*") if path.is_file()]
    assert any(path.name == "costmon.db" for path in files)
    searched = [*answers, *(path.read_bytes() for path in files), "".join(service.raw).encode()]
    for secret in (TOKEN.encode(), b"another-secret-0123456789"):
        assert not any(secret in text for text in searched)


def test_restart_child_works_from_the_attached_console(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        told = subprocess.run(
            [
                sys.executable,
                "-m",
                "costmon",
                "console",
                "--state-dir",
                str(service.state),
            ],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Service.ROOT), "DO_API_TOKEN": TOKEN},
            input=(
                'supervisor.tell(RestartChild(name="poller"))\n'
                'send(supervisor, "restart_child", name="calculator")\n'
                "children()\n"
                'send(supervisor, "restart_child", name="polar")\n'
            ),
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        service.wait_for("poller.inventory_fetched", generation=2)
        service.wait_for("calculator.costs_published", generation=2)
        assert service.terminate() == 0

    assert "poller.digitalocean" in told.stdout
    assert "there is no child 'polar'" in told.stderr
    assert "poller.digitalocean" in told.stderr
    assert told.returncode == 1
    assert "persister" in told.stdout


def test_restart_child_works_from_the_prompt_of_the_running_process(tmp_path, vendor):
    with run(
        tmp_path, vendor, "--repl", stdin='send(supervisor, "restart_child", name="poller")\n'
    ) as service:
        service.wait_for("poller.inventory_fetched", generation=2)
        assert service.terminate() == 0


def test_a_hostile_answer_fails_its_kind_and_nothing_else(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        service.wait_until_only_the_inventory_is_polled()
        before = service.get(CURRENT).json()["data"]["total_monthly"]
        vendor.faults.html_next(1)
        failed = service.wait_for("poller.kind_failed", reason="schema")
        after = service.get(CURRENT).json()
        service.terminate()

    assert "GET /v2/" in failed["error"]
    assert after["data"]["total_monthly"] == before or after["data"]["total_monthly"] > 0
    assert service.heard("actor.crashed") == []


def test_a_damaged_database_at_the_start_costs_no_observation_and_no_current_costs(
    tmp_path, vendor
):
    state = tmp_path / "data"
    state.mkdir()
    (state / "costmon.db").write_bytes(random.Random(3).randbytes(50_000))

    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_queued")
        current = service.get(CURRENT)
        ready = service.get("/readyz")
        restored = sqlite3.connect(state / "fresh.db")
        with closing(restored):
            upgrade(f"sqlite:///{state / 'fresh.db'}")
        (state / "costmon.db").unlink()
        (state / "fresh.db").rename(state / "costmon.db")
        service.wait_for("persister.database_returned")
        assert service.terminate() == 0

    assert current.status == 200
    assert current.json()["data"]["total_monthly"] > 0
    assert ready.status == 503
    assert b"costmon db restore" in ready.body
    queued = {line["cycle_id"] for line in service.heard("persister.cycle_queued")}
    assert queued <= set(cycles(service))
