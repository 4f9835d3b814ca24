"""Frameworks that keep their routes to themselves: Falcon, Connexion, Datasette, Channels, a2wsgi.

Those that are not installed are left out here; `make compat` has all of them.
"""

import asyncio
import gc
import importlib
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from fastapi import FastAPI
from flask import Flask

from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.figures import UNMATCHED
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.frameworks.asking import a_scope, ask, asked
from tests.meter.frameworks.calling import call
from tests.meter.frameworks.work import MS, burn, is_about


@pytest.fixture(autouse=True)
def _end_pools():
    """End the thread pools that a2wsgi and asgiref leave behind."""
    yield
    for pool in gc.get_objects():
        if type(pool) is ThreadPoolExecutor and pool._thread_name_prefix == "WSGI":
            pool.shutdown()
    asgiref = sys.modules.get("asgiref.sync")
    if asgiref is not None:
        asgiref.SyncToAsync.single_thread_executor.shutdown()
        asgiref.SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)


def counted(rows):
    return {
        (method, route, status): row.requests for (method, route, status), row in rows().items()
    }


@pytest.mark.parametrize("bridge", ["starlette.middleware.wsgi", "a2wsgi"])
def test_flask_in_fastapi_has_its_own_routes_below_the_mount(rows, bridge):
    pytest.importorskip(bridge.partition(".")[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wrapper = importlib.import_module(bridge).WSGIMiddleware
    shop = Flask("shop")

    @shop.get("/users/<int:user>")
    def user(user):
        burn(20 * MS)
        return "user"

    app = FastAPI()
    app.mount("/shop", wrapper(shop))
    app.add_middleware(CostMeterMiddleware, port=None, warmup_s=0)

    assert ask(app, "/shop/users/7").body == b"user"

    assert counted(rows) == {("GET", "/shop/users/<int:user>", 200): 1}
    assert is_about(rows()["GET", "/shop/users/<int:user>", 200].cpu_ns, 20 * MS)


class TestFalcon:
    @pytest.fixture
    def falcon(self):
        return pytest.importorskip("falcon")

    def test_under_wsgi(self, rows, falcon):
        class User:
            def on_get(self, _request, response, user):
                response.text = str(user)

        app = falcon.App()
        app.add_route("/users/{user:int}/orders", User())
        metered = MeteredWSGI(app, port=None)

        call(metered, "/users/7/orders")
        call(metered, "/users/8/orders")
        call(metered, "/nothing/9")

        assert counted(rows) == {
            ("GET", "/users/{user:int}/orders", 200): 2,
            ("GET", UNMATCHED, 404): 1,
        }

    @pytest.mark.usefixtures("falcon")
    def test_under_asgi(self, rows):
        asgi = importlib.import_module("falcon.asgi")

        class User:
            async def on_get(self, _request, response, user):
                response.text = str(user)

        app = asgi.App()
        app.add_route("/users/{user}", User())
        metered = CostMeterMiddleware(app, port=None)

        ask(metered, "/users/7")
        ask(metered, "/users/8")
        ask(metered, "/nothing/9")

        assert counted(rows) == {("GET", "/users/{user}", 200): 2, ("GET", UNMATCHED, 404): 1}


_SPEC = {
    "openapi": "3.0.0",
    "info": {"title": "users", "version": "1"},
    "paths": {
        "/users/{user}": {
            "get": {
                "operationId": f"{__name__}.connexion_user",
                "parameters": [
                    {"name": "user", "in": "path", "required": True, "schema": {"type": "integer"}}
                ],
                "responses": {"200": {"description": "a user"}},
            }
        }
    },
}


def connexion_user(user):
    """Answer a request of the specification above."""
    return f"user {user}"


@pytest.mark.parametrize("kind", ["AsyncApp", "FlaskApp"])
@pytest.mark.parametrize("added", ["around", "inside"])
def test_connexion(rows, kind, added):
    connexion = pytest.importorskip("connexion")
    app = getattr(connexion, kind)(__name__)
    app.add_api(_SPEC, base_path="/v1")
    if added == "inside":
        app.add_middleware(CostMeterMiddleware, port=None)
        metered = app
    else:
        metered = CostMeterMiddleware(app, port=None)

    async def ask_all():
        for path in ("/v1/users/7", "/v1/users/8", "/v1/nothing/9"):
            await asked(metered, a_scope(path))

    asyncio.run(ask_all())

    found = counted(rows)
    assert sum(found.values()) == 3
    ((method, route, status),) = [key for key, requests in found.items() if requests == 2]
    assert (method, status) == ("GET", 200)
    assert route in ("/v1/users/{user}", "/v1/users/{user:int}", "/v1/users/<int:user>")
    assert not any("7" in route or "9" in route for _, route, _ in found)


def test_datasette(rows):
    app = pytest.importorskip("datasette.app")
    datasette = app.Datasette(memory=True, settings={"num_sql_threads": 0})
    metered = CostMeterMiddleware(datasette.app(), port=None)

    async def ask_all():
        for path in ("/_memory.json", "/nothing-1", "/nothing-2", "/-/versions.json"):
            await asked(metered, {**a_scope(path), "query_string": b"sql=select+1"})

    asyncio.run(ask_all())

    routes = {route for _, route, _ in counted(rows)}
    assert not any("nothing" in route or "_memory" in route for route in routes)
    assert any(route.startswith("/<database") for route in routes)
    assert any(route.startswith("/-/versions") for route in routes)


def test_consumers_of_channels(rows):
    pytest.importorskip("channels")
    importlib.import_module("tests.meter.frameworks.a_django")  # it configures Django
    consumers = importlib.import_module("channels.generic.websocket")
    routing = importlib.import_module("channels.routing")
    urls = importlib.import_module("django.urls")

    class Chat(consumers.AsyncWebsocketConsumer):  # type: ignore[misc,name-defined]  # not installed here
        async def receive(self, text_data=None, bytes_data=None):
            burn(20 * MS)
            await self.send(text_data=text_data)
            await self.close()

    inner = routing.URLRouter([urls.re_path(r"^(?P<room>\w+)/$", Chat.as_asgi())])
    chat, news = urls.path("chat/<int:org>/", inner), urls.path("news/", Chat.as_asgi())
    app = routing.ProtocolTypeRouter({"websocket": routing.URLRouter([chat, news])})
    metered = CostMeterMiddleware(app, port=None, warmup_s=0)

    async def talk(path):
        given = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]

        async def receive():
            if given:
                return given.pop(0)
            await asyncio.sleep(0)
            return {"type": "websocket.disconnect", "code": 1000}

        async def send(_message):
            pass

        scope = a_scope(path)
        scope["type"] = "websocket"
        await metered(scope, receive, send)

    async def talk_all():
        for path in ("/chat/1/lobby/", "/chat/2/kitchen/", "/news/"):
            await talk(path)

    asyncio.run(talk_all())

    assert counted(rows) == {
        ("WEBSOCKET", r"/chat/<int:org>/<room:\w+>/", 101): 2,
        ("WEBSOCKET", "/news/", 101): 1,
    }
    assert is_about(rows()["WEBSOCKET", "/news/", 101].cpu_ns, 20 * MS)


@pytest.mark.parametrize("is_earlier", [True, False], ids=["earlier", "later"])
def test_tasks_under_sentrys_asyncio_integration_are_measured(rows, is_earlier):
    sentry_sdk = pytest.importorskip("sentry_sdk")
    integrations = importlib.import_module("sentry_sdk.integrations.asyncio")

    async def application(scope, receive, send):
        async def child():
            burn(20 * MS)
            await asyncio.sleep(0)
            burn(20 * MS)

        await asyncio.create_task(child())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    metered = CostMeterMiddleware(application, port=None, warmup_s=0)

    def start_sentry():
        sentry_sdk.init(
            integrations=[integrations.AsyncioIntegration()], default_integrations=False
        )

    async def ask_twice():
        if is_earlier:
            start_sentry()
        await asked(metered, a_scope("/"))
        if not is_earlier:
            start_sentry()
        await asked(metered, a_scope("/"))

    asyncio.run(ask_twice())

    assert is_about(rows()["GET", UNMATCHED, 200].cpu_ns, 80 * MS)
