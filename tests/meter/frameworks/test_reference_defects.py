"""What the reference measures wrongly, by the numbers of its defects, is measured rightly."""

import asyncio
import contextlib
import gc
import gzip
import tracemalloc
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from fastapi import APIRouter, BackgroundTasks, FastAPI
from fastapi.responses import StreamingResponse
from flask import Flask, Response
from starlette.middleware.gzip import GZipMiddleware

from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.figures import UNMATCHED
from costmon.meter.flask import CostMeter
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.frameworks.asking import a_scope, ask, asked
from tests.meter.frameworks.calling import call
from tests.meter.frameworks.work import MS, burn, is_about


def an_api() -> FastAPI:
    app = FastAPI()
    app.add_middleware(CostMeterMiddleware, port=None)
    return app


def a_shop() -> Flask:
    app = Flask("shop")
    CostMeter(app, port=None)
    return app


def test_10_a_hundred_sleeping_requests_are_not_charged_for_sleeping(rows):
    """20.05 core-seconds for 0.027 s of CPU."""
    app = an_api()

    @app.get("/sleeps")
    async def sleeps():
        await asyncio.sleep(0.2)

    async def all_at_once() -> None:
        await asyncio.gather(*(asked(app, a_scope("/sleeps")) for _ in range(100)))

    asyncio.run(all_at_once())

    row = rows()["GET", "/sleeps", 200]
    assert row.requests == 100
    assert row.wall_ns >= 19_000 * MS
    assert row.cpu_ns < 500 * MS


def test_11_background_tasks_are_not_in_the_time_of_the_answer(rows):
    app = an_api()

    @app.get("/background")
    async def background(tasks: BackgroundTasks):
        tasks.add_task(asyncio.sleep, 0.1)

    ask(app, "/background")

    assert rows()["GET", "/background", 200].wall_ns < 90 * MS


def test_11_a_websocket_is_seen(rows):
    app = an_api()

    @app.websocket("/rooms/{room}")
    async def rooms(websocket: Any, room: str):
        raise AssertionError

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        pass

    with contextlib.suppress(Exception):
        asyncio.run(app(a_scope("/rooms/7", kind="websocket"), receive, send))

    assert [(method, route) for method, route, _ in rows()] == [("WEBSOCKET", "/rooms/{room}")]


def test_12_a_streamed_body_of_flask_is_charged_and_counted(rows):
    """8 ms of CPU recorded as 0, and no byte."""
    app = a_shop()

    @app.get("/streams")
    def streams():
        def chunks():
            burn(8 * MS)
            yield b"12345"

        return Response(chunks())

    call(app, "/streams")

    row = rows()["GET", "/streams", 200]
    assert is_about(row.cpu_ns, 8 * MS)
    assert row.bytes_out == 5


def test_12_a_streamed_body_of_fastapi_is_counted(rows):
    app = an_api()

    @app.get("/streams")
    async def streams():
        return StreamingResponse(iter([b"12345", b"678"]))

    ask(app, "/streams")

    assert rows()["GET", "/streams", 200].bytes_out == 8


def test_13_the_head_has_no_body_that_could_be_sent(rows):
    app = a_shop()
    app.add_url_rule("/x", view_func=lambda: "x" * 1000)

    call(app, "/x", "HEAD")

    assert rows()["HEAD", "/x", 200].bytes_out == 0


def test_13_what_an_outer_middleware_compresses_is_counted_as_sent(rows):
    app = FastAPI()

    @app.get("/large")
    async def large():
        return "x" * 10_000

    app.add_middleware(GZipMiddleware)
    app.add_middleware(CostMeterMiddleware, port=None)

    body = ask(app, "/large", headers=[("accept-encoding", "gzip")]).body

    assert len(gzip.decompress(body)) == 10_002
    assert rows()["GET", "/large", 200].bytes_out == len(body)


def test_14_an_endpoint_that_raises_does_not_vanish(rows):
    app = an_api()

    @app.get("/raises")
    async def raises():
        raise KeyError

    with pytest.raises(KeyError):
        ask(app, "/raises")

    assert rows()["GET", "/raises", 500].requests == 1


def test_14_a_cancelled_request_does_not_vanish(rows):
    app = an_api()

    @app.get("/waits")
    async def waits():
        await asyncio.Event().wait()

    async def cancelling() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asked(app, a_scope("/waits")), 0.05)

    asyncio.run(cancelling())

    assert rows()["GET", "/waits", 499].requests == 1


def test_14_an_exception_that_leaves_flask_does_not_vanish(rows):
    app = a_shop()
    app.testing = True
    app.add_url_rule("/raises", view_func=lambda: str(1 // 0))

    with pytest.raises(ZeroDivisionError):
        call(app, "/raises")

    assert rows()["GET", "/raises", 500].requests == 1


def test_14_an_answer_before_the_view_does_not_vanish_nor_does_what_it_took(rows):
    app = a_shop()
    app.add_url_rule("/x", view_func=lambda: "x")

    @app.before_request
    def refuse():
        burn(5 * MS)
        return "no", 401

    call(app, "/x")

    assert is_about(rows()["GET", "/x", 401].cpu_ns, 5 * MS)


def test_15_prefixes_are_kept_and_mounted_applications_apart(rows):
    """`/api/v1/users/1` as `/users/{uid}`, and `/v2/items/1` as the root application's own."""
    app, router, sub = an_api(), APIRouter(), FastAPI()

    async def answer(x: str) -> str:
        return x

    router.add_api_route("/users/{x}", answer)
    app.include_router(router, prefix="/api/v1")
    app.add_api_route("/items/{x}", answer)
    sub.add_api_route("/items/{x}", answer)
    app.mount("/v2", sub)

    for path in ("/api/v1/users/1", "/items/1", "/v2/items/1"):
        ask(app, path)

    assert [route for _, route, _ in rows()] == ["/api/v1/users/{x}", "/items/{x}", "/v2/items/{x}"]


def test_16_ten_thousand_unknown_paths_are_one_row(rows):
    def not_found(environ, start_response):
        start_response("404 Not Found", [])
        return [b""]

    app = MeteredWSGI(not_found, port=None)
    for number in range(10_000):
        body = app(
            {"REQUEST_METHOD": "GET", "PATH_INFO": f"/wp-{number}.php"}, lambda *_: lambda _: None
        )
        assert body

    assert {key: row.requests for key, row in rows().items()} == {("GET", UNMATCHED, 404): 10_000}


def test_16_unknown_paths_of_both_frameworks_are_one_row(rows):
    shop, api = a_shop(), an_api()
    for number in range(20):
        call(shop, f"/probe/{number}")
        ask(api, f"/probe/{number}")

    assert {key: row.requests for key, row in rows().items()} == {("GET", UNMATCHED, 404): 40}


# 17: test_django.py, test_our_middleware_takes_no_thread.


def test_19_requests_are_not_kept(rows):
    """393 bytes for each, for ever."""
    app = a_shop()
    app.add_url_rule("/x/<int:y>", view_func=lambda y: "x")

    def ask_often(times: int) -> None:
        for number in range(times):
            call(app, f"/x/{number}")

    ask_often(300)
    gc.collect()
    tracemalloc.start(1)
    try:
        before, _ = tracemalloc.get_traced_memory()
        ask_often(1_000)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < 100 * 1_000
    assert rows()["GET", "/x/<int:y>", 200].requests == 1_300


def test_20_a_second_meter_wipes_nothing(rows):
    call(a_shop(), "/probe")

    ask(an_api(), "/probe")
    call(a_shop(), "/probe")

    assert rows()["GET", UNMATCHED, 404].requests == 3
