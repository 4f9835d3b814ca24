"""A metered worker, the service and its reader: figures are shown, and orders are obeyed."""

import json
import time

import pytest

from tests.journeys.service import PATIENCE_S
from tests.journeys.test_meter import Worker, runtime, served
from tests.meter.dashboard.conftest import ask

__all__ = ["runtime"]
pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

METER = "/api/v1/meter"


def until(service, holds):
    """Return what is shown, once it is as wanted."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        data = ask(service.port, METER).json["data"]
        if data is not None and holds(data):
            return data
        assert time.monotonic() < deadline, data
        time.sleep(0.05)


def test_a_workers_figures_are_shown_and_its_recording_is_stopped_and_begun_anew(
    tmp_path, vendor, runtime
):
    with served(tmp_path, vendor, runtime) as service, Worker(runtime) as worker:
        worker.serve(10)
        shown = until(service, lambda data: data["requests"] == 10)
        assert shown["service"] == "shop"
        assert [route["route"] for route in shown["projection"]["routes"]] == ["(unmatched)"]
        assert b"Cost by route" in ask(service.port, "/meter").body

        def order(action):
            body = json.dumps({"action": action, "service": "shop"})
            answer = ask(service.port, f"{METER}/recording", "POST", body, service.authorization())
            assert answer.status == 202
            return answer.json["data"]["recording"]

        order("stop")
        until(service, lambda data: data["recording"]["state"] == "stopped")
        begun = order("start")
        until(service, lambda data: data["recording"]["id"] == begun and not data["requests"])
        worker.end()
        assert service.terminate() == 0
