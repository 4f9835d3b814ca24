"""The page inside the service, in a real browser: behind its door, its login and its rules."""

import pytest

from costmon.api.server import HttpServer
from costmon.config import Secret
from costmon.messages import SetRecording
from costmon.state import meters
from tests.api.conftest import TOKEN, World
from tests.meter.dashboard.browsing import Witness, chromium
from tests.meter.dashboard.samples import HOSTILE, measured

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]


class MetersActor(list[SetRecording]):
    """Takes orders, and lets the workers obey at once."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def append(self, order: SetRecording) -> None:
        super().append(order)
        state = self.world.meters.read()
        self.world.meters.publish(meters.ordered(state, order.service, order.control))


@pytest.fixture
def world():
    made = World()
    made.listen(api_token=Secret(TOKEN), reading_needs_token=True)
    made.surveyed = MetersActor(made)
    state = made.meters.read()
    for number, name in enumerate(("shop", HOSTILE)):
        one = measured(3, service=name, host="web-1", pid=100 + number, boot="b", processes=1)
        state = meters.reported(state, 1, one, made.clock.monotonic_s(), final=False)
    made.meters.publish(state)
    return made


@pytest.fixture
def port(world):
    server = HttpServer(world.app(), "127.0.0.1", 0, "test")
    server.prepare()
    server.start()
    yield server.port
    assert server.stop(5.0)


def test_after_login_the_page_shows_chooses_and_stops(world, port):
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.set_default_timeout(10_000)
        witness = Witness(page)
        page.goto(f"http://localhost:{port}/meter")
        page.locator("input[type=password]").fill(TOKEN)
        page.keyboard.press("Enter")
        page.get_by_role("link", name="meter").click()
        page.locator("#routes tr:nth-child(3)").wait_for()
        assert not page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
        assert page.locator("#services option").first.inner_text() == HOSTILE

        page.get_by_label("service").select_option("shop")
        page.locator("[data-action=stop]").click()
        page.locator("#asked", has_text="Sent").wait_for()

        assert [order.service for order in world.surveyed] == ["shop"]
        witness.is_content()
