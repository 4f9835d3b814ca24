"""The page in a real Chromium."""

import re
from decimal import Decimal

import pytest

from costmon.meter.projection.values import Unprojected
from costmon.testing.clock import FakeClock
from tests.meter.dashboard.browsing import Witness, chromium
from tests.meter.dashboard.conftest import Figures, port_of
from tests.meter.dashboard.samples import (
    HOSTILE,
    NOTHING,
    STARTED_AT,
    measured,
    projected,
    projection,
    route_cost,
    row,
    snapshot,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

EVERY_MS = 2_000
TIMES = "\N{MULTIPLICATION SIGN}"


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


class Shown:
    """A dashboard in a browser, both with clocks that a test moves."""

    def __init__(self, page, dashboard):
        self.page = page
        self.make = dashboard
        self.clock = FakeClock()
        self.figures = Figures(measured(3))
        self.projected = projected(3)
        self.asked = []
        self.dashboard = None
        self.witness = Witness(page)
        page.clock.install()

    def serve(self, port=0):
        self.dashboard = self.make(
            self.figures, port=port, project=self.project, clock=self.clock, patience_s=1_000.0
        )
        return port_of(self.dashboard)

    def project(self, seen):
        self.asked.append(seen.options)
        return self.projected

    def open(self, query=""):
        self.page.goto(f"http://localhost:{self.serve()}/{query}")
        self.page.locator("#pill:not(:text-is('connecting'))").wait_for()
        return self.page

    def show(self, *services, figures=None):
        """Let the next poll find other figures."""
        if services:
            self.figures.shown = services
        if figures is not None:
            self.projected = figures
        self.poll()

    def poll(self):
        self.clock.advance(1.0)
        with self.page.expect_response(lambda answer: "/api/v1/meter" in answer.url):
            self.page.clock.run_for(EVERY_MS)

    def says(self, selector, text):
        """Wait until it does."""
        self.page.locator(selector, has_text=text).wait_for(state="attached")

    def text(self, selector):
        return self.page.locator(selector).inner_text()

    def is_wide(self):
        return self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth")


@pytest.fixture
def shown(browser, dashboard):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(10_000)
    made = Shown(page, dashboard)
    yield made
    page.close()


def names(page, table="#routes"):
    return page.locator(f"{table} .template").all_inner_texts()


def test_the_table_fills_while_requests_run_and_nothing_is_reloaded(shown):
    shown.projected = projected(1)
    page = shown.open()
    page.evaluate("window.mark = 'still the same page'")
    first = names(page)

    shown.show(measured(3), figures=projected(3))
    page.locator("#routes tr:nth-child(3)").wait_for()

    assert first == ["/"]
    assert names(page) == ["/", "/api/orders/{id}", "/api/orders"]
    assert page.evaluate("window.mark") == "still the same page"
    assert (
        shown.text("#routes tr:first-child").split()
        == (
            "GET / $240.00 $0.24 $0.0024 22.1 ms ± 1.1 ms 9,000 1 failure "
            f"1 {TIMES} c7g.large $240.00 a month"
        ).split()
    )
    shown.witness.is_content()


def test_the_summary_says_cost_machines_and_what_is_attributed(shown):
    shown.open()

    assert shown.text("#monthly") == "$531.38"
    assert shown.text("#per-user") == "$0.53 a user, at 1,000 requests a second in total"
    assert shown.text("#fleet") == f"3 {TIMES} c7g.large"
    assert shown.text("#binding").startswith("The number follows from CPU.")
    assert shown.text("#prices") == "AWS us-east-1, list prices as of 2026-07-20: AWS price list"
    assert shown.text("#attributed") == "97.1 %"
    assert shown.text("#pill") == "recording"
    shown.witness.is_content()


def test_without_any_application_it_says_what_to_do(shown):
    shown.figures.shown = ()

    shown.open()

    assert shown.text("#empty-title") == "No application is reporting yet"
    assert not shown.page.locator("#summary").is_visible()
    shown.witness.is_content()


def test_without_any_request_it_says_so(shown):
    shown.figures.shown = (snapshot(),)
    shown.projected = NOTHING

    shown.open()

    assert shown.text("#empty-title") == "Nothing measured yet"
    assert shown.text("#empty-text") == NOTHING.text
    assert not shown.page.locator("#routes-card").is_visible()
    shown.witness.is_content()


def test_while_it_warms_up_it_shows_seconds_left_and_what_is_seen(shown):
    shown.figures.shown = (measured(2, taken_at=STARTED_AT + 11),)
    shown.projected = Unprojected("warming_up", "All requests so far fell into the warm-up.")

    page = shown.open()

    assert shown.text("#pill") == "warming up, 19 s left"
    assert shown.text("#empty-title") == "Warming up"
    assert sorted(names(page, "#seen")) == ["/", "/api/orders/{id}"]
    assert page.locator("#monthly").is_hidden()
    shown.witness.is_content()

    shown.show(measured(2), figures=projected(2))
    page.wait_for_selector("#monthly", state="visible")
    assert page.locator("#seen-card").is_hidden()
    shown.witness.is_content()


def test_a_thousand_routes_can_be_seen_found_and_sorted(shown):
    shown.projected = projected(1000)
    page = shown.open()
    assert page.locator("#routes tr").count() == 25

    page.get_by_role("button", name="Show all 1,000 routes").first.click()
    assert page.locator("#routes tr").count() == 1000
    assert page.locator("#variance tr").count() == 1000

    page.get_by_label("find").fill("things/77")
    assert len(names(page)) == 11
    assert "/api/v1/things/77/{id}" in names(page)
    page.get_by_label("find").fill("nowhere")
    assert shown.text("#routes-more") == "No route matches."
    shown.witness.is_content()


def test_a_column_is_sorted_from_the_keyboard_and_says_so(shown):
    page = shown.open()
    head = page.get_by_role("button", name="route", exact=True)

    head.focus()
    page.keyboard.press("Enter")

    assert names(page) == ["/", "/api/orders", "/api/orders/{id}"]
    assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Enter")
    assert names(page)[0] == "/api/orders/{id}"


def test_no_width_has_to_be_scrolled_sideways(shown):
    costs = [
        route_cost("WEBSOCKET", "/" + "a" * 300, 0, monthly_usd=Decimal("1234567.89")),
        route_cost("DELETE", HOSTILE, 1, budget_usd=Decimal("0.01"), over_budget=True),
        route_cost("GET", "/a b c/" * 30, 2),
    ]
    shown.projected = projection(*costs, notes=("n" * 400,))
    shown.figures.shown = (measured(1, service="s" * 300), measured(1))

    page = shown.open()
    page.locator("details.help summary").click()

    for width in (1280, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.locator(
            f"#curve svg[viewBox^='0 0 {page.locator('#curve').bounding_box()['width']:.0f} ']"
        ).wait_for()
        assert not shown.is_wide(), width
    shown.witness.is_content()


def test_names_that_are_markup_are_text(shown):
    shown.projected = projection(
        route_cost(HOSTILE, HOSTILE), notes=(HOSTILE, "</ul><script>alert(2)</script>")
    )
    shown.figures.shown = (
        measured(1, service=HOSTILE),
        measured(1, service="zebra"),
    )

    page = shown.open()

    assert names(page) == [HOSTILE]
    assert HOSTILE in shown.text("#notes")
    assert page.locator("#services option").first.inner_text() == HOSTILE
    assert page.locator("#meter script, #meter img, #meter a[href^=javascript]").count() == 0
    shown.witness.is_content()


def test_routes_over_their_budget_stand_out(shown):
    shown.projected = projection(
        route_cost(number=0, budget_usd=Decimal(100), over_budget=True),
        route_cost("POST", "/b", 1, budget_usd=Decimal(1000)),
        route_cost("GET", "/c", 2),
    )

    shown.open()

    assert shown.page.locator("#routes td.budgets").all_inner_texts() == [
        "over by $140.00\nof $100.00",
        "17 %\nof $1,000.00",
        "none",
    ]
    assert shown.page.locator("#routes tr.over").count() == 1


def test_what_varies_is_marked_for_cpu_and_wall_apart(shown):
    page = shown.open()

    marked = page.locator("#variance tr:nth-child(2) .state.varies")

    assert marked.all_inner_texts() == [f"2{TIMES}"]
    assert page.locator("#variance tr:nth-child(1) .state.varies").count() == 0
    assert page.locator("#variance tr:nth-child(2) td.n").all_inner_texts()[:4] == [
        "17.7 ms",
        "35.4 ms",
        "53.1 ms",
        f"2{TIMES}",
    ]


def test_the_curve_goes_from_a_hundred_to_a_million_users_and_can_be_read_as_a_table(shown):
    page = shown.open()

    said = page.locator("#curve svg").get_attribute("aria-label")
    page.get_by_text("show as a table").click()

    assert said == "Monthly cost from 100 to 1,000,000 users: $54.93 to $178,775"
    assert page.locator("#points tr").count() == 13
    assert page.locator("#points tr:last-child th").inner_text() == "1,000,000"
    page.locator("#curve svg").hover(position={"x": 60, "y": 100})
    assert shown.text("#curve-says").startswith("100 users: $54.93 a month")


def test_recording_is_stopped_started_and_reset(shown):
    page = shown.open()
    start, stop, reset = (page.locator(f"[data-action={name}]") for name in ACTIONS)
    assert start.is_disabled()

    stop.click()
    shown.says("#pill", "stopped")
    assert shown.figures.told[-1][1].recording == "first"

    start.click()
    assert len(shown.figures.told) == 1  # it would empty the figures: asks first
    start.click()
    shown.says("#pill", "recording")

    reset.click()
    reset.click()
    page.locator("[data-action=reset]:enabled").wait_for()
    assert [control.is_recording for _, control in shown.figures.told] == [False, True, True]
    assert len({control.recording for _, control in shown.figures.told}) == 3
    shown.witness.is_content()


ACTIONS = ("start", "stop", "reset")


def test_another_number_of_users_is_projected_and_kept_in_the_address(shown):
    page = shown.open()

    page.get_by_label(re.compile("^for")).fill("50,000")
    page.get_by_label("each sending").fill("0.25")
    page.keyboard.press("Enter")
    page.wait_for_selector("#as-set", state="visible")

    assert (shown.asked[-1].target_users, str(shown.asked[-1].requests_per_user_per_second)) == (
        50_000,
        "0.25",
    )
    assert page.url.endswith("/?users=50000&rps=0.25")
    shown.clock.advance(1.0)
    page.get_by_role("button", name="use configured values").click()
    page.wait_for_selector("#as-set", state="hidden")
    assert shown.asked[-1].target_users == 1000
    shown.witness.is_content()


def test_a_number_that_cannot_be_is_said_and_the_figures_stay(shown):
    page = shown.open()

    page.get_by_label(re.compile("^for")).fill("many")
    page.keyboard.press("Enter")
    page.wait_for_selector("#what-if-fault", state="visible")

    assert "whole number from 1 to" in shown.text("#what-if-fault")
    assert shown.text("#monthly") == "$531.38"
    shown.witness.is_content("status of 400")


def test_when_the_application_is_gone_the_page_says_so_and_finds_it_again(shown):
    page = shown.open()
    port = port_of(shown.dashboard)
    shown.dashboard.stop()

    page.clock.run_for(EVERY_MS)
    page.wait_for_selector("#contact", state="visible")
    assert shown.text("#pill") == "no contact"
    assert "retries automatically" in shown.text("#contact")
    assert shown.text("#monthly") == "$531.38"

    shown.serve(port)
    shown.poll()
    page.wait_for_selector("#contact", state="hidden")
    assert shown.text("#pill") == "recording"
    # Another worker's dashboard has another token.
    page.locator("[data-action=stop]").click()
    shown.says("#pill", "stopped")
    shown.witness.is_content("ERR_CONNECTION_REFUSED", "status of 403")


def test_an_order_that_fails_says_why(shown):
    page = shown.open()
    shown.figures.error = OSError("disk full")

    page.locator("[data-action=stop]").click()
    shown.says("#asked", "Failed")

    assert "files cannot be used" in shown.text("#asked")


def test_a_service_is_chosen_where_there_are_several(shown):
    shown.figures.shown = (measured(1), snapshot(row(requests=7), service="blog"))
    page = shown.open()
    assert shown.text("#requests") == "7 requests"

    page.get_by_label("service").select_option("shop")
    shown.says("#requests", "100 requests")

    assert page.url.endswith("?service=shop")
    shown.witness.is_content()


def test_a_service_that_is_gone_gives_way_to_one_that_is_there(shown):
    shown.figures.shown = (measured(1), snapshot(row(requests=7), service="blog"))
    page = shown.open("?service=shop")
    assert shown.text("#requests") == "100 requests"

    shown.show(snapshot(row(requests=7), service="blog"))
    shown.says("#what-if-fault", "Service 'shop' is not reporting; reporting: blog.")
    shown.poll()

    shown.says("#requests", "7 requests")
    assert "service" not in page.url
    shown.witness.is_content("status of 404")


def test_when_every_worker_has_ended_the_figures_stay_and_it_says_so(shown):
    shown.figures.shown = (measured(1, processes=0),)

    shown.open()

    assert shown.text("#pill") == "no worker running"
    assert shown.text("#monthly") == "$531.38"


def test_what_the_meter_itself_could_not_do_is_said(shown):
    shown.figures.shown = (measured(1, faults=3),)

    shown.open()

    assert "failed 3 times" in shown.text("#notes")


def test_every_control_has_a_name_and_every_table_its_headers(shown):
    page = shown.open()

    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, input, select")].filter(
            (it) => !(it.textContent.trim() || it.labels?.length || it.ariaLabel)).length"""
    )

    assert nameless == 0
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("h1:visible").count() == 1
