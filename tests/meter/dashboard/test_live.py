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


def test_the_table_fills_while_requests_run(shop, dashboard, tmp_path):
    project = projector(prices_of, SystemClock())
    client = shop.test_client()
    with chromium() as browser:
        port = port_of(dashboard(FileSource(tmp_path, METER), project=project))
        page = browser.new_page()
        witness = Witness(page)
        page.goto(f"http://localhost:{port}/")
        page.locator("#empty-title", has_text="Nothing measured yet").wait_for()

        for number in range(30):
            assert client.get(f"/orders/{number * 1000}").status_code == 200
        page.locator("#routes tr").wait_for()
        assert page.locator("#routes .template").all_inner_texts() == ["/orders/<int:number>"]

        client.get("/")
        client.get("/nothing/here")
        page.locator("#routes tr:nth-child(3)").wait_for()
        assert set(page.locator("#routes .template").all_inner_texts()) == {
            "/orders/<int:number>",
            "/",
            "(unmatched)",
        }
        assert page.locator("#monthly").inner_text().startswith("$")

        page.locator("[data-action=stop]").click()
        page.locator("#pill", has_text="stopped").wait_for()
        client.get("/")
        assert page.locator("#requests").inner_text() == "32 requests"
        witness.is_content()
