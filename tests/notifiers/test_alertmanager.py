"""Alertmanager: what is pushed, and what a real one makes of it."""

import base64
import datetime as dt
import json
import select
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from typing import Any

import pytest

from costmon.clock import SystemClock
from costmon.errors import NotifyError
from costmon.notifiers.alertmanager import LASTS, AlertmanagerChannel
from costmon.notifiers.base import RepeatingChannel
from costmon.sender import HttpSender
from costmon.testing import FakeClock, Reply, StubServer
from costmon.testing.alerts import alert
from costmon.testing.clock import START

PATH = "/api/v2/alerts"
LOOP: dict[str, Any] = {
    "condition": "child_set_aside:poller.x",
    "labels": {"child": "poller.x", "severity": "no"},
}


@pytest.fixture
def server():
    with StubServer() as stub:
        stub.answer(PATH, Reply(status=200))
        yield stub


def pushed(server, *alerts, login=None):
    channel = AlertmanagerChannel("am", server.url, login, HttpSender(), FakeClock())
    for one in alerts:
        channel.send(one)
    return [json.loads(asked.body) for asked in server.asked]


def test_an_alert_has_the_labels_of_its_condition_and_ends_unless_it_is_repeated(server):
    ((one,),) = pushed(server, alert(**LOOP, since=START - dt.timedelta(hours=1)))

    assert one["labels"] == {
        "alertname": "CostmonChildSetAside",
        "condition": "child_set_aside:poller.x",
        "severity": "warning",
        "child": "poller.x",
    }
    assert one["annotations"]["description"] == "Too much."
    assert one["startsAt"] == "2026-11-21T09:00:00+00:00"
    assert dt.datetime.fromisoformat(one["endsAt"]) == START + LASTS


def test_a_more_severe_one_takes_the_place_of_the_old_one(server):
    ((new, old),) = pushed(
        server, alert(severity="critical", state="escalated", previous_severity="warning")
    )

    assert (new["labels"]["severity"], old["labels"]["severity"]) == ("critical", "warning")
    assert dt.datetime.fromisoformat(old["endsAt"]) == START


def test_an_end_ends_the_alert_that_was_pushed(server):
    over = alert(severity="info", state="resolved", previous_severity="critical")

    ((one,),) = pushed(server, over)

    assert one["labels"]["severity"] == "critical"
    assert dt.datetime.fromisoformat(one["endsAt"]) == START


def test_all_that_is_open_is_repeated_at_once(server):
    channel = AlertmanagerChannel("am", server.url, None, HttpSender(), FakeClock())

    channel.repeat([alert(), alert(**LOOP)])
    channel.repeat([])

    (asked,) = server.asked
    assert len(json.loads(asked.body)) == 2
    assert isinstance(channel, RepeatingChannel)


def test_a_login_is_sent_and_shown_nowhere(server):
    pushed(server, alert(), login=("costmon", "planted"))
    server.answer(PATH, Reply(status=401, body=b"Unauthorized"))

    sent = server.asked[0].headers["authorization"]
    with pytest.raises(NotifyError, match="401") as caught:
        pushed(server, alert(), login=("costmon", "planted"))

    assert sent == f"Basic {base64.b64encode(b'costmon:planted').decode()}"
    assert "planted" not in str(caught.value)
    assert caught.value.is_final


@pytest.mark.process
@pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None, reason="no prometheus-alertmanager"
)
def test_a_real_alertmanager_shows_escalation_and_end(tmp_path):
    (tmp_path / "am.yml").write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = ["prometheus-alertmanager", f"--config.file={tmp_path}/am.yml"]
    command += [f"--storage.path={tmp_path}/data", f"--web.listen-address={address}"]
    command += ["--cluster.listen-address="]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        try:
            _check_real(f"http://{address}")
        finally:
            process.terminate()


def _check_real(url):
    channel = AlertmanagerChannel("am", url, None, HttpSender(), SystemClock())
    now = SystemClock().now()
    opened = alert(since=now, raised_at=now, labels={"provider": "openai"})
    for _ in range(200):
        try:
            channel.send(opened)
            break
        except NotifyError:
            select.select([], [], [], 0.05)
    assert firing(url) == {("threshold:monthly", "warning", "openai")}

    later = SystemClock().now()
    worse = {"severity": "critical", "state": "escalated", "previous_severity": "warning"}
    escalated = alert("a2", since=now, raised_at=later, labels={"provider": "openai"}, **worse)
    channel.send(escalated)
    channel.repeat([escalated])
    assert firing(url) == {("threshold:monthly", "critical", "openai")}

    over = {"severity": "info", "state": "resolved", "previous_severity": "critical"}
    end = SystemClock().now()
    channel.send(alert("a3", since=now, raised_at=end, labels={"provider": "openai"}, **over))
    assert firing(url) == set()


def firing(url):
    with urllib.request.urlopen(f"{url}{PATH}?active=true", timeout=5) as answer:
        found = json.load(answer)
    return {
        (one["labels"]["condition"], one["labels"]["severity"], one["labels"]["provider"])
        for one in found
    }
