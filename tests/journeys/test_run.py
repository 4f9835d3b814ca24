"""The first user's way through the real process."""

import contextlib
import signal
import socket
import sqlite3
import subprocess
import sys

import pytest

from tests.journeys.service import CURRENT, PATIENCE_S, FirstService, Service, cycles, run

pytestmark = pytest.mark.process


def test_from_start_to_current_costs_to_an_orderly_stop(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        answer = service.when(CURRENT, 200)
        service.wait_for("persister.cycle_written", count=2)
        ready = service.when("/readyz", 200)
        code = service.terminate()

    current = answer.json()
    assert current["data"]["currency"] == "USD"
    assert current["data"]["droplet_count"] == len(current["data"]["droplets"]) > 0
    assert current["meta"] == {"source": "memory_store", "cached": True, "stale": False}
    assert ready.status == 200
    assert code == 0
    written = [line["cycle_id"] for line in service.heard("persister.cycle_written")]
    assert sorted(cycles(service)) == sorted(written)


def test_the_history_can_be_read_by_hand(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_written", count=2)
        assert service.terminate() == 0

    with sqlite3.connect(service.state / "costmon.db") as database:
        row = database.execute(
            "select total_monthly, total_daily, total_hourly, droplet_count from cost_history"
        ).fetchone()
    database.close()
    assert float(row[0]) / 30 == pytest.approx(float(row[1]))
    assert float(row[0]) / 720 == pytest.approx(float(row[2]))
    assert row[3] > 0


def test_before_the_first_poll_the_answer_is_404_with_a_hint(tmp_path, vendor):
    vendor.faults.slow(5.0)
    with run(tmp_path, vendor) as service:
        answer = service.when(CURRENT, 404)
        assert service.when("/healthz", 200).status == 200
        assert service.get("/readyz").status == 503
        vendor.faults.end_waits()

    assert answer.json() == {
        "error": "Not found",
        "message": "No cost data available yet. Wait for the next polling cycle.",
    }


def test_after_kill_9_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path, vendor):
    acknowledged: list[str] = []
    rows: list[str] = []
    for number in range(3):
        with run(tmp_path, vendor) as service:
            service.wait_for("persister.cycle_written", count=2 + number)
            service.process.send_signal(signal.SIGKILL)
            service.process.wait(PATIENCE_S)
        acknowledged += [line["cycle_id"] for line in service.heard("persister.cycle_written")]
        rows = cycles(service)

    assert len(rows) == len(set(rows))
    assert set(acknowledged) <= set(rows)


def test_after_a_restart_the_last_costs_are_served_at_once_flagged_stale(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("persister.cycle_written")
        service.terminate()
    vendor.faults.slow(5.0)

    with run(tmp_path, vendor) as service:
        answer = service.when(CURRENT, 200)
        vendor.faults.end_waits()

    assert answer.json()["meta"]["stale"] is True
    assert answer.json()["data"]["droplet_count"] > 0


def test_a_vendors_outage_keeps_the_last_costs_flagged_stale_with_their_age(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        good = service.wait_for("poller.inventory_fetched")
        vendor.faults.fail_next(status=500, count=1000)
        failed = service.wait_for("poller.poll_failed", reading="inventory")
        service.wait_for("calculator.costs_published", cycle_id=failed["cycle_id"])
        answer = service.get(CURRENT)
        providers = service.get("/api/v1/providers").json()["data"]

    assert answer.status == 200
    assert answer.json()["meta"]["stale"] is True
    assert answer.json()["meta"]["age_s"] >= 0
    assert answer.json()["data"]["total_monthly"] > 0
    assert providers[0]["state"] == "degraded"
    assert good["resources"] > 0


def test_two_services_on_one_state_directory_the_second_refuses(tmp_path, vendor):
    with run(tmp_path, vendor) as first:
        first.when("/healthz", 200)
        with run(tmp_path, vendor) as second:
            assert second.process.wait(PATIENCE_S) != 0
            said = "".join(second.raw)
        assert first.get("/healthz").status == 200

    assert "another costmon" in said
    assert "Traceback" not in said


def test_without_a_token_one_line_says_what_to_set_and_that_there_is_a_demo(tmp_path):
    ended = subprocess.run(
        [sys.executable, "-m", "costmon", "run"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Service.ROOT)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert len(ended.stderr.splitlines()) == 1
    assert "DO_API_TOKEN" in ended.stderr
    assert "--demo" in ended.stderr


def test_a_port_in_use_is_one_line_and_no_poll(tmp_path, vendor):
    with run(tmp_path / "a", vendor) as first:
        first.when("/healthz", 200)
        with run(tmp_path / "b", vendor, COSTMON_PORT=str(first.port)) as second:
            assert second.process.wait(PATIENCE_S) == 1
            said = "".join(second.raw)

    assert str(first.port) in said
    assert "Traceback" not in said
    assert not second.heard("poller.inventory_fetched")


def test_once_prints_the_costs_and_ends(tmp_path, vendor):
    with run(tmp_path, vendor, "--once", COSTMON_POLL_INTERVAL="1h") as service:
        assert service.process.wait(PATIENCE_S) == 0

    said = [line for line in service.raw if not line.startswith("{")]
    assert any("a month" in line for line in said)
    assert len(cycles(service)) == 1


def test_once_with_a_wrong_token_ends_with_1_and_shows_no_zero(tmp_path, vendor):
    with run(tmp_path, vendor, "--once", DO_API_TOKEN="wrong-token-0123456789") as service:
        assert service.process.wait(PATIENCE_S) == 1

    said = "".join(line for line in service.raw if not line.startswith("{"))
    assert "could not be read" in said
    assert "0.00" not in said
    assert "wrong-token-0123456789" not in "".join(service.raw)


def test_the_demo_needs_nothing_moves_and_says_that_it_is_one(tmp_path):
    with FirstService(tmp_path, "--demo", COSTMON_POLL_INTERVAL="0.3s") as service:
        answer = service.when(CURRENT, 200)
        page = service.get("/")
        first = service.wait_for("poller.inventory_fetched")
        code = service.terminate()

    assert answer.json()["meta"]["demo"] is True
    assert b"demo" in page.body.lower()
    assert first["demo"] is True
    assert code == 0


def test_a_stop_while_the_vendor_does_not_answer_is_clean(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        vendor.faults.slow(60.0)
        polls = len(service.heard("poller.inventory_fetched"))
        service.when("/healthz", 200)
        code = service.terminate()
        vendor.faults.end_waits()

    stopped = service.heard("bootstrap.service_stopped")[0]
    assert code == 0
    assert stopped["undelivered"] == {}
    assert polls >= 1


def test_systemd_is_told_that_the_service_is_ready_alive_and_stopping(tmp_path, vendor):
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(address)
        systemd.settimeout(PATIENCE_S)
        with run(tmp_path, vendor, NOTIFY_SOCKET=address) as service:
            service.when("/healthz", 200)
            heard = [systemd.recv(100) for _ in range(3)]
            assert service.terminate() == 0
        systemd.settimeout(0.0)
        with contextlib.suppress(BlockingIOError):
            while True:
                heard.append(systemd.recv(100))

    assert set(heard) == {b"READY=1", b"WATCHDOG=1", b"STOPPING=1"}
    assert heard.count(b"READY=1") == 1


def test_a_second_signal_ends_at_once(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.when(CURRENT, 200)
        vendor.faults.slow(20.0)
        service.wait_for("persister.cycle_written")
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("bootstrap.service_stopping")
        service.process.send_signal(signal.SIGTERM)
        code = service.process.wait(PATIENCE_S)
        vendor.faults.end_waits()

    assert code == 1
    assert "second signal" in "".join(service.raw)
