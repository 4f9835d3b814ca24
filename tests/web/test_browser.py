"""The page in a real browser: narrow and wide, light and dark, with and without figures."""

import contextlib
import datetime as dt
import re
import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from werkzeug.serving import make_server

from costmon.alerts.memory import NOTHING_SAID
from costmon.alerts.policy import began
from costmon.alerts.spend import spend_found
from costmon.domain.finding import Contribution, Series
from costmon.domain.resource import Gap
from costmon.state import fold
from costmon.testing.clock import START
from costmon.testing.samples import resource
from tests.alerts.findings import spend_finding
from tests.api.conftest import World
from tests.api.samples import circuit, policy
from tests.meter.dashboard.browsing import Witness, chromium
from tests.web.test_page import (
    EMPTY,
    NO_LIMITS,
    VERCEL,
    budget_of,
    charged,
    client_of,
    polled,
    read_charges,
)

pytestmark = [pytest.mark.process, pytest.mark.timeout(90)]

LONG = "x" * 300
BUCKET = dt.timedelta(minutes=5)
FULL = read_charges(
    charged("112.50", account=LONG),
    charged("9", basis="metered", account=LONG),
    charged("3", basis="plan", account=LONG),
    charged("4", basis="manual", account=LONG),
    account=LONG,
    gaps=(Gap(kind=LONG, reason=LONG),),
)
CAPS = (budget_of("100"), budget_of("500", enforce=True, scope=f"service:{LONG[:180]}"))
PAGES = {
    "before the first poll": client_of(lambda: EMPTY),
    "without accounts": client_of(lambda: fold.first((), {}, now=START, demo=False)),
    "charges only": client_of(
        lambda: fold.first((VERCEL,), {}, now=START, demo=False), charges=FULL
    ),
    "everything": client_of(
        lambda: polled(resource(name=LONG), resource("2", monthly=None, unpriced=LONG)),
        charges=FULL,
        limits=replace(NO_LIMITS, caps=CAPS),
    ),
}
CONTRASTS = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => rgb.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const back = parse(getComputedStyle(node).backgroundColor);
      if (back.length < 4 || back[3] > 0) return back;
    }
    return [255, 255, 255];
  };
  const found = [];
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some(it => it.nodeType === 3 && it.textContent.trim());
    if (!own || !node.getClientRects().length) continue;
    const [text, back] = [parse(getComputedStyle(node).color), behind(node)].map(light);
    const ratio = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
    if (ratio < 4.5) found.push(`${node.className} ${node.textContent.trim().slice(0, 40)}`);
  }
  return found;
}"""


@contextlib.contextmanager
def serving(client):
    server = make_server("127.0.0.1", 0, client.application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture
def world():
    return World()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [400, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_is_readable_and_needs_no_script(browser, name, width, scheme):
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    with serving(PAGES[name]) as url, contextlib.closing(context):
        page = context.new_page()
        witness = Witness(page)
        page.goto(url)

        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
        assert page.evaluate(CONTRASTS) == []
        assert page.locator("script").count() == 0
        witness.is_content()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_alerts_fits_and_its_columns_are_as_high_as_what_was_spent(
    browser, world, width, scheme
):
    now = world.clock.now()
    series = Series(f"tag:{LONG}", "USD")
    found = {"series": series, "at": now, "opened_at": now, "since": now - 2 * BUCKET}
    one = spend_finding(**found, why=(LONG,), contributors=(Contribution(LONG, 2e6, 1.0),))
    world.findings = (one, spend_finding(**found | {"id": "past", "state": "resolved"}))
    world.buckets = {now - BUCKET: Decimal(1), now: Decimal(4)}
    world.announced.publish((began(spend_found(one), NOTHING_SAID, now).memory,))
    world.policy.publish(policy(circuits=(circuit("global", reason=LONG, expires_at=None),)))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    with serving(world.client()) as url, contextlib.closing(context):
        page = context.new_page()
        witness = Witness(page)
        page.goto(f"{url}alerts")
        for closed in page.locator("summary").all():
            closed.click()

        root = "document.documentElement"
        assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
        assert page.evaluate(CONTRASTS) == []
        assert page.locator("script").count() == 0
        heights = [box.bounding_box()["height"] for box in page.locator("article rect").all()]
        assert [round(height / max(heights), 2) for height in heights] == [0.25, 1]
        witness.is_content()


def test_columns_of_the_chart_are_as_high_as_their_months(browser):
    with serving(PAGES["charges only"]) as url, contextlib.closing(browser.new_page()) as page:
        page.goto(url)

        heights = page.evaluate(
            "[...document.querySelectorAll('.trend .now rect')]"
            ".map(rect => rect.getBoundingClientRect().height)"
        )
        shown = page.locator(".trend .now .amount").inner_text()

    amounts = [Decimal("112.5"), Decimal(9), Decimal(3), Decimal(4)]
    assert [round(height / sum(heights), 2) for height in heights] == [
        round(float(amount / sum(amounts)), 2) for amount in amounts
    ]
    assert re.fullmatch(r"\$\d+", shown)


def test_the_table_behind_the_chart_opens_by_keyboard(browser):
    with serving(PAGES["everything"]) as url, contextlib.closing(browser.new_page()) as page:
        page.goto(url)
        table = page.get_by_role("table", name="Twelve months")
        assert not table.is_visible()

        page.get_by_text("As a table").press("Enter")

        assert table.is_visible()
        assert table.get_by_role("row").count() == 13
