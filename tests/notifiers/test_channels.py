"""Telegram and webhooks over real HTTP: what arrives, what refusals say, and no secret anywhere."""

import datetime as dt
import hashlib
import hmac
import json
import logging

import pytest

from costmon.errors import NotifyError
from costmon.notifiers.base import Channel
from costmon.notifiers.telegram import TelegramChannel
from costmon.notifiers.webhook import WebhookChannel
from costmon.sender import HttpSender, SendError
from costmon.testing import FakeClock, Reply, StubServer
from costmon.testing.alerts import alert as some_alert

TOKEN = "123456:planted-token"
SECRET = "planted-secret"
OK = Reply.json({"ok": True, "result": {}})


@pytest.fixture
def server():
    with StubServer() as stub:
        yield stub


def alert(text="Too much.", alert_id="a1"):
    return some_alert(
        alert_id,
        event="alerter.budget_exceeded",
        severity="critical",
        condition="budget:charges:provider:vercel month:100",
        text=text,
        facts={"spent": 21.5, "limit": 20.0},
        raised_at=dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC),
    )


def telegram(server):
    return TelegramChannel(TOKEN, "-100200", HttpSender(), api_url=server.url)


def webhook(server, secret=SECRET):
    clock = FakeClock(dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC))
    return WebhookChannel("ops", f"{server.url}/hook/planted-path", secret, HttpSender(), clock)


def test_telegram_gets_the_text_as_plain_text(server):
    server.answer(f"/bot{TOKEN}/sendMessage", OK)

    telegram(server).send(alert("<b>web-1</b> costs too much."))

    (asked,) = server.asked
    message = json.loads(asked.body)
    assert message["chat_id"] == "-100200"
    assert message["text"].endswith("<b>web-1</b> costs too much.")
    assert "parse_mode" not in message


def test_telegram_gets_at_most_4096_characters(server):
    server.answer(f"/bot{TOKEN}/sendMessage", OK)

    telegram(server).send(alert("x" * 10_000))

    assert len(json.loads(server.asked[0].body)["text"]) == 4096


@pytest.mark.parametrize(
    ("status", "said", "final", "hint"),
    [
        (400, "Bad Request: chat not found", True, "TELEGRAM_CHANNEL_ID"),
        (401, "Unauthorized", True, "TELEGRAM_BOT_TOKEN"),
        (403, "Forbidden: bot was blocked by the user", True, "unblock it"),
        (500, "Internal Server Error", False, ""),
    ],
)
def test_a_refusal_of_telegram_says_why_and_whether_it_can_pass(server, status, said, final, hint):
    body = {"ok": False, "error_code": status, "description": said}
    server.answer(f"/bot{TOKEN}/sendMessage", Reply.json(body, status=status))

    with pytest.raises(NotifyError) as caught:
        telegram(server).send(alert())

    assert said in str(caught.value)
    assert hint in str(caught.value)
    assert caught.value.is_final is final


def test_telegrams_pause_is_kept_to(server):
    body = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 7}}
    server.answer(f"/bot{TOKEN}/sendMessage", Reply.json(body, status=429))

    with pytest.raises(NotifyError) as caught:
        telegram(server).send(alert())

    assert (caught.value.retry_after_s, caught.value.is_final) == (7.0, False)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"parameters": {"retry_after": "x"}}'])
def test_an_odd_answer_of_telegram_is_a_refusal(server, body):
    server.answer(f"/bot{TOKEN}/sendMessage", Reply(status=502, body=body))

    with pytest.raises(NotifyError, match="502"):
        telegram(server).send(alert())


def test_a_webhook_is_signed_over_time_and_body(server):
    server.answer("/hook/planted-path", Reply(status=204))

    webhook(server).send(alert())

    (asked,) = server.asked
    signed = asked.headers["x-costmon-timestamp"].encode() + b"." + asked.body
    expected = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert asked.headers["x-costmon-signature"] == f"sha256={expected}"
    assert asked.headers["idempotency-key"] == "a1"
    assert json.loads(asked.body)["facts"] == {"spent": 21.5, "limit": 20.0}


def test_a_webhook_without_a_secret_is_not_signed(server):
    server.answer("/hook/planted-path", Reply(status=200))

    webhook(server, secret=None).send(alert())

    assert "x-costmon-signature" not in server.asked[0].headers


def test_a_key_that_no_header_can_carry_is_escaped(server):
    server.answer("/hook/planted-path", Reply(status=200))

    webhook(server).send(alert(alert_id="budget:äöü 日本"))

    assert server.asked[0].headers["idempotency-key"].startswith("budget:\\xe4")


@pytest.mark.parametrize(
    ("status", "final"), [(302, False), (404, True), (410, True), (503, False)]
)
def test_a_webhook_that_does_not_answer_2xx_has_refused(server, status, final):
    server.answer("/hook/planted-path", Reply(status=status, headers={"Retry-After": "9"}))

    with pytest.raises(NotifyError, match=str(status)) as caught:
        webhook(server).send(alert())

    assert (caught.value.is_final, caught.value.retry_after_s) == (final, 9.0)


def test_a_redirect_is_not_followed(server):
    server.answer(
        "/hook/planted-path", Reply(status=307, headers={"Location": f"{server.url}/elsewhere"})
    )

    with pytest.raises(NotifyError):
        webhook(server).send(alert())

    assert [asked.path for asked in server.asked] == ["/hook/planted-path"]


def test_no_secret_is_in_an_error_or_a_log(server, caplog):
    caplog.set_level(logging.DEBUG)
    broken = StubServer()
    with broken:
        url = broken.url
    channels: list[Channel] = [
        TelegramChannel(TOKEN, "1", HttpSender(), api_url=url),
        WebhookChannel("ops", f"{url}/hook/planted-path", SECRET, HttpSender(), FakeClock()),
    ]

    for channel in channels:
        with pytest.raises(NotifyError) as caught:
            channel.send(alert())
        assert "planted" not in "".join(map(str, (caught.value, caught.value.__cause__)))
        assert caught.value.__suppress_context__
    assert "planted" not in caplog.text


def test_an_answer_is_read_up_to_64_kib(server):
    server.answer("/x", Reply(body=b"x" * 1_000_000))

    assert len(HttpSender().post(f"{server.url}/x", b"", {}).body) == 64 * 1024


def test_a_destination_that_is_no_url_is_an_error_without_it():
    with pytest.raises(SendError, match="the destination"):
        HttpSender().post("http://[planted", b"", {})
