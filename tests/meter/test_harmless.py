"""What fails in the meter, or is odd in an application, never reaches a request."""

import asyncio

import pytest

import costmon.meter
from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.hooks.threads import THREADS
from costmon.meter.process import METER
from costmon.meter.wsgi import MeteredWSGI


@pytest.fixture(autouse=True)
def _own_recording():
    yield
    costmon.meter.reset()
    costmon.meter.stop()


def app_that_says(status):
    def answer(_, start_response):
        start_response(status, [])
        return [b"ok"]

    return MeteredWSGI(answer, port=None)


@pytest.mark.parametrize(("status", "counted"), [("404 Not Found", 404), ("fine", 0), ("²²²", 0)])
def test_a_status_that_is_none_is_for_the_server_to_refuse(status, counted):
    heard = []
    app = app_that_says(status)
    costmon.meter.reset()

    body = app({"REQUEST_METHOD": "GET"}, lambda said, _: heard.append(said))

    assert (list(body), heard) == ([b"ok"], [status])
    assert [row.status for row in costmon.meter.snapshot().routes] == [counted]


def test_a_hook_that_cannot_be_installed_is_counted_and_the_request_answered(monkeypatch):
    app = app_that_says("200 OK")
    costmon.meter.stop()
    monkeypatch.setattr(THREADS, "install", lambda: 1 // 0)
    before = METER.faults

    body = app({"REQUEST_METHOD": "GET"}, lambda *_: None)

    assert list(body) == [b"ok"]
    assert METER.faults == before + 1


def test_a_body_that_is_none_is_handed_on_as_it_is():
    sent = []

    async def answer(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": None})

    async def send(message):
        sent.append(message)

    async def receive():
        return {}

    app = CostMeterMiddleware(answer, port=None)
    asyncio.run(app({"type": "http", "method": "GET", "headers": []}, receive, send))

    assert sent[1]["body"] is None
