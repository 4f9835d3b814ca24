"""`costmon alerts`: what is printed, and what the service is asked."""

import json

import pytest

from costmon.cli import main
from costmon.testing import Reply, StubServer

LISTED = {
    "data": [
        {
            "id": "0123456789ab",
            "condition": "threshold:monthly",
            "event": "alerter.threshold_exceeded",
            "severity": "critical",
            "state": "escalated",
            "title": "Monthly run-rate above the threshold",
            "text": "Now critical.\nThe monthly run-rate is $150.00.",
            "labels": {},
            "facts": {},
            "since": "2026-11-21T10:00:00Z",
            "told_at": "2026-11-21T11:00:00Z",
            "acknowledged_by": None,
            "acknowledged_at": None,
            "snoozed_by": "ann",
            "snoozed_until": "2026-11-21T12:00:00Z",
        }
    ],
    "meta": {"count": 1},
}


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


@pytest.fixture
def alerts(server, tmp_path, monkeypatch, capsys):
    """Run the command against the server; return its exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    port = server.url.rpartition(":")[2]

    def run(*arguments):
        code = main(["alerts", *arguments, "--host", "127.0.0.1", "--port", port])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_open_alerts_are_listed_with_id_severity_and_text(server, alerts):
    server.answer("/api/v1/alerts", Reply.json(LISTED))

    code, out, _ = alerts()

    assert code == 0
    assert "0123456789ab  critical  2026-11-21 10:00:00 UTC  Monthly run-rate" in out
    assert "snoozed until 2026-11-21 12:00:00 UTC" in out
    assert "The monthly run-rate is $150.00." in out


def test_no_open_alert_is_said(server, alerts):
    server.answer("/api/v1/alerts", Reply.json({"data": [], "meta": {"count": 0}}))

    assert alerts("list")[:2] == (0, "No alert is open.\n")


def test_an_alert_is_acknowledged(server, alerts):
    path = "/api/v1/alerts/0123456789ab/acknowledge"
    server.answer(path, Reply.json({"data": {"id": "d", "status": "accepted"}}, status=202))

    assert alerts("ack", "0123456789ab")[:2] == (0, "acknowledged: 0123456789ab\n")

    (asked,) = server.asked
    assert (asked.method, json.loads(asked.body)) == ("POST", {"reason": ""})


def test_an_alert_is_snoozed_for_a_time(server, alerts):
    path = "/api/v1/alerts/0123456789ab/snooze"
    server.answer(path, Reply.json({"data": {"id": "d", "status": "accepted"}}, status=202))

    code, _, _ = alerts(
        "snooze", "0123456789ab", "--for", "4h", "--author", "ann", "--reason", "a test"
    )

    assert code == 0
    assert json.loads(server.asked[0].body) == {"duration_s": 14_400, "reason": "a test"}


def test_an_alert_that_is_not_open_is_one_line(server, alerts):
    problem = {"error": "Not found", "message": "No alert 'abc' is open."}
    server.answer("/api/v1/alerts/abc/acknowledge", Reply.json(problem, status=404))

    code, _, error = alerts("ack", "abc")

    assert code == 1
    assert "No alert 'abc' is open." in error
    assert error.count("\n") == 1


def test_something_that_is_no_id_is_not_sent(server, alerts):
    assert alerts("ack", "../circuits")[0] == 2
    assert not server.asked
