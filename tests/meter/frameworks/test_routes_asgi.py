"""A request's route is the whole template that took it, however deep it is mounted."""

import warnings
from pathlib import Path
from typing import Any

import pytest

fastapi = pytest.importorskip("fastapi")

from fastapi import APIRouter, FastAPI, WebSocket
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles

from costmon.meter.figures import UNMATCHED
from costmon.meter.routes.routing import ROUTE_KEY, asgi_route
from tests.meter.frameworks.asking import a_scope, asked


class Observed:
    """An application whose last route was written down."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.route: str | None = "nothing asked"

    async def __call__(self, scope, receive, send):
        entry = scope.get("root_path", "")
        try:
            await self.app(scope, receive, send)
        finally:
            self.route = asgi_route(scope, entry)


def route_of(app: Any, path: str, method: str = "GET", **scope: Any) -> str | None:
    """Return the route twice over: the second request finds it by what the first has learned."""
    import asyncio

    observed = Observed(app)
    asyncio.run(asked(observed, a_scope(path, method, **scope)))
    first = observed.route
    asyncio.run(asked(observed, a_scope(path, method, **scope)))
    assert observed.route == first
    return first


async def plain(request):
    return PlainTextResponse("ok")


async def other(request):
    return PlainTextResponse("ok")


def a_fastapi(**options: Any) -> FastAPI:
    app = FastAPI(**options)

    @app.get("/users/{uid}")
    async def user(uid: str) -> str:
        return uid

    @app.get("/files/{rest:path}")
    def file(rest: str) -> str:
        return rest

    return app


def test_a_route_of_fastapi_is_its_template():
    app = a_fastapi()

    assert route_of(app, "/users/7") == "/users/{uid}"
    assert route_of(app, "/users/8") == "/users/{uid}"
    assert route_of(app, "/files/a/b") == "/files/{rest:path}"


def test_a_route_has_the_prefixes_of_all_routers_that_include_it():
    app, outer, inner = FastAPI(), APIRouter(prefix="/outer"), APIRouter(prefix="/inner")

    @inner.get("/users/{uid}")
    async def user(uid: str) -> str:
        return uid

    outer.include_router(inner, prefix="/more")
    app.include_router(outer, prefix="/api/v1")

    assert route_of(app, "/api/v1/outer/more/inner/users/7") == (
        "/api/v1/outer/more/inner/users/{uid}"
    )


def test_a_router_that_is_included_twice_makes_two_routes():
    app, router = FastAPI(), APIRouter()

    @router.get("/users/{uid}")
    async def user(uid: str) -> str:
        return uid

    app.include_router(router, prefix="/v1")
    app.include_router(router, prefix="/v2")

    assert route_of(app, "/v1/users/7") == "/v1/users/{uid}"
    assert route_of(app, "/v2/users/7") == "/v2/users/{uid}"


def test_a_route_of_a_mounted_application_is_not_the_root_applications():
    app, sub = a_fastapi(), a_fastapi()
    app.mount("/v2", sub)

    assert route_of(app, "/users/7") == "/users/{uid}"
    assert route_of(app, "/v2/users/7") == "/v2/users/{uid}"


def test_one_application_mounted_twice_makes_two_routes():
    app, sub = FastAPI(), a_fastapi()
    app.mount("/v1", sub)
    app.mount("/v2", sub)

    assert route_of(app, "/v1/users/7") == "/v1/users/{uid}"
    assert route_of(app, "/v2/users/7") == "/v2/users/{uid}"


def test_a_mount_with_parameters_shows_their_names_not_their_values():
    sub = Starlette(
        routes=[Route("/users/{uid}", plain), Mount("/more", routes=[Route("/", plain)])]
    )
    app = Starlette(routes=[Mount("/tenants/{tenant}", sub)])

    assert route_of(app, "/tenants/acme/users/7") == "/tenants/{tenant}/users/{uid}"
    assert route_of(app, "/tenants/zeta/users/8") == "/tenants/{tenant}/users/{uid}"
    assert route_of(app, "/tenants/acme/more/") == "/tenants/{tenant}/more/"


def test_a_mounted_fastapi_below_parameters_shows_their_names_not_their_values():
    app = FastAPI()
    app.mount("/tenants/{tenant}", a_fastapi())

    assert route_of(app, "/tenants/acme/users/7") == "/tenants/{tenant}/users/{uid}"


def test_a_plain_route_in_fastapi_has_its_template_and_prefix():
    app, router = FastAPI(), APIRouter()
    router.add_route("/plain/{x}", plain, methods=["GET"])
    app.include_router(router, prefix="/api")
    app.add_route("/direct/{x}", other)

    assert route_of(app, "/direct/1") == "/direct/{x}"
    assert route_of(app, "/openapi.json") == "/openapi.json"
    assert route_of(app, "/api/plain/1") == "/api/plain/{x}"


def test_the_same_endpoint_on_two_routes_is_two_routes():
    app = Starlette(routes=[Route("/a/{x}", plain), Route("/b/{x}", plain)])

    assert route_of(app, "/a/1") == "/a/{x}"
    assert route_of(app, "/b/1") == "/b/{x}"


def test_a_converter_is_part_of_the_template():
    app = Starlette(routes=[Route("/a/{x:int}", plain), Route("/a/{x}", other)])

    assert route_of(app, "/a/1") == "/a/{x:int}"
    assert route_of(app, "/a/b") == "/a/{x}"


def test_static_files_are_one_route_found_or_not(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a")
    app = Starlette(routes=[Mount("/static", StaticFiles(directory=tmp_path))])

    assert route_of(app, "/static/a.txt") == "/static/{path:path}"
    assert route_of(app, "/static/missing.txt") == "/static/{path:path}"


def test_static_files_in_fastapi_are_one_route(tmp_path: Path):
    (tmp_path / "a.txt").write_text("a")
    app = FastAPI()
    app.mount("/static", StaticFiles(directory=tmp_path))

    assert route_of(app, "/static/a.txt") == "/static/{path:path}"


def test_a_frontend_of_fastapi_is_one_route(tmp_path: Path):
    if not hasattr(APIRouter, "frontend"):
        pytest.skip("this FastAPI serves no frontends")
    (tmp_path / "index.html").write_text("hello")
    (tmp_path / "a.js").write_text("a")
    app, router = a_fastapi(), APIRouter()
    router.frontend("/", directory=tmp_path)
    app.include_router(router, prefix="/shop")

    assert route_of(app, "/shop/a.js") == "/shop/{path:path}"
    assert route_of(app, "/shop/") == "/shop/{path:path}"


@pytest.mark.parametrize("path", ["/nothing", "/users", "/v2/nothing", "/v2/sub/nothing"])
def test_what_no_route_took_is_one_route(path: str):
    app, sub = a_fastapi(), a_fastapi()
    sub.mount("/sub", Starlette(routes=[Route("/x", plain)]))
    app.mount("/v2", sub)

    assert route_of(app, path) == UNMATCHED


@pytest.mark.parametrize("path", ["/nothing", "/sub/nothing"])
def test_what_no_route_of_starlette_took_is_one_route(path: str):
    app = Starlette(routes=[Mount("/sub", routes=[Route("/x", plain)])])

    assert route_of(app, path) == UNMATCHED


def test_a_method_that_is_not_allowed_belongs_to_the_route():
    assert route_of(a_fastapi(), "/users/7", "POST") == "/users/{uid}"
    assert route_of(Starlette(routes=[Route("/x/{y}", plain)]), "/x/1", "PUT") == "/x/{y}"


def test_a_redirect_to_the_slash_is_no_route():
    app = Starlette(routes=[Route("/x/", plain)])

    assert route_of(app, "/x") == UNMATCHED


def test_hosts_keep_their_routes_apart():
    app = Starlette(
        routes=[
            Host("api.example.org", Router([Route("/{x}", plain)])),
            Host("{shop}.example.org", Router([Route("/{x}", plain)])),
        ]
    )

    assert route_of(app, "/1", headers=[("host", "api.example.org")]) == "api.example.org/{x}"
    assert route_of(app, "/1", headers=[("host", "a.example.org")]) == "{shop}.example.org/{x}"
    assert route_of(app, "/1", headers=[("host", "b.example.org")]) == "{shop}.example.org/{x}"


def test_a_prefix_that_the_proxy_took_off_is_in_no_route():
    app = a_fastapi()
    app.mount("/v2", a_fastapi())

    assert route_of(app, "/users/7", root_path="/behind") == "/users/{uid}"
    assert route_of(app, "/v2/users/7", root_path="/behind") == "/v2/users/{uid}"


def test_a_prefix_that_the_application_knows_is_in_no_route():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        app = a_fastapi(root_path="/behind")
    app.mount("/v2", a_fastapi())

    assert route_of(app, "/users/7") == "/users/{uid}"
    assert route_of(app, "/v2/users/7", root_path="/behind") == "/v2/users/{uid}"


def test_a_middleware_that_answers_first_answers_for_the_route():
    class Refuses:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await PlainTextResponse("no", 401)(scope, receive, send)

    app = a_fastapi()
    app.mount("/v2", a_fastapi())
    app.add_middleware(Refuses)

    assert route_of(app, "/users/7") == "/users/{uid}"
    assert route_of(app, "/v2/users/7") == "/v2/users/{uid}"
    assert route_of(app, "/nothing") == UNMATCHED


def test_a_middleware_that_hands_on_a_copy_of_the_scope_hides_no_route():
    class Copies:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(dict(scope), receive, send)

    app, router = FastAPI(), APIRouter()

    @router.get("/users/{uid}")
    async def user(uid: str) -> str:
        return uid

    app.include_router(router, prefix="/api")
    app.add_middleware(Copies)

    assert route_of(app, "/api/users/7") == "/api/users/{uid}"
    assert route_of(app, "/nothing") == UNMATCHED


def test_a_stack_of_middlewares_hides_no_route():
    async def passes(request, call_next):
        return await call_next(request)

    app = a_fastapi()
    for _ in range(3):
        app.add_middleware(BaseHTTPMiddleware, dispatch=passes)

    assert route_of(app, "/users/7") == "/users/{uid}"


def test_middlewares_around_a_mounted_application_hide_no_route():
    async def passes(request, call_next):
        return await call_next(request)

    class Wraps:
        def __init__(self, inner):
            self.wrapped = inner

        async def __call__(self, scope, receive, send):
            await self.wrapped(scope, receive, send)

    seen = Starlette(
        routes=[Route("/x/{y}", plain)],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=passes)],
    )
    app = Starlette(
        routes=[Mount("/seen", BaseHTTPMiddleware(seen, passes)), Mount("/un", Wraps(a_fastapi()))]
    )

    assert route_of(app, "/seen/x/1") == "/seen/x/{y}"
    assert route_of(app, "/un/users/7") == "/un/users/{uid}"


def test_routes_that_are_added_later_are_found():
    app = Starlette(routes=[Route("/a/{x}", plain)])
    sub = Router([Route("/b/{x}", plain)])
    assert route_of(app, "/a/1") == "/a/{x}"

    app.router.routes.append(Mount("/later", sub))

    assert route_of(app, "/later/b/1") == "/later/b/{x}"


def test_a_websocket_has_its_template():
    async def talk(websocket):
        await websocket.accept()
        await websocket.close()

    app, router = FastAPI(), APIRouter()

    @router.websocket("/ws/{room}")
    async def chat(websocket: WebSocket, room: str) -> None:
        await talk(websocket)

    app.include_router(router, prefix="/api")
    app.mount("/sub", Starlette(routes=[WebSocketRoute("/ws/{room}", talk)]))

    assert _of_websocket(app, "/api/ws/1") == "/api/ws/{room}"
    assert _of_websocket(app, "/sub/ws/1") == "/sub/ws/{room}"


def _of_websocket(app: Any, path: str) -> str | None:
    import asyncio

    observed = Observed(app)

    async def receive():
        return {"type": "websocket.connect"}

    async def send(message):
        pass

    asyncio.run(observed(a_scope(path, kind="websocket"), receive, send))
    return observed.route


def test_an_application_without_a_framework_told_nothing():
    async def app(scope, receive, send):
        await PlainTextResponse("ok")(scope, receive, send)

    assert route_of(app, "/users/7") is None


def test_an_adapter_tells_the_template_itself_and_it_is_below_its_mount():
    async def django_like(scope, receive, send):
        scope[ROUTE_KEY] = "/users/<int:pk>"
        await PlainTextResponse("ok")(scope, receive, send)

    assert route_of(django_like, "/users/7", root_path="/behind") == "/users/<int:pk>"
    assert route_of(Starlette(routes=[Mount("/dj", django_like)]), "/dj/users/7") == (
        "/dj/users/<int:pk>"
    )


def test_litestar_leaves_its_template_behind():
    assert asgi_route({"type": "http", "path_template": "/users/{uid}"}, "") == "/users/{uid}"


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "http", "route": object(), "router": object()},
        {"type": "http", "fastapi": object()},
        {"type": "http", "router": None, "app": None},
        {"type": "http", "endpoint": 1, "router": 2},
    ],
)
def test_what_no_framework_leaves_behind_raises_nothing(scope: dict[str, object]):
    assert asgi_route(scope, "") is None


def test_a_template_without_a_path_in_it_is_found_among_a_thousand():
    app = FastAPI()
    for number in range(1_000):
        app.add_api_route(f"/r{number}/{{x}}", lambda x: x, methods=["GET"])

    assert route_of(app, "/r999/1") == "/r999/{x}"
