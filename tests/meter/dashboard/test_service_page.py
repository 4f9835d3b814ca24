"""The page inside the service, in a real browser: behind its door, its login and its rules."""

import contextlib

import pytest

from costmon.api.login import link_path
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
def world(request):
    made = World()
    made.listen(api_token=Secret(TOKEN), reading_needs_token=getattr(request, "param", True))
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


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 390, "height": 800})
    with contextlib.closing(context):
        page = context.new_page()
        page.set_default_timeout(10_000)
        yield page


def test_after_login_the_page_shows_chooses_and_stops(world, port, page):
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


@pytest.mark.parametrize("world", [False], indirect=True, ids=["reading is open"])
def test_the_buttons_are_a_link_to_sign_in_until_a_login_link_was_used(world, port, page):
    witness = Witness(page)
    recording = page.get_by_role("region", name="Recording")

    def open_page():
        page.goto(f"http://localhost:{port}/meter")
        page.locator("#routes tr:nth-child(3)").wait_for()

    def sign_in():
        page.goto(f"http://localhost:{port}{link_path(world.login_links)}")
        open_page()

    open_page()
    assert recording.get_by_role("link").all_inner_texts() == ["sign in to change"]
    assert recording.get_by_role("link").get_attribute("href") == "/login"
    assert recording.get_by_role("button").count() == 0

    sign_in()
    assert recording.get_by_role("link").count() == 0
    page.context.clear_cookies()
    recording.get_by_role("button", name="Stop").click()
    page.locator("#asked", has_text="no longer signed in").wait_for()
    assert recording.get_by_role("link").all_inner_texts() == ["sign in to change"]
    assert not world.surveyed

    sign_in()
    recording.get_by_role("button", name="Stop").click()
    page.locator("#asked", has_text="Sent").wait_for()
    assert len(world.surveyed) == 1
    witness.is_content("401")
