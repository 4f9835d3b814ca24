"""A Flask application inside of FastAPI: both metered, and one request is one request."""

import warnings

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("flask")

from fastapi import FastAPI
from flask import Flask

import costmon.meter
from costmon.meter.asgi import CostMeterMiddleware
from costmon.meter.flask import CostMeter
from tests.meter.frameworks.asking import ask
from tests.meter.frameworks.work import MS, burn, is_about

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.middleware.wsgi import WSGIMiddleware


@pytest.fixture
def app():
    shop = Flask("shop")

    @shop.get("/burns/<int:ms>")
    def burns(ms):
        burn(ms * MS)
        return "burned"

    CostMeter(shop, port=None, warmup_s=0)
    app = FastAPI()
    app.mount("/shop", WSGIMiddleware(shop))
    app.add_middleware(CostMeterMiddleware, port=None, warmup_s=0)
    ask(app, "/shop/burns/0")  # what is made once is not what is held here
    costmon.meter.reset()
    return app


def test_a_request_that_goes_through_both_is_counted_once_by_its_inner_route(app, rows):
    assert ask(app, "/shop/burns/20").body == b"burned"

    assert [(*key, row.requests) for key, row in rows().items()] == [
        ("GET", "/shop/burns/<int:ms>", 200, 1)
    ]
    assert is_about(rows()["GET", "/shop/burns/<int:ms>", 200].cpu_ns, 20 * MS)


def test_what_the_inner_application_does_not_know_is_unmatched_below_its_mount(app, rows):
    assert ask(app, "/shop/nothing").status == 404

    assert [key for key, _ in rows().items()] == [("GET", "(unmatched)", 404)]


def test_a_request_that_is_made_inside_of_another_is_one_of_its_own(app, rows):
    outer = Flask("outer")
    inner = Flask("inner")
    CostMeter(inner, port=None, warmup_s=0)
    CostMeter(outer, port=None, warmup_s=0)

    @inner.get("/inner")
    def answers():
        burn(20 * MS)
        return "inner"

    @outer.get("/outer")
    def asks():
        burn(10 * MS)
        return inner.test_client().get("/inner").data

    outer.test_client().get("/outer")

    assert is_about(rows()["GET", "/outer", 200].cpu_ns, 10 * MS)
    assert is_about(rows()["GET", "/inner", 200].cpu_ns, 20 * MS)
