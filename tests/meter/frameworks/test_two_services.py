"""Several metered applications in one process: each service has its own rows and options."""

import asyncio

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from fastapi import FastAPI
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

import costmon.meter
from costmon.errors import InputError
from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.export.scrape import metrics
from costmon.meter.flask import CostMeter
from costmon.meter.process import METERS
from tests.meter.frameworks.asking import a_scope, asked
from tests.meter.hooks.test_hooks import burn


def flask_app(name, rounds, **options):
    app = Flask(name)
    CostMeter(app, port=None, warmup_s=0, **options)

    @app.get("/items/<int:item>")
    def item(item):
        return str(burn(rounds))

    return app


def counted(snapshot):
    return {(row.method, row.route): row.requests for row in snapshot.routes}


@pytest.fixture
def two():
    shop = flask_app("shop", 100_000, provider="AWS", target_users=10)
    blog = flask_app("blog", 10_000, provider="GCP", target_users=20)
    client = Client(DispatcherMiddleware(shop, {"/blog": blog}))
    for number in range(5):
        client.get(f"/items/{number}")
    client.get("/blog/items/1")
    return costmon.meter.snapshot("shop"), costmon.meter.snapshot("blog")


def test_each_service_has_its_own_rows_and_options(two):
    shop, blog = two

    assert counted(shop) == {("GET", "/items/<int:item>"): 5}
    assert sum(row.requests for row in blog.routes) == 1
    assert (shop.options.provider, shop.options.target_users) == ("AWS", 10)
    assert (blog.options.provider, blog.options.target_users) == ("GCP", 20)


def test_the_cpu_and_memory_of_the_process_are_shared_without_counting_them_twice(two):
    shop, blog = two

    assert shop.process_cpu_ns > 5 * blog.process_cpu_ns
    assert blog.whole.attributed_cpu_ns <= blog.process_cpu_ns
    assert shop.whole.attributed_cpu_ns <= shop.process_cpu_ns
    assert abs(shop.rss_bytes - blog.rss_bytes) < shop.rss_bytes / 10


def test_a_service_that_is_not_measured_is_an_error_that_names_those_that_are(two):
    with pytest.raises(InputError, match=r"'news'.*measured: blog, shop"):
        costmon.meter.snapshot("news")


def test_the_metrics_have_all_services(two):
    text = metrics()

    assert 'app="shop"' in text
    assert 'app="blog"' in text


def test_two_instances_of_one_service_are_one(two):
    again = flask_app("shop", 1_000, target_users=30)

    again.test_client().get("/items/1")

    shop = costmon.meter.snapshot("shop")
    assert sum(row.requests for row in shop.routes) == 6
    assert shop.options.target_users == 30


def fastapi_app(title, **options):
    app = FastAPI(title=title, openapi_url=None) if title else FastAPI(openapi_url=None)
    app.add_middleware(CostMeterMiddleware, port=None, warmup_s=0, **options)

    @app.get("/" + (title or "untitled"))
    async def index() -> None:
        pass

    return app


def test_fastapi_applications_are_told_apart_by_their_titles():
    apps = {
        title: fastapi_app(title, target_users=users)
        for users, title in enumerate(("a", "b", ""), 1)
    }

    async def ask_all():
        for title, app in apps.items():
            await asked(app, a_scope("/" + (title or "untitled")))

    asyncio.run(ask_all())

    found = {it.options.service: it for it in (meter.snapshot() for meter in METERS.every())}
    assert {name: counted(it) for name, it in found.items()} == {
        "a": {("GET", "/a"): 1},
        "b": {("GET", "/b"): 1},
        "": {("GET", "/untitled"): 1},
    }
    assert {name: it.options.target_users for name, it in found.items()} == {"a": 1, "b": 2, "": 3}
