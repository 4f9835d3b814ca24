"""The whole way in a browser: an application, its meter, its prices, its page."""

import flask
import pytest

from costmon.clock import SystemClock
from costmon.meter.dashboard.projecting import projector
from costmon.meter.flask import CostMeter
from costmon.meter.price_list import prices_of
from costmon.meter.process import METER
from costmon.meter.reporting.source import FileSource
from tests.meter.dashboard.browsing import Witness, chromium
from tests.meter.dashboard.conftest import port_of

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]


@pytest.fixture
def shop():
    """Return an application that is metered, and what its meter had is gone."""
    app = flask.Flask("shop")

    @app.get("/orders/<int:number>")
    def show_order(number):
        return str(sum(range(number)))

    @app.get("/")
    def home():
        return "welcome"

    CostMeter(app, service="shop", port=None, warmup_s=0)
    METER.reset()
    yield app
    METER.stop()
    METER.reset()


def polled(page, selector, **facts):
    """Let the page poll until it shows something; its server answers anew twice a second."""
    for _ in range(200):
        page.clock.run_for(2_000)
        if page.locator(selector, **facts).is_visible():
            return
    pytest.fail(f"nothing came of {selector}")


def test_the_table_fills_while_requests_run(shop, dashboard, tmp_path):
    project = projector(prices_of, SystemClock())
    client = shop.test_client()
    with chromium() as browser:
        port = port_of(dashboard(FileSource(tmp_path, METER), project=project))
        page = browser.new_page()
        page.clock.install()
        witness = Witness(page)
        page.goto(f"http://localhost:{port}/")
        polled(page, "#empty-title", has_text="Nothing measured yet")

        for number in range(30):
            assert client.get(f"/orders/{number * 1000}").status_code == 200
        polled(page, "#routes tr")
        assert page.locator("#routes .template").all_inner_texts() == ["/orders/<int:number>"]

        client.get("/")
        client.get("/nothing/here")
        polled(page, "#routes tr:nth-child(3)")
        assert set(page.locator("#routes .template").all_inner_texts()) == {
            "/orders/<int:number>",
            "/",
            "(unmatched)",
        }
        assert page.locator("#monthly").inner_text().startswith("$")

        page.locator("[data-action=stop]").click()
        polled(page, "#pill", has_text="stopped")
        client.get("/")
        assert page.locator("#requests").inner_text() == "32 requests"
        witness.is_content()
