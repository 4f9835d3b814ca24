"""A cap from the vendor's answer to the phone: a real costmon, Prometheus and Alertmanager.

The vendors, Telegram and the webhook are servers on loopback; all else is as it is shipped, but for
intervals and the rules' `for`, which are a second. The steps are taken once for all tests: every
vendor is read at the start; then OpenAI corrects an amount, Wasabi fails and somebody asks for a
refresh; then the process is stopped and started again.
"""

import contextlib
import json
import subprocess
import threading
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from costmon.testing.stub import Reply, StubServer
from tests.deploy.dashboard import queries, runnable, shipped
from tests.deploy.stack import BINARIES, Monitoring, missing_binaries, monitoring, wait_until
from tests.journeys.service import Service, free_port
from tests.journeys.vendors import Vendors

# The first test takes all steps: 15 s alone, several times that on a busy machine.
pytestmark = pytest.mark.timeout(240)

BOT = "123456:planted-secret-of-the-bot"
SEND = f"/bot{BOT}/sendMessage"
CONFIG = """
[[budget]]
scope = "provider:openai"
limit = "1.00"
period = "month"
currency = "USD"
enforce = false

[[budget]]
scope = "account:anthropic"
limit = "10.00"
period = "month"
currency = "USD"
enforce = false

[[quota]]
provider = "vercel"
quota = "function_invocations"
unit = "Invocations"
limit = 1_000_000
period = "month"

[[manual]]
name = "VPS"
provider = "ionos"
amount = 6.00
currency = "EUR"
per = "month"
"""
OPENAI = {"budget": "provider:openai month", "source": "charges"}
ANTHROPIC = {"budget": "account:anthropic month", "source": "charges"}
WASABI = {"provider": "wasabi", "account": "wasabi"}
ERRORS = 'sum(cost_collector_errors_total{provider="wasabi"})'
OTHERS_UP = 'min(costmon_reading_up{provider!="wasabi"})'
ALWAYS = {"openai", "anthropic", "digitalocean", "ionos", "supabase"}
NO_FIGURES_OF_YESTERDAY = "Prometheus has run for a minute: it has no figures of yesterday"
NO_RESTARTS = "no actor was restarted"
EMPTY = {"15-B": NO_FIGURES_OF_YESTERDAY, "15-C": NO_FIGURES_OF_YESTERDAY, "26-A": NO_RESTARTS}
"""Why a query of the dashboard finds nothing here, by the numbers of panel and query."""


class Stage:
    """What runs, and what has been sent."""

    def __init__(self, folder: Path, vendors: Vendors, phone: StubServer) -> None:
        self.vendors = vendors
        self._folder = folder
        self._phone = phone
        self._port = free_port()
        folder.joinpath("costmon.toml").write_text(CONFIG, "utf-8")
        phone.answer(SEND, Reply.json({"ok": True, "result": {"message_id": 1}}))

    @property
    def scraped(self) -> str:
        return f"127.0.0.1:{self._port}"

    @contextlib.contextmanager
    def service(self):
        with Service(
            self._folder,
            **self.vendors.environment,
            TELEGRAM_BOT_TOKEN=BOT,
            TELEGRAM_CHANNEL_ID="-100",
            TELEGRAM_API_URL=self._phone.url,
            COSTMON_METRICS_PORT=str(self._port),
        ) as service:
            service.when("/readyz", 200)
            yield service

    def refresh(self) -> None:
        request = urllib.request.Request(f"http://{self.scraped}/refresh", method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202

    def told(self, *words: str) -> list[str]:
        """Return the messages on the phone that have all these words."""
        texts = [json.loads(asked.body)["text"] for asked in self._phone.asked]
        return [text for text in texts if all(word in text for word in words)]


@dataclass(frozen=True)
class Seen:
    """What was seen after a step."""

    firing: set[str]
    by_vendor: dict[str, float]
    errors: list[float]


def seen(stack: Monitoring) -> Seen:
    return Seen(
        firing={alert["alertname"] for alert in stack.firing(**OPENAI)},
        by_vendor={
            sample["metric"]["provider"]: float(sample["value"][1])
            for sample in stack.query("provider:costmon_month_to_date_cost_usd:sum")
        },
        errors=stack.values(ERRORS),
    )


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    if missing := missing_binaries(*BINARIES):
        pytest.skip(f"not installed: {', '.join(missing)}")
    with Vendors() as vendors, StubServer() as phone:
        vendors.spent_usd = {"openai": 1.42, "anthropic": 8.5}
        yield Stage(tmp_path_factory.mktemp("costmon"), vendors, phone)


@pytest.fixture(scope="module")
def running(stage):
    """The first process of costmon, and the stack that stops all of them at the end."""
    with contextlib.ExitStack() as processes:
        yield processes.enter_context(stage.service()), processes


@pytest.fixture(scope="module")
def stack(stage, running, tmp_path_factory):
    with monitoring(stage.scraped, tmp_path_factory.mktemp("monitoring")) as stack:
        yield stack


@pytest.fixture(scope="module")
def at_first(stage, stack):
    """Every vendor was read: OpenAI is at 142 % of its cap, Anthropic at 85 %."""
    stack.webhook.wait_for("firing", alertname="BudgetExceeded", **OPENAI)
    stack.webhook.wait_for("firing", alertname="BudgetWarning", **ANTHROPIC)
    wait_until(lambda: stack.inhibited(alertname="BudgetWarning", **OPENAI), "inhibited")
    wait_until(lambda: stage.told("openai") and stage.told("anthropic"), "the phone is told")
    wait_until(
        lambda: stack.query(
            "count(costmon_reading_up == 1) == count(costmon_reading_interval_seconds)"
        ),
        "all readings are up",
    )
    # On the first of a month Vercel and Wasabi have no day that is over.
    wait_until(lambda: set(seen(stack).by_vendor) >= ALWAYS, "a figure of each vendor")
    return seen(stack)


@pytest.fixture(scope="module")
def refreshed(stage, stack, at_first):
    """OpenAI has corrected its amount to 30 % of the cap, Wasabi fails, all were asked again."""
    stage.vendors.spent_usd = {"openai": 0.3, "anthropic": 8.5}
    stage.vendors.faults["wasabi"] = Reply(status=500)

    stage.refresh()

    stack.webhook.wait_for("resolved", alertname="BudgetExceeded", **OPENAI)
    stack.webhook.wait_for("firing", alertname="CollectorBlind", **WASABI)
    wait_until(lambda: stack.values(ERRORS)[0] > 0, "the errors of Wasabi")
    return seen(stack)


@pytest.fixture(scope="module")
def restarted(stage, running, stack, refreshed):
    """In the next process OpenAI is above its cap again, and then Anthropic for the first time."""
    first, processes = running
    assert first.terminate() == 0
    processes.enter_context(stage.service())
    openai_is_recorded = threading.Event()
    stage.vendors.wait_before["anthropic"] = openai_is_recorded
    stage.vendors.spent_usd = {"openai": 1.6, "anthropic": 10.5}
    try:
        stage.refresh()
        used = f'costmon_budget_used_ratio{{budget="{OPENAI["budget"]}"}} > 1.5'
        wait_until(lambda: stack.query(used), "what OpenAI charged is published")
    finally:
        openai_is_recorded.set()
    wait_until(lambda: stage.told("anthropic", "105"), "the phone is told of Anthropic")


def test_a_cap_of_1_that_is_exceeded_fires_both_alerts_and_only_the_excess_is_sent(stack, at_first):
    assert at_first.firing == {"BudgetWarning", "BudgetExceeded"}
    (alert, *_) = stack.webhook.received(**OPENAI)
    assert alert["labels"]["provider"] == "openai"
    assert "142% of the budget" in alert["annotations"]["description"]
    assert ": 1.42 of 1.00 USD." in alert["annotations"]["description"]


def test_its_end_is_sent_when_the_vendor_corrects_the_amount(stack, refreshed):
    assert not refreshed.firing
    sent = [(it["labels"]["alertname"], it["status"]) for it in stack.webhook.received(**OPENAI)]
    assert sent[:2] == [("BudgetExceeded", "firing"), ("BudgetExceeded", "resolved")]


def test_at_85_percent_of_a_cap_the_warning_is_sent(stack, at_first):
    (alert, *_) = stack.webhook.received(**ANTHROPIC)

    assert alert["labels"]["alertname"] == "BudgetWarning"
    assert ": 8.50 of 10.00 USD." in alert["annotations"]["description"]


def test_the_phone_is_told_of_the_same_caps_without_alertmanager(stage, at_first):
    (exceeded, *_) = stage.told("openai")
    (warning, *_) = stage.told("anthropic")

    assert "1.42" in exceeded
    assert "142 %" in exceeded
    assert "85 %" in warning


def test_the_phone_is_told_of_a_level_once_also_over_a_restart(stage, restarted):
    assert len(stage.told("openai")) == 1
    assert len(stage.told("anthropic")) == 2


def test_a_vendor_that_fails_is_blind_while_the_others_keep_their_values(
    stack, at_first, refreshed
):
    kept = {"vercel", "wasabi", "anthropic", "ionos"} & set(at_first.by_vendor)

    assert at_first.errors == [0]
    assert refreshed.errors[0] > 0
    assert {name: refreshed.by_vendor[name] for name in kept} == {
        name: at_first.by_vendor[name] for name in kept
    }
    assert set(refreshed.by_vendor) == set(at_first.by_vendor)
    assert stack.values(OTHERS_UP) == [1]
    blind = stack.webhook.received("firing", alertname="CollectorBlind")
    assert {alert["labels"]["provider"] for alert in blind} == {"wasabi"}
    assert "server" in blind[0]["annotations"]["description"]


@pytest.mark.skipif(missing_binaries("promtool") != [], reason="promtool is not installed")
def test_promtool_has_nothing_to_say_of_the_metrics_of_all_vendors(stage, at_first):
    with urllib.request.urlopen(f"http://{stage.scraped}/metrics", timeout=10) as answer:
        body = answer.read()

    checked = subprocess.run(
        ["promtool", "check", "metrics"], input=body, capture_output=True, check=False, timeout=20
    )

    assert b'provider="supabase"' in body
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


@pytest.mark.parametrize(
    ("panel", "target"),
    queries(shipped()),
    ids=[f"{panel['id']}-{target['refId']}" for panel, target in queries(shipped())],
)
def test_a_query_of_the_dashboard_finds_figures_of_the_real_process(
    stack, refreshed, panel, target
):
    expr = runnable(target["expr"])
    reason = EMPTY.get(f"{panel['id']}-{target['refId']}")

    if reason is None:
        assert wait_until(lambda: stack.query(expr), f"{panel['title']}: {expr}")
    else:
        assert stack.query(expr) == [], f"not empty, although {reason}"
