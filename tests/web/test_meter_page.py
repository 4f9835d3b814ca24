"""The service's page about metered applications."""

import re

import flask

from costmon.meter.dashboard.assets import main_html
from costmon.state.guard_state import EMPTY
from costmon.state.published import Published
from costmon.web.meter_page import create_blueprint
from tests.web.test_guard_page import app_of


def client():
    app: flask.Flask = app_of(Published(EMPTY), Published(None))
    app.register_blueprint(create_blueprint(lambda view: view))
    return app.test_client()


def test_it_is_the_page_that_applications_serve_themselves():
    text = client().get("/meter").text

    assert main_html() in text
    assert 'id="pill"' in text
    assert 'name="costmon-token"' not in text  # the service knows its readers by other means


def test_all_that_it_loads_is_served():
    web = client()

    loaded = re.findall(r'(?:src|href)="(/static/[^"]+)"', web.get("/meter").text)

    assert {"/static/meter/meter.js", "/static/meter/meter.css", "/static/costmon.css"} <= set(
        loaded
    )
    for path in loaded:
        with web.get(path) as answer:
            assert answer.status_code == 200


def test_every_page_links_to_it_and_it_to_every_page():
    web = client()

    assert '<a href="/meter">meter</a>' in web.get("/guard").text
    assert '<a href="/meter" aria-current="page">meter</a>' in web.get("/meter").text
    assert '<a href="/guard">guards</a>' in web.get("/meter").text
