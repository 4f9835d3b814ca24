"""The faults of the reference system in health, retries and deliveries, each shown to be gone.

Numbers are those of our list of its faults.
"""

import json
import random
import threading
from decimal import Decimal
from fractions import Fraction
from itertools import cycle, islice

import pytest
import requests

from costmon.domain.budget import Budget
from costmon.errors import InputError
from costmon.guard.errors import BudgetRefused, HealthRefused
from costmon.guard.guard import Guard
from costmon.guard.health.health import Health
from costmon.guard.health.rules import HEALTHY
from costmon.guard.retries.policy import RetryPolicy
from costmon.guard.stores.memory import MemoryStore
from costmon.testing.clock import FakeClock

DAY_S = 86_400


class Bench:
    def __init__(self):
        self.clock = FakeClock()
        self.store = MemoryStore(clock=self.clock)
        self.health = self.process()

    def process(self):
        """Return the health of one of several processes."""
        return Health(self.store, clock=self.clock, rng=random.Random(1))

    def calls(self, *, failing: Fraction, count: int = 100, latency_s: float = 0.1):
        """Make calls of which a share fails, evenly spread, until the host is refused."""
        pattern = [number < failing.numerator for number in range(failing.denominator)]
        made = 0
        for fails in islice(cycle(pattern), count):
            try:
                admission = self.health.admit("a.example")
            except HealthRefused:
                break
            self.health.record(
                "a.example", "5xx" if fails else None, latency_s, admission=admission
            )
            made += 1
        return made

    def found(self):
        found = self.health.get("a.example")
        assert found is not None
        return found


@pytest.fixture
def bench():
    return Bench()


@pytest.fixture
def guard():
    with Guard("memory://", [Budget("host:*", "10")], clock=FakeClock()) as guard:
        yield guard


def test_defect_8_failures_seen_by_two_processes_are_not_lost(bench):
    first, second = bench.process(), bench.process()
    for process in (first, second, first, second):
        process.record("a.example", "timeout", 1.0)
    first.flush()
    second.flush()

    assert bench.found().consecutive_failures == 4


def test_defect_9_a_quarantined_host_gets_a_probe_and_is_free_when_it_succeeds(bench):
    bench.calls(failing=Fraction(1), count=5)
    with pytest.raises(HealthRefused):
        bench.health.admit("a.example")
    bench.clock.advance(60)

    bench.health.record("a.example", None, 0.1, admission=bench.health.admit("a.example"))

    assert bench.found().healthy


def test_defect_9_a_host_that_stays_dead_is_still_probed_every_hour_or_so(bench):
    bench.calls(failing=Fraction(1), count=5)
    probes = 0
    for _ in range(int(DAY_S / 60)):
        bench.clock.advance(60)
        try:
            admission = bench.health.admit("a.example")
        except HealthRefused:
            continue
        probes += 1
        bench.health.record("a.example", "refused", admission=admission)

    assert 24 <= probes <= 40


def test_defect_9_a_host_that_is_quarantined_by_its_score_is_not_locked_for_a_day(bench):
    made = bench.calls(failing=Fraction(1, 2))
    assert made < 100

    assert bench.found().consecutive_failures < 5
    bench.clock.advance(60)
    bench.health.record("a.example", None, 0.1, admission=bench.health.admit("a.example"))

    assert bench.found().healthy


def test_defect_10_a_first_contact_that_fails_once_is_not_unhealthy(bench):
    bench.calls(failing=Fraction(1), count=1)

    assert bench.found().score > HEALTHY
    assert bench.found().healthy


def test_defect_10_a_host_that_fails_half_of_its_calls_is_refused_soon(bench):
    assert bench.calls(failing=Fraction(1, 2)) <= 20
    assert not bench.found().healthy


def test_defect_10_a_host_that_fails_one_call_in_five_is_not_refused(bench):
    assert bench.calls(failing=Fraction(1, 5), count=1000) == 1000
    assert bench.found().healthy


def test_defect_10_a_perfect_host_that_answers_in_a_minute_is_not_healthy(bench):
    bench.calls(failing=Fraction(0), count=1000, latency_s=60.0)

    assert bench.found().score < HEALTHY
    assert not bench.found().healthy


def test_defect_10_the_p95_is_one_and_not_the_last_latency(bench):
    bench.calls(failing=Fraction(0), count=95, latency_s=4.0)
    bench.health.record("a.example", None, 0.01)

    assert bench.found().p95_s == pytest.approx(4.0, rel=0.125)


def test_defect_10_unknown_is_not_0(bench):
    bench.health.record("a.example", "dns")

    assert bench.found().p95_s is None
    assert bench.found().success_rate != 0
    assert bench.health.get("b.example") is None


def test_defect_11_a_policy_that_says_only_how_often_waits_and_grows():
    policy = RetryPolicy.from_text('{"max_retries": 2}')

    assert [policy.longest_wait_s(retry) for retry in range(2)] == [1, 2]


def test_defect_11_waits_have_jitter():
    waits = {RetryPolicy().wait_s(0, random.Random(seed)) for seed in range(20)}

    assert len(waits) == 20


def test_defect_12_answers_of_429_and_5xx_are_failures_and_404_is_none(guard):
    def answering(status):
        def post(instance_url, activity_json):
            response = requests.Response()
            response.status_code = status
            return response

        return guard.deliver(post)

    for _ in range(5):
        answering(503)("https://sick.example/", "{}")
        answering(404)("https://well.example/", "{}")

    assert not guard.health.is_healthy("sick.example")
    assert guard.health.is_healthy("well.example")


def test_defect_12_nobody_is_told_our_remaining_budget_unless_listed(guard):
    seen = []

    def post(instance_url, activity_json, headers=None):
        seen.append(headers)

    guard.deliver(post)("https://a.example/", "{}")
    guard.deliver(post, cost_headers_to=["partner.example"])("https://a.example/", "{}")

    assert seen == [None, {}]


def test_defect_12_the_bytes_of_the_answer_are_counted(guard):
    response = requests.Response()
    response.status_code = 200
    response._content = b"x" * 1000

    guard.deliver(
        lambda instance_url, activity_json: response,
        cost=lambda activity, bytes_out, bytes_in: bytes_in,
    )("https://b.example/", "{}")

    assert guard.spent("host:b.example") == 1000


@pytest.mark.parametrize(
    "url",
    ["https://EX.com:443?x", "http://ex.com/inbox", "https://user:secret@ex.com/", "ex.com.",
     "HTTPS://Ex.Com"],
)  # fmt: skip
def test_defect_13_every_spelling_of_a_host_has_one_budget_and_one_health(guard, url):
    guard.deliver(lambda instance_url, activity_json: None, cost=lambda *_: "9.99")(url, "{}")

    assert guard.spent("host:ex.com") == Decimal("9.99")
    assert [found.host for found in guard.health.hosts()] == ["ex.com"]
    with pytest.raises(BudgetRefused) as caught:
        guard.deliver(lambda instance_url, activity_json: None, cost=lambda *_: "1")(url, "{}")
    assert "secret" not in str(caught.value)


def test_defect_14_a_budget_of_0_refuses_in_words_and_breaks_no_figure(guard):
    guard.set_budget(Budget("host:a.example", 0))

    with pytest.raises(BudgetRefused, match=r"limit 0"):
        guard.deliver(lambda *_: None, cost=lambda *_: "0.01")("https://a.example/", "{}")
    with pytest.raises(InputError):
        Budget("host:a.example", -1)


def test_defect_14_the_usage_rows_say_which_activities_cost_what(guard):
    deliver = guard.deliver(lambda *_: None, cost=lambda activity, *_: len(activity))
    for kind in ("Like", "Create"):
        deliver("https://a.example/", json.dumps({"type": kind}))
    now = guard.clock.now()

    rows = guard.usage(now.replace(hour=0), now.replace(hour=23), "global")

    assert {row.activity: row.spent for row in rows} == {"Like": 4 * 10**9, "Create": 6 * 10**9}


def test_defect_14_all_unhealthy_hosts_are_listed_worst_first(bench):
    for number in range(120):
        for _ in range(5 + number % 5):
            bench.health.record(f"h{number}.example", "timeout")

    found = bench.health.unhealthy()

    assert len(found) == 120
    assert [one.score for one in found] == sorted(one.score for one in found)


def test_defect_14_a_refusal_to_record_is_raised_and_not_swallowed(bench):
    with pytest.raises(InputError):
        bench.health.record("a.example", None, float("nan"))


def test_circuitbreakers_let_16_of_16_threads_through_half_open_we_let_one(bench):
    bench.calls(failing=Fraction(1), count=5)
    bench.clock.advance(60)
    barrier, through = threading.Barrier(16), []

    def call():
        barrier.wait()
        try:
            through.append(bench.health.admit("a.example"))
        except HealthRefused:
            return

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(through) == 1
