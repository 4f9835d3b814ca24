"""A budget in front of a delivery function."""

import asyncio
import json
import random
import socket
from decimal import Decimal

import pytest
import requests

from costmon.domain.budget import Budget
from costmon.errors import AmountError, ScopeError
from costmon.guard.clients.reentrancy import is_covered
from costmon.guard.delivery import Deliverer
from costmon.guard.errors import (
    BudgetRefused,
    GuardStoreUnavailable,
    HealthRefused,
    RetriesExhausted,
    TierRefused,
)
from costmon.guard.guard import Guard
from costmon.guard.health.health import Health
from costmon.guard.retries.budget import RetryBudget
from costmon.guard.retries.policy import RetryPolicy
from costmon.guard.retries.retrier import Retrier
from costmon.testing.clock import FakeClock

NOTE = json.dumps(
    {"type": "Create", "object": {"type": "Note", "content": "ö"}}, ensure_ascii=False
)
SIZE = len(NOTE.encode())


def by_the_byte(activity, bytes_out, bytes_in):
    """Cost a thousandth of a dollar for each byte, so that tests can count."""
    return Decimal(bytes_out + bytes_in) / 1000


def response(status, body=b""):
    made = requests.Response()
    made.status_code = status
    made.headers["Content-Length"] = str(len(body))
    made._content = body
    return made


class Bench:
    """A guard and all around it; waits take no time."""

    def __init__(self, *budgets, cost=by_the_byte, store="memory://", **retry_budget):
        self.clock = FakeClock()
        self.guard = Guard(store, budgets, clock=self.clock)
        self.health = Health(self.guard.store, clock=self.clock, rng=random.Random(1))
        self.waits: list[float] = []
        self.retrier = Retrier(
            self.guard,
            self.health,
            clock=self.clock,
            rng=random.Random(1),
            budget=RetryBudget(self.clock, **retry_budget),
            pause=self.pause,
        )
        self.deliverer = Deliverer(
            self.guard, self.health, self.retrier, clock=self.clock, cost=cost
        )
        self.sent: list[tuple[str, str]] = []
        self.outcome: object = response(202)
        self.took_s = 0.1

    def pause(self, seconds, cancel):
        self.waits.append(seconds)
        return cancel.is_set()

    def send(self, instance_url, activity_json):
        self.sent.append((instance_url, activity_json))
        self.clock.advance(self.took_s)
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome

    def rows(self, scope="global"):
        now = self.clock.now()
        return self.guard.usage(now.replace(hour=0), now.replace(hour=23), scope)

    def spent(self):
        assert self.guard.held("global") == 0
        return self.guard.spent("global")


@pytest.fixture
def bench():
    return Bench()


def test_a_delivery_is_charged_with_the_bytes_of_both_ways_to_all_and_to_its_host(bench):
    bench.outcome = response(202, b"x" * 50)

    answer = bench.deliverer.wrap(bench.send)("https://A.example/inbox", NOTE)

    assert answer is bench.outcome
    assert bench.sent == [("https://A.example/inbox", NOTE)]
    assert bench.spent() == bench.guard.spent("host:a.example") == Decimal(SIZE + 50) / 1000
    [row] = bench.rows("host:a.example")
    assert (row.activity, row.bytes_out, row.bytes_in, row.failed) == ("Create", SIZE, 50, 0)
    known = bench.health.get("a.example")
    assert known is not None
    assert known.p95_s == pytest.approx(0.1, rel=0.125)


@pytest.mark.parametrize(
    ("body", "activity"),
    [
        ('{"type": "Like"}', "Like"),
        (b'{"type": "Like"}', "Like"),
        ('{"type": ["Like"]}', "delivery"),
        ('{"type": "' + "x" * 100 + '"}', "delivery"),
        ('{"type": "a b\\n"}', "delivery"),
        ('["Like"]', "delivery"),
        ("no json", "delivery"),
        (b"\xff\xfe", "delivery"),
        ("[" * 100_000, "delivery"),
        ("", "delivery"),
    ],
)
def test_the_activity_is_the_type_of_the_json_when_it_is_a_word(bench, body, activity):
    bench.deliverer.wrap(bench.send)("https://a.example/", body)

    assert [row.activity for row in bench.rows()] == [activity]


def test_the_tier_is_asked_first_then_health_then_the_budget():
    bench = Bench(Budget("host:a.example", 0))
    for _ in range(5):
        bench.health.record("a.example", "timeout", 1.0)
    bench.guard.configure("host:a.example", tier="blocked")
    deliver = bench.deliverer.wrap(bench.send)

    with pytest.raises(TierRefused):
        deliver("https://a.example/", NOTE)
    bench.guard.configure("host:a.example", tier="standard")
    with pytest.raises(HealthRefused):
        deliver("https://a.example/", NOTE)
    bench.health.forget("a.example")
    with pytest.raises(BudgetRefused):
        deliver("https://a.example/", NOTE)

    assert bench.sent == []
    assert bench.spent() == 0


def test_who_has_no_budget_for_the_probe_leaves_it_to_others():
    bench = Bench(Budget("host:a.example", 0))
    for _ in range(5):
        bench.health.record("a.example", "timeout", 1.0)
    bench.clock.advance(60)

    with pytest.raises(BudgetRefused):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.health.admit("a.example").probe is not None


def test_a_delivery_to_a_sick_host_that_works_again_closes_its_quarantine(bench):
    bench.outcome = TimeoutError()
    deliver = bench.deliverer.wrap(bench.send)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            deliver("https://a.example/", NOTE)
    with pytest.raises(HealthRefused):
        deliver("https://a.example/", NOTE)
    bench.clock.advance(60)
    bench.outcome = response(202)

    deliver("https://a.example/", NOTE)

    assert bench.health.is_healthy("a.example")
    assert len(bench.sent) == 6


@pytest.mark.parametrize("status", [200, 301, 404, 410, 422])
def test_a_host_that_answers_is_well_whatever_it_answers(bench, status):
    bench.outcome = response(status)
    for _ in range(20):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.health.is_healthy("a.example")
    assert bench.rows()[0].failed == (20 if status >= 400 else 0)


def test_a_rate_limit_is_not_ill_health(bench):
    bench.outcome = response(429)
    for _ in range(50):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.health.is_healthy("a.example")
    assert bench.rows()[0].failed == 50


@pytest.mark.parametrize("status", [500, 503])
def test_a_response_that_says_busy_or_broken_is_a_failure_that_was_paid_for(bench, status):
    bench.outcome = response(status)
    for _ in range(5):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert not bench.health.is_healthy("a.example")
    assert bench.spent() == 5 * Decimal(SIZE) / 1000


def test_without_a_connection_nothing_is_charged():
    bench = Bench()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]

    def post(instance_url, activity_json):
        return requests.post(instance_url, activity_json, timeout=5)

    with pytest.raises(requests.ConnectionError):
        bench.deliverer.wrap(post)(f"http://127.0.0.1:{port}/inbox", b"{}")

    assert bench.spent() == 0
    known = bench.health.get("127.0.0.1")
    assert known is not None
    assert known.consecutive_failures == 1


@pytest.mark.parametrize("error", [TimeoutError(), ConnectionResetError(), ValueError("a bug")])
def test_a_body_that_may_have_been_sent_is_charged(bench, error):
    bench.outcome = error

    with pytest.raises(type(error)):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.spent() == Decimal(SIZE) / 1000
    [row] = bench.rows()
    assert (row.failed, row.bytes_out) == (1, SIZE)


def test_an_error_of_the_program_says_nothing_of_the_host(bench):
    bench.outcome = ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.health.get("a.example") is None


def test_a_call_that_another_guard_inside_refused_is_not_charged(bench):
    bench.outcome = BudgetRefusedByAnother("host:a.example")

    with pytest.raises(TierRefused):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.spent() == 0


def test_guarded_clients_inside_a_delivery_or_a_counted_attempt_count_nothing(bench):
    inside = []

    def send(instance_url, activity_json):
        inside.append(is_covered())

    async def send_later(instance_url, activity_json):
        inside.append(is_covered())

    bench.deliverer.wrap(send)("https://a.example/", NOTE)
    asyncio.run(bench.deliverer.wrap(send_later)("https://a.example/", NOTE))
    bench.retrier.run("a.example", lambda: inside.append(is_covered()), amount=0)
    bench.retrier.run("a.example", lambda: inside.append(is_covered()))

    assert inside == [True, True, True, False]
    assert not is_covered()


class BudgetRefusedByAnother(TierRefused):
    """Any refusal of a guard that is not this one."""


def test_failed_deliveries_are_made_again_when_asked_for_and_each_is_charged(bench):
    outcomes = [TimeoutError(), response(503), response(202)]

    def send(instance_url, activity_json):
        outcome = outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    assert bench.deliverer.wrap(send, retry=True)("https://a.example/", NOTE).status_code == 202
    assert bench.spent() == 3 * Decimal(SIZE) / 1000
    assert len(bench.waits) == 2


def test_retries_of_deliveries_are_capped_in_money():
    bench = Bench(max_retry_cost=Decimal(SIZE) / 1000)
    bench.outcome = response(503)

    answer = bench.deliverer.wrap(bench.send, retry=RetryPolicy(5))("https://a.example/", NOTE)

    assert answer.status_code == 503
    assert len(bench.sent) == 2


def test_an_async_delivery_function_stays_one(bench):
    async def send(instance_url, activity_json):
        return bench.send(instance_url, activity_json)

    class Sender:
        async def __call__(self, instance_url, activity_json):
            return bench.send(instance_url, activity_json)

    for fn in (send, Sender()):
        assert asyncio.run(bench.deliverer.wrap(fn)("https://a.example/", NOTE)) is bench.outcome
    assert bench.spent() == 2 * Decimal(SIZE) / 1000

    bench.outcome = TimeoutError()
    deliver = bench.deliverer.wrap(send, retry=RetryPolicy(0))
    with pytest.raises(RetriesExhausted):
        asyncio.run(deliver("https://a.example/", NOTE))


def test_an_async_delivery_that_is_cancelled_is_charged_and_no_fault_of_the_host(bench):
    async def main():
        begun = asyncio.Event()

        async def send(instance_url, activity_json):
            begun.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(bench.deliverer.wrap(send)("https://a.example/", NOTE))
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())

    assert bench.spent() == Decimal(SIZE) / 1000
    assert bench.health.get("a.example") is None


def test_a_listed_host_is_sent_the_costs_in_a_dict_of_its_own():
    bench = Bench(Budget("host:*", "10"))
    seen = []

    def send(instance_url, activity_json, headers=None):
        seen.append(headers)

    deliver = bench.deliverer.wrap(send, cost_headers_to=["a.example"])
    for url in ("https://a.example/", "https://b.example/"):
        deliver(url, "0123456789")

    assert seen == [
        {
            "X-Federation-Tier": "standard",
            "X-Federation-Budget-Remaining": "10.00",
            "X-Federation-Cost-Estimate": "0.01",
            "X-Federation-Cost-Currency": "USD",
        },
        {},
    ]


@pytest.mark.parametrize("url", ["", "/inbox", "https://", "https://a b/", None])
def test_an_address_without_a_host_is_refused_before_anything_is_sent(bench, url):
    with pytest.raises(ScopeError):
        bench.deliverer.wrap(bench.send)(url, NOTE)

    assert bench.sent == []


def test_a_cost_that_is_none_is_a_fault_of_the_program_and_leaves_nothing_held():
    costs = iter([Decimal("0.01"), Decimal(-1)])
    bench = Bench(cost=lambda activity, bytes_out, bytes_in: next(costs))

    with pytest.raises(AmountError):
        bench.deliverer.wrap(bench.send)("https://a.example/", NOTE)

    assert bench.spent() == Decimal("0.01")


def test_an_answer_is_returned_although_the_store_is_lost_meanwhile(bench, monkeypatch):
    def lost(*args):
        raise GuardStoreUnavailable("memory://", "settle", "it is away")

    def send(instance_url, activity_json):
        monkeypatch.setattr(bench.guard.store, "settle", lost)
        return "sent"

    assert bench.deliverer.wrap(send)("https://a.example/", NOTE) == "sent"


def test_by_default_a_delivery_costs_what_aws_takes_for_it():
    bench = Bench(cost=None)

    bench.deliverer.wrap(bench.send)("https://a.example/", "x" * 1_000_000)
    bench.deliverer.wrap(bench.send)("https://a.example/", '{"type": "UnheardOf"}')

    assert Decimal("0.00008") < bench.spent() < Decimal("0.0001")
