"""`costmon notify test`: one alert to one channel, and what went wrong in one line."""

import json

import pytest

from costmon.cli import main
from costmon.testing import Reply, StubServer


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


@pytest.fixture(autouse=True)
def telegram(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", "123:planted")
    monkeypatch.setenv("TELEGRAM_CHANNEL_ID", "-100200")
    monkeypatch.setenv("TELEGRAM_API_URL", server.url)


def test_a_test_alert_reaches_telegram(server, capsys):
    server.answer("/bot123:planted/sendMessage", Reply.json({"ok": True}))

    assert main(["notify", "test", "telegram"]) == 0

    assert "This is a test alert" in json.loads(server.asked[0].body)["text"]
    assert capsys.readouterr().out == "The channel telegram accepted the test alert.\n"


def test_a_channel_that_refuses_is_one_line_without_the_token(server, capsys):
    said = {"ok": False, "description": "Bad Request: chat not found"}
    server.answer("/bot123:planted/sendMessage", Reply.json(said, status=400))

    assert main(["notify", "test", "telegram"]) == 1

    error = capsys.readouterr().err
    assert "chat not found" in error
    assert error.count("\n") == 1
    assert "planted" not in error


def test_an_unknown_channel_says_which_there_are(capsys):
    assert main(["notify", "test", "pager"]) == 2

    assert "use one of log, telegram" in capsys.readouterr().err


def test_the_log_is_a_channel_too(capsys):
    assert main(["notify", "test", "log"]) == 0

    assert "alerter.test" in capsys.readouterr().err
