"""An application names its routes; what clients send never becomes one."""

import asyncio

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from fastapi import FastAPI
from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.test import Client

import costmon.meter
from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.figures import MOST_NAMED, MOST_ROUTES, OTHER
from costmon.meter.flask import CostMeter
from costmon.meter.routes import routing
from costmon.meter.wsgi import MeteredWSGI
from tests.meter.frameworks.asking import a_scope, ask, asked
from tests.meter.frameworks.calling import call


def counted(rows):
    return {(method, route): row.requests for (method, route, _), row in rows().items()}


def test_operations_of_graphql_are_told_apart(rows):
    graphql_core = pytest.importorskip("graphql")
    schema = graphql_core.build_schema("type Query { user: String, report: String }")
    known = {"GetUser", "GetReport"}
    app = Flask("api")
    CostMeter(app, port=None)

    @app.post("/graphql")
    def graphql():
        body = request.get_json()
        name = body.get("operationName")
        costmon.meter.set_route(f"/graphql {name if name in known else 'other'}")
        return {"data": graphql_core.graphql_sync(schema, body["query"]).data}

    client = app.test_client()
    for name in ("GetUser", "GetUser", "GetReport", "Invented1", "Invented2"):
        client.post("/graphql", json={"operationName": name, "query": "{ user }"})

    assert counted(rows) == {
        ("POST", "/graphql GetUser"): 2,
        ("POST", "/graphql GetReport"): 1,
        ("POST", "/graphql other"): 2,
    }


@pytest.mark.parametrize("kind", ["async", "def", "task"])
def test_any_code_of_an_asgi_request_can_name_its_route(rows, kind):
    app = FastAPI()
    app.add_middleware(CostMeterMiddleware, port=None)

    @app.get("/async")
    async def of_a_coroutine() -> None:
        costmon.meter.set_route("/named")

    @app.get("/def")
    def of_a_thread() -> None:
        costmon.meter.set_route("/named")

    @app.get("/task")
    async def of_a_task() -> None:
        async def name():
            costmon.meter.set_route("/named")

        await asyncio.create_task(name())

    ask(app, f"/{kind}")

    assert counted(rows) == {("GET", "/named"): 1}


def test_a_bare_wsgi_application_can_name_its_routes_also_while_it_streams(rows):
    def application(environ, start_response):
        start_response("200 OK", [])
        costmon.meter.set_route("/reports/{kind}")
        yield b"report"

    call(MeteredWSGI(application, port=None), "/reports/7")

    assert counted(rows) == {("GET", "/reports/{kind}"): 1}


def test_naming_a_route_outside_of_a_request_does_nothing(rows):
    costmon.meter.set_route("/nowhere")

    assert counted(rows) == {}


def test_too_many_names_do_not_take_the_place_of_routes(rows):
    app = Flask("api")
    CostMeter(app, port=None)

    @app.get("/named/<int:number>")
    def named(number):
        costmon.meter.set_route(f"/{number}")
        return ""

    @app.get("/real/<int:number>")
    def real(number):
        return ""

    client = app.test_client()
    for number in range(MOST_NAMED + 10):
        client.get(f"/named/{number}")
    client.get("/real/1")

    assert MOST_NAMED < MOST_ROUTES
    assert counted(rows)["GET", OTHER] == 10
    assert counted(rows)["GET", "/real/<int:number>"] == 1


class TestClientText:
    """Prefixes come from headers of clients, or from the configuration: only the latter count."""

    @pytest.fixture(autouse=True)
    def _forget_mounts(self, monkeypatch):
        monkeypatch.setattr(routing, "_mounts", set())

    def shop(self):
        app = Flask("shop")

        @app.get("/items/<int:item>")
        def item(item):
            return ""

        return app

    def test_a_forwarded_prefix_is_not_part_of_a_route(self, rows):
        app = self.shop()
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1)
        CostMeter(app, port=None)
        client = app.test_client()
        for number in range(MOST_ROUTES + 100):
            client.get("/items/1", headers={"X-Forwarded-Prefix": f"/p{number}"})

        assert counted(rows) == {("GET", "/items/<int:item>"): MOST_ROUTES + 100}

    def test_a_root_path_from_a_header_is_not_part_of_a_route(self, rows):
        inner = FastAPI()

        @inner.get("/items/{item}")
        async def item(item: int) -> None:
            pass

        async def app(scope, receive, send):
            prefix = dict(scope["headers"])[b"x-forwarded-prefix"].decode()
            scope["root_path"] = prefix
            scope[routing.ROUTE_KEY] = "/items/{item}"
            await inner(scope, receive, send)

        metered = CostMeterMiddleware(app, port=None)

        async def ask_often():
            for number in range(200):
                scope = a_scope("/items/1")
                scope["headers"] = [(b"x-forwarded-prefix", f"/p{number}".encode())]
                await asked(metered, scope)

        asyncio.run(ask_often())

        assert counted(rows) == {("GET", "/items/{item}"): 200}

    def test_a_middleware_that_takes_a_tenant_off_the_path_is_one_mount_in_the_end(self, rows):
        app = self.shop()
        inner = app.wsgi_app

        def by_tenant(environ, start_response):
            tenant, _, rest = environ["PATH_INFO"][1:].partition("/")
            environ["SCRIPT_NAME"] += f"/{tenant}"
            environ["PATH_INFO"] = f"/{rest}"
            return inner(environ, start_response)

        client = Client(MeteredWSGI(by_tenant, port=None))
        for number in range(MOST_ROUTES + 100):
            client.get(f"/t{number}/items/1")

        found = counted(rows)
        assert len(found) == routing.MOST_MOUNTS + 1
        assert found["GET", "/{mount}/items/<int:item>"] == MOST_ROUTES + 100 - routing.MOST_MOUNTS
