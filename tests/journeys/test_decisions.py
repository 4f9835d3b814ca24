"""What people decide about guards, in the real process, over kill -9 and a lost database."""

import json
import signal
import sqlite3
import urllib.request
from contextlib import closing

import pytest

from tests.journeys.service import ME, PATIENCE_S, Answer, run

pytestmark = pytest.mark.process

SCOPE = "host:api.example.com"
CIRCUIT = f"/api/v1/circuits/{SCOPE}"


def put(service, path, **body):
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json", **service.authorization()},
        method="PUT",
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        return Answer(response.status, dict(response.headers), response.read())


def kill(service):
    service.process.send_signal(signal.SIGKILL)
    service.process.wait(PATIENCE_S)


def state(service):
    return service.when(CIRCUIT, 200).json()["data"]["state"]


def test_a_circuit_and_a_budget_survive_kill_9(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("policy.decisions_loaded")
        told = put(service, CIRCUIT, state="open", reason="runaway agent", author="ann")
        put(service, "/api/v1/budgets", scope="global", limit="5", period="day", author="ann")
        id_ = told.json()["data"]["id"]
        service.wait_for("persister.change_written", id=id_)
        service.wait_for("persister.change_written", count=2)
        alert = service.wait_for("alerter.circuit_opened")
        # The alerter has remembered what it said once it goes on to the next cycle.
        said = len(service.heard("alerter.alert_suppressed"))
        service.wait_for("alerter.alert_suppressed", count=said + 1)
        kill(service)

    with run(tmp_path, vendor) as service:
        service.wait_for("policy.decisions_loaded")
        assert state(service) == "open"
        budgets = service.get("/api/v1/budgets").json()["data"]
        put(service, CIRCUIT, state="closed", reason="fixed", author="bob", expires_in_s=None)
        service.wait_for("alerter.circuit_closed")
        assert service.terminate() == 0

    assert told.status == 202
    assert alert["level"] == "critical"
    assert alert["author"] == ME
    assert [(it["scope"], it["source"], it["author"]) for it in budgets] == [("global", "api", ME)]
    assert service.heard("alerter.circuit_opened") == []


def test_a_circuit_opened_while_the_database_is_away_survives_kill_9(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("policy.decisions_loaded")
        service.wait_for("persister.cycle_written")
        database = sqlite3.connect(service.state / "costmon.db", isolation_level=None)
        database.execute("begin immediate")
        with closing(database):
            put(service, CIRCUIT, state="open", reason="runaway agent", author="ann")
            service.wait_for("policy.circuit_opened", published=True)
            assert state(service) == "open"
            kill(service)
    assert service.heard("persister.change_written") == []

    with run(tmp_path, vendor) as service:
        service.wait_for("persister.change_written")
        assert state(service) == "open"
        assert service.terminate() == 0


def test_a_circuit_closes_by_itself_and_people_are_told(tmp_path, vendor):
    with run(tmp_path, vendor) as service:
        service.wait_for("policy.decisions_loaded")
        put(service, CIRCUIT, state="open", reason="short", author="ann", expires_in_s=1)
        service.wait_for("alerter.circuit_opened")
        service.wait_for("alerter.circuit_closed")
        assert state(service) == "closed"
        assert service.terminate() == 0


def test_the_files_budgets_reach_the_api_and_the_wait_for_news_ends_with_the_service(
    tmp_path, vendor
):
    tmp_path.joinpath("costmon.toml").write_text('[[budget]]\nscope = "host:*"\nlimit = 10\n')
    with run(tmp_path, vendor) as service:
        service.wait_for("policy.decisions_loaded")
        budgets = service.get("/api/v1/budgets").json()["data"]
        assert service.terminate() == 0

    assert [(it["scope"], it["source"]) for it in budgets] == [("host:*", "file")]
