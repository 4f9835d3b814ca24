"""Tenants are told apart by one header, and only those that were named."""

import asyncio

import pytest

import costmon.meter
from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.wsgi import MeteredWSGI

OPTIONS = {"port": None, "tenant_header": "X-Tenant", "tenants": ["acme", "globex"]}
SENT = ["acme", "acme", "globex", "somebody' OR 1=1", None]


@pytest.fixture(autouse=True)
def _own_recording():
    yield
    costmon.meter.reset()
    costmon.meter.stop()


def start_nothing(*_):
    return lambda _: None


def counted():
    return {row.tag: row.requests for row in costmon.meter.snapshot().routes}


def test_over_wsgi():
    def answer(_, start_response):
        start_response("200 OK", [])
        return [b"ok"]

    app = MeteredWSGI(answer, **OPTIONS)
    costmon.meter.reset()
    for name in SENT:
        header = {} if name is None else {"HTTP_X_TENANT": name}
        app({"REQUEST_METHOD": "GET", **header}, start_nothing)

    assert counted() == {"acme": 2, "globex": 1, "(other)": 1, "": 1}


def test_over_asgi():
    async def answer(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"ok"})

    async def nothing(*_):
        return {}

    async def ask(name):
        headers = [] if name is None else [(b"x-tenant", name.encode())]
        await app({"type": "http", "method": "GET", "headers": headers}, nothing, nothing)

    async def ask_all():
        for name in SENT:
            await ask(name)

    app = CostMeterMiddleware(answer, **OPTIONS)
    costmon.meter.reset()
    asyncio.run(ask_all())

    assert counted() == {"acme": 2, "globex": 1, "(other)": 1, "": 1}
