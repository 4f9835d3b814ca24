"""Alerts in the real process: channels, what people decide, over kill -9, and the sign of life."""

import json
import signal

import pytest

from costmon.cli import main
from costmon.testing.stub import Reply, StubServer
from tests.journeys.service import ME, PATIENCE_S, run
from tests.notifiers.mail_server import MailServer

pytestmark = pytest.mark.process

HOOK = "/services/T000/B000/planted"
CHANNELS = """
[[channel]]
kind = "slack"
name = "slack"
url_env = "SLACK_WEBHOOK_URL"

[[channel]]
kind = "smtp"
name = "mail"
host = "127.0.0.1"
port = {port}
security = "none"
from = "costmon@example.com"
to = "ops@example.com"
"""


@pytest.fixture
def slack():
    with StubServer() as server:
        server.answer(HOOK, Reply(body=b"ok"))
        server.answer("/ping/planted", Reply(body=b"OK"))
        yield server


def alerts(service, capsys, *arguments):
    """Run `costmon alerts` against the service and return what it printed."""
    where = ["--host", "127.0.0.1", "--port", str(service.port)]
    assert main(["alerts", *arguments, *where]) == 0
    return capsys.readouterr().out


def test_an_acknowledged_alert_stays_so_over_kill_9(tmp_path, vendor, slack, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with MailServer() as mail:
        (tmp_path / "costmon.toml").write_text(CHANNELS.format(port=mail.port))
        environment = {
            "SLACK_WEBHOOK_URL": f"{slack.url}{HOOK}",
            "COSTMON_HEARTBEAT_URL": f"{slack.url}/ping/planted",
            "COSTMON_HEARTBEAT_INTERVAL": "1s",
            "DO_COST_THRESHOLD": "1",
            "COSTMON_ALERT_COOLDOWN": "1s",
        }
        monkeypatch.setenv("SLACK_WEBHOOK_URL", environment["SLACK_WEBHOOK_URL"])
        with run(tmp_path, vendor, **environment) as service:
            service.wait_for("alerter.threshold_exceeded", alert_state="opened")
            service.wait_for("alerter.threshold_exceeded", alert_state="escalated")
            (alert,) = service.when("/api/v1/alerts", 200).json()["data"]
            assert alert["severity"] == "critical"
            alerts(service, capsys, "ack", alert["id"])
            service.wait_for("alerter.alert_acknowledged", author=ME)
            service.wait_for("alerter.alert_suppressed", message="suppressed: acknowledged")
            service.process.send_signal(signal.SIGKILL)
            service.process.wait(PATIENCE_S)
            told = len(service.heard("alerter.threshold_exceeded"))

        with run(tmp_path, vendor, **environment) as service:
            service.wait_for("alerter.alert_suppressed", message="suppressed: acknowledged")
            assert f"acknowledged by {ME}" in alerts(service, capsys)
            assert not service.heard("alerter.threshold_exceeded")
            assert service.terminate() == 0
            logged = "".join(service.raw)

    posted = [json.loads(asked.body) for asked in slack.asked if asked.path == HOOK]
    assert len(posted) == len(mail.mails) == told
    assert "*Monthly run-rate above the threshold*" in posted[0]["text"]
    assert any(asked.path == "/ping/planted" for asked in slack.asked)
    assert "planted" not in logged
