"""FastAPI, Starlette and plain ASGI: what is charged to which route, and what is left alone."""

import asyncio
import contextlib
import gzip
import sys
from typing import Any

import pytest

pytest.importorskip("fastapi")

from fastapi import BackgroundTasks, FastAPI, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.figures import UNMATCHED
from tests.meter.frameworks.asking import a_scope, ask, asked
from tests.meter.frameworks.work import MS, burn, is_about


def an_app(**options: Any) -> FastAPI:
    app = FastAPI()
    app.add_middleware(CostMeterMiddleware, port=None, **options)
    return app


def passing(layers: int, app: FastAPI) -> FastAPI:
    async def passes(request, call_next):
        return await call_next(request)

    for _ in range(layers):
        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)
    return app


class TestWork:
    def test_what_an_endpoint_burns_is_its_routes_but_not_what_it_waits(self, rows):
        app = an_app()

        @app.get("/burns")
        async def burns():
            burn(10 * MS)
            await asyncio.sleep(0.03)
            burn(10 * MS)

        ask(app, "/burns")

        row = rows()["GET", "/burns", 200]
        assert is_about(row.cpu_ns, 20 * MS)
        assert row.wall_ns >= 50 * MS

    def test_requests_at_once_are_each_charged_their_own(self, rows):
        app = an_app()

        @app.get("/burns/{ms}")
        async def burns(ms: int):
            for _ in range(4):
                burn(ms * MS // 4)
                await asyncio.sleep(0.001)

        @app.get("/sleeps")
        async def sleeps():
            await asyncio.sleep(0.05)

        async def all_at_once() -> None:
            await asyncio.gather(
                *(asked(app, a_scope("/burns/8")) for _ in range(5)),
                *(asked(app, a_scope("/sleeps")) for _ in range(20)),
            )

        asyncio.run(all_at_once())

        assert is_about(rows()["GET", "/burns/{ms}", 200].cpu_ns, 40 * MS, also_ns=15 * MS)
        assert rows()["GET", "/sleeps", 200].cpu_ns < 40 * MS

    @pytest.mark.parametrize("how", ["def", "to_thread", "run_in_threadpool", "run_in_executor"])
    def test_what_a_thread_burns_for_an_endpoint_is_its_routes(self, rows, how):
        app = an_app()

        if how == "def":

            @app.get("/burns")
            def burns_itself():
                burn(20 * MS)
        else:

            @app.get("/burns")
            async def burns():
                if how == "to_thread":
                    await asyncio.to_thread(burn, 20 * MS)
                elif how == "run_in_threadpool":
                    await run_in_threadpool(burn, 20 * MS)
                else:
                    await asyncio.get_running_loop().run_in_executor(None, burn, 20 * MS)

        ask(app, "/burns")

        row = rows()["GET", "/burns", 200]
        assert is_about(row.cpu_ns, 20 * MS)
        assert is_about(row.offloaded_cpu_ns, 20 * MS)

    def test_what_its_tasks_burn_is_its_routes(self, rows):
        app = an_app()

        async def child():
            burn(10 * MS)
            await asyncio.sleep(0)
            burn(10 * MS)

        @app.get("/gathers")
        async def gathers():
            await asyncio.gather(child(), child())
            async with asyncio.TaskGroup() as group:
                group.create_task(child())

        ask(app, "/gathers")

        assert is_about(rows()["GET", "/gathers", 200].cpu_ns, 60 * MS)

    @pytest.mark.parametrize("layers", [1, 4])
    def test_a_stack_of_middlewares_takes_nothing_away(self, rows, layers):
        app = FastAPI()

        @app.get("/burns/{x}")
        async def burns(x: str):
            burn(20 * MS)
            await asyncio.sleep(0)
            burn(10 * MS)

        passing(layers, app).add_middleware(CostMeterMiddleware, port=None)

        ask(app, "/burns/1")

        assert is_about(rows()["GET", "/burns/{x}", 200].cpu_ns, 30 * MS, also_ns=8 * MS)

    def test_a_body_that_is_made_while_it_is_sent_counts(self, rows):
        app = an_app()

        @app.get("/streams")
        async def streams():
            async def chunks():
                for _ in range(3):
                    burn(10 * MS)
                    await asyncio.sleep(0)
                    yield b"12345"

            return StreamingResponse(chunks())

        @app.get("/iterates")
        async def iterates():
            def chunks():
                for _ in range(3):
                    burn(10 * MS)
                    yield b"12345"

            return StreamingResponse(chunks())

        assert ask(app, "/streams").body == b"12345" * 3
        assert ask(app, "/iterates").body == b"12345" * 3

        for route in ("/streams", "/iterates"):
            row = rows()["GET", route, 200]
            assert row.bytes_out == 15
            assert is_about(row.cpu_ns, 30 * MS)

    def test_background_tasks_are_charged_but_are_not_in_the_wall_time(self, rows):
        app = an_app()

        async def later():
            burn(10 * MS)
            await asyncio.sleep(0.05)

        @app.get("/background")
        async def background(tasks: BackgroundTasks):
            tasks.add_task(later)
            tasks.add_task(burn, 10 * MS)

        ask(app, "/background")

        row = rows()["GET", "/background", 200]
        assert is_about(row.cpu_ns + row.late_cpu_ns, 20 * MS)
        assert row.wall_ns < 50 * MS < row.in_flight_ns

    def test_a_task_that_is_left_behind_is_late_work(self, rows):
        app = an_app()
        left = []

        async def later():
            await asyncio.sleep(0.01)
            burn(20 * MS)

        @app.get("/leaves")
        async def leaves():
            left.append(asyncio.create_task(later()))

        async def asking() -> None:
            await asked(app, a_scope("/leaves"))
            await left[0]

        asyncio.run(asking())

        row = rows()["GET", "/leaves", 200]
        assert is_about(row.late_cpu_ns, 20 * MS)
        assert row.cpu_ns < 15 * MS

    def test_a_long_poll_costs_what_it_works_not_what_it_waits(self, rows):
        app = an_app()

        @app.get("/polls")
        async def polls():
            await asyncio.sleep(0.3)

        ask(app, "/polls")

        row = rows()["GET", "/polls", 200]
        assert row.wall_ns >= 290 * MS
        assert row.cpu_ns < 20 * MS

    def test_server_sent_events_cost_what_they_work(self, rows):
        app = an_app()

        @app.get("/events")
        async def events():
            async def chunks():
                for number in range(10):
                    await asyncio.sleep(0.01)
                    yield f"data: {number}\n\n"

            return StreamingResponse(chunks(), media_type="text/event-stream")

        ask(app, "/events")

        row = rows()["GET", "/events", 200]
        assert row.wall_ns >= 95 * MS
        assert row.bytes_out == 90
        assert row.cpu_ns < 30 * MS


class TestUnfinished:
    def test_what_an_unfinished_answer_has_cost_is_seen_already(self, rows):
        app, seen = an_app(), []

        @app.get("/events/{x}")
        async def events(x: str):
            async def chunks():
                yield b"1"
                burn(10 * MS)
                await asyncio.sleep(0)
                seen.append(rows())
                yield b"2"

            return StreamingResponse(chunks())

        ask(app, "/events/1")

        row = seen[0]["GET", "/events/{x}", 200]
        assert row.requests == 0
        assert is_about(row.cpu_ns, 10 * MS)
        assert list(rows()) == [("GET", "/events/{x}", 200)]
        assert is_about(rows()["GET", "/events/{x}", 200].cpu_ns, 10 * MS)

    def test_what_has_no_answer_yet_leaves_no_row_without_a_status(self, rows):
        app = an_app()

        @app.get("/burns")
        async def burns():
            burn(10 * MS)
            await asyncio.sleep(0)
            assert rows() == {}

        ask(app, "/burns")

        assert list(rows()) == [("GET", "/burns", 200)]


class TestEndings:
    @pytest.mark.parametrize("layers", [0, 2])
    def test_an_exception_is_counted_as_500_and_left_alone(self, rows, layers):
        app = FastAPI()

        @app.get("/raises/{x}")
        async def raises(x: str):
            message = "an endpoint's own"
            raise KeyError(message)

        passing(layers, app).add_middleware(CostMeterMiddleware, port=None)

        with pytest.raises(KeyError):
            ask(app, "/raises/1")

        assert rows()["GET", "/raises/{x}", 500].requests == 1

    def test_debug_pages_are_left_alone(self, rows):
        app = FastAPI(debug=True)
        app.add_middleware(CostMeterMiddleware, port=None)

        @app.get("/raises")
        async def raises():
            message = "an endpoint's own"
            raise KeyError(message)

        sent: list[Any] = []

        async def receive():
            return {"type": "http.request"}

        async def send(message):
            sent.append(message)

        with pytest.raises(KeyError):
            asyncio.run(app(a_scope("/raises"), receive, send))

        assert sent[0]["status"] == 500
        assert b"KeyError" in sent[1]["body"]
        assert rows()["GET", "/raises", 500].requests == 1

    def test_a_request_that_is_cancelled_is_counted(self, rows):
        app = an_app()
        started = asyncio.Event()

        @app.get("/waits")
        async def waits():
            started.set()
            await asyncio.Event().wait()

        async def cancelling() -> None:
            request = asyncio.create_task(asked(app, a_scope("/waits")))
            await started.wait()
            request.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await request

        asyncio.run(cancelling())

        assert rows()["GET", "/waits", 499].requests == 1

    def test_a_client_that_hangs_up_in_a_stream_is_counted_with_what_it_got(self, rows):
        app = an_app()
        hangs_up = asyncio.Event()

        @app.get("/streams")
        async def streams():
            async def chunks():
                yield b"12345"
                hangs_up.set()
                await asyncio.Event().wait()

            return StreamingResponse(chunks())

        answer = asyncio.run(asked(app, a_scope("/streams"), hangs_up=hangs_up))

        assert answer.body == b"12345"
        row = rows()["GET", "/streams", 200]
        assert (row.requests, row.bytes_out) == (1, 5)

    def test_what_no_route_took_is_one_row(self, rows):
        app = an_app()
        for number in range(50):
            ask(app, f"/nothing/{number}")

        assert {key: row.requests for key, row in rows().items()} == {("GET", UNMATCHED, 404): 50}

    def test_a_method_that_is_not_allowed_belongs_to_the_route(self, rows):
        app = an_app()

        @app.get("/users/{uid}")
        async def user(uid: str):
            return uid

        assert ask(app, "/users/7", "DELETE").status == 405

        assert list(rows()) == [("DELETE", "/users/{uid}", 405)]

    def test_a_method_that_http_does_not_know_is_other(self, rows):
        ask(an_app(), "/nothing", "BREW")

        assert list(rows()) == [("(other)", UNMATCHED, 404)]


class TestBytes:
    def test_what_is_read_of_a_body_is_counted(self, rows):
        app = an_app()

        @app.post("/reads")
        async def reads(request: Request):
            return len(await request.body())

        ask(app, "/reads", "POST", body=b"x" * 1000)

        row = rows()["POST", "/reads", 200]
        assert (row.bytes_in, row.bytes_out) == (1000, 4)

    @pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
    def test_nothing_is_sent_where_there_is_no_body(self, rows, method, status):
        app = an_app()

        @app.api_route("/empty", methods=["GET", "HEAD"])
        async def empty():
            return Response(b"12345", status)

        ask(app, "/empty", method)

        assert rows()[method, "/empty", status].bytes_out == 0

    def test_what_an_outer_middleware_compresses_is_counted_as_sent(self, rows):
        app = FastAPI()

        @app.get("/large")
        async def large():
            return "x" * 10_000

        app.add_middleware(GZipMiddleware)
        app.add_middleware(CostMeterMiddleware, port=None)

        answer = ask(app, "/large", headers=[("accept-encoding", "gzip")])

        assert len(gzip.decompress(answer.body)) == 10_002
        assert rows()["GET", "/large", 200].bytes_out == len(answer.body) < 1_000


class TestSockets:
    def test_a_websocket_is_counted_as_one_request_with_its_bytes(self, rows):
        app = an_app()

        @app.websocket("/rooms/{room}")
        async def rooms(websocket: WebSocket, room: str):
            await websocket.accept()
            async for text in websocket.iter_text():
                burn(10 * MS)
                await websocket.send_text(text + text)

        asyncio.run(talked(app, "/rooms/7", "abc", "defg"))

        row = rows()["WEBSOCKET", "/rooms/{room}", 101]
        assert (row.requests, row.bytes_in, row.bytes_out) == (1, 7, 14)
        assert is_about(row.cpu_ns, 20 * MS)

    def test_a_websocket_that_is_refused_is_counted(self, rows):
        app = an_app()

        @app.websocket("/rooms/{room}")
        async def rooms(websocket: WebSocket, room: str):
            await websocket.close()

        asyncio.run(talked(app, "/rooms/7"))

        assert rows()["WEBSOCKET", "/rooms/{room}", 403].requests == 1


class TestLeftAlone:
    def test_the_lifespan_is_the_applications_own(self, rows):
        said = []

        @contextlib.asynccontextmanager
        async def lifespan(app):
            said.append("up")
            yield {"shared": 1}
            said.append("down")

        app = FastAPI(lifespan=lifespan)
        app.add_middleware(CostMeterMiddleware, port=None)
        told = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
        answers = []

        async def receive():
            return next(told)

        async def send(message):
            answers.append(message["type"])

        scope: dict[str, Any] = {"type": "lifespan", "state": {}, "asgi": {"version": "3.0"}}
        asyncio.run(app(scope, receive, send))

        assert said == ["up", "down"]
        assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        assert scope["state"] == {"shared": 1}
        assert not rows()

    def test_an_application_that_is_wrapped_twice_counts_once(self, rows):
        app = an_app()

        @app.get("/burns")
        async def burns():
            burn(20 * MS)

        app.add_middleware(CostMeterMiddleware, port=None)
        ask(CostMeterMiddleware(app, port=None), "/burns")

        row = rows()["GET", "/burns", 200]
        assert row.requests == 1
        assert is_about(row.cpu_ns, 20 * MS)

    def test_a_second_meter_forgets_nothing(self, rows):
        app = an_app()
        ask(app, "/nothing")

        another = an_app()
        ask(another, "/nothing")

        assert rows()["GET", UNMATCHED, 404].requests == 2

    def test_an_application_without_a_framework_is_one_row(self, rows):
        async def app(scope, receive, send):
            burn(10 * MS)
            await Response(b"x")(scope, receive, send)

        ask(CostMeterMiddleware(app, port=None), "/a/path")

        assert is_about(rows()["GET", UNMATCHED, 200].cpu_ns, 10 * MS)

    def test_a_mounted_application_that_meters_itself_too_counts_once(self, rows):
        app, sub = an_app(), an_app()

        @sub.get("/users/{uid}")
        async def user(uid: str):
            return uid

        app.mount("/v2", sub)

        ask(app, "/v2/users/7")

        assert {key: row.requests for key, row in rows().items()} == {
            ("GET", "/v2/users/{uid}", 200): 1
        }


async def talked(app: Any, path: str, *texts: str) -> None:
    """Say `texts` on a WebSocket, then close it."""
    given: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    given += [{"type": "websocket.receive", "text": text} for text in texts]
    given += [{"type": "websocket.disconnect", "code": 1000}]

    async def receive():
        return given.pop(0)

    async def send(message):
        pass

    await app(a_scope(path, kind="websocket"), receive, send)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks start eagerly since 3.12")
def test_tasks_that_start_eagerly_are_not_charged_twice(rows):
    """The first step of such a task runs inside the step that makes it."""
    app = an_app()

    async def child():
        burn(10 * MS)
        await asyncio.sleep(0)
        burn(10 * MS)

    @app.get("/gathers")
    async def gathers():
        burn(10 * MS)
        await asyncio.gather(child(), child())

    async def eagerly() -> None:
        loop: Any = asyncio.get_running_loop()
        loop.set_task_factory(vars(asyncio)["eager_task_factory"])
        await asked(app, a_scope("/gathers"))

    asyncio.run(eagerly())

    assert is_about(rows()["GET", "/gathers", 200].cpu_ns, 50 * MS)


def test_uvloop_is_followed_like_asyncios_own_loop(rows):
    uvloop = pytest.importorskip("uvloop")
    app = an_app()

    async def child():
        burn(10 * MS)
        await asyncio.sleep(0.005)
        burn(10 * MS)

    @app.get("/gathers")
    async def gathers():
        await asyncio.gather(child(), asyncio.to_thread(burn, 10 * MS))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asked(app, a_scope("/gathers")))

    assert is_about(rows()["GET", "/gathers", 200].cpu_ns, 30 * MS)
