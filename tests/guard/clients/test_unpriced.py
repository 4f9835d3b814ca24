"""Calls to models without a known price are never silently free."""

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from costmon.domain.spend import UNPRICED_CALL
from costmon.errors import InputError
from costmon.guard import Budget, BudgetRefused, CallRefused, Costing, Guard, UnpricedRefused
from costmon.guard.clients.exchange import Exchange
from costmon.guard.clients.wire_call import wire_call
from costmon.testing.clock import FakeClock

AZURE = "https://r.openai.azure.com/openai/deployments/TEST/chat/completions?api-version=2024-10-21"
BODY = json.dumps(
    {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1000, "model": "TEST"}
).encode()
ANSWER = json.dumps(
    {
        "model": "gpt-4o-2024-08-06",
        "choices": [{"message": {"content": "Hello"}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 1000, "total_tokens": 2000},
    }
).encode()
COST = Decimal("0.0125")
"""1,000 tokens in at 2.50 and 1,000 out at 10.00 for a million."""
UNKNOWN = "https://llm.example/v1/chat/completions"


def call(url=UNKNOWN, body=BODY):
    return wire_call("POST", url, [], body, len(body))


def answered(exchange, body=ANSWER, status=200):
    exchange.answered(status, [("content-type", "application/json")])
    exchange.received(body)
    exchange.completed()


def without_model(body=ANSWER):
    return json.dumps({**json.loads(body), "model": "TEST"}).encode()


@pytest.fixture
def guard():
    return Guard(budgets=[Budget("global", "1", "total")], clock=FakeClock())


@pytest.fixture
def told(guard):
    notices: list[Any] = []
    guard.subscribe(notices.append)
    return notices


def test_a_call_without_a_price_is_held_and_charged_at_an_amount_that_is_not_zero(guard, told):
    for _ in range(3):
        exchange = Exchange.begin(guard, Costing(), call())
        assert guard.held("global") == Decimal("0.05")
        answered(exchange, without_model())

    assert guard.spent("global") == Decimal("0.15")
    assert [notice.kind for notice in told] == ["unpriced"]
    assert "TEST at llm.example" in told[0].text
    rows = guard.store.usage(0, 1 << 40, "model:test")
    assert [(row.activity, row.requests) for row in rows] == [(UNPRICED_CALL, 3)]


def test_the_answer_may_give_the_price(guard):
    exchange = Exchange.begin(guard, Costing(unpriced_estimate="0.2"), call(AZURE))
    assert guard.held("global") == Decimal("0.2")

    answered(exchange)

    assert guard.spent("global") == COST


def test_calls_without_a_price_can_be_refused(guard, told):
    with pytest.raises(UnpricedRefused, match=r"TEST at llm\.example") as caught:
        Exchange.begin(guard, Costing(unpriced="refuse"), call())

    assert isinstance(caught.value, CallRefused)
    assert guard.refused()[0].reason == "unpriced"
    assert (guard.held("global"), guard.spent("global")) == (0, 0)
    Exchange.begin(guard, Costing(unpriced="refuse", prices={"TEST": ("1", "1")}), call())


def test_calls_without_a_price_can_be_allowed_and_are_told(guard, told):
    answered(Exchange.begin(guard, Costing(unpriced="allow"), call()), without_model())

    assert guard.spent("global") == 0
    assert [notice.kind for notice in told] == ["unpriced"]


@pytest.mark.parametrize(
    "named", [{"unpriced": "hope"}, {"unpriced_estimate": 0}, {"unpriced_estimate": "-1"}]
)
def test_other_settings_are_refused(named):
    with pytest.raises(InputError):
        Costing(**named)


def test_calls_that_are_not_to_a_model_stay_free(guard, told):
    request = wire_call("POST", "https://api.example.com/things", [], b"{}", 2)
    exchange = Exchange.begin(guard, Costing(), request)

    assert guard.held("global") == 0
    exchange.answered(200, [])
    exchange.completed()
    assert (guard.spent("global"), told) == (0, [])


def test_a_users_own_estimate_is_a_price(guard, told):
    Exchange.begin(guard, Costing(unpriced="refuse", estimate=lambda _: "0.3"), call())

    assert guard.held("global") == Decimal("0.3")
    assert told == []


def test_a_deployment_that_answered_is_held_at_its_models_price_by_all_guards_on_the_store(
    tmp_path,
):
    url = f"sqlite:///{tmp_path / 'guard.db'}"
    with Guard(url) as first, Guard(url) as second:
        answered(Exchange.begin(first, Costing(), call(AZURE)))
        revision = first.store.settings().revision

        exchange = Exchange.begin(second, Costing(unpriced="refuse"), call(AZURE))

        assert COST <= second.held("global") < Decimal("0.05")
        assert second.store.settings().revision == revision, "plans stay valid"
        answered(exchange)
        assert second.spent("model:gpt-4o") == COST


def test_parallel_calls_to_an_unknown_deployment_stay_within_the_documented_bound():
    """The limit, plus what calls in flight cost above what was held for them."""
    guard = Guard(budgets=[Budget("global", "0.05", "total")], clock=FakeClock())
    costing = Costing(unpriced_estimate="0.01")

    def one(_):
        try:
            exchange = Exchange.begin(guard, costing, call(AZURE))
        except BudgetRefused:
            return 0
        answered(exchange)
        return 1

    with ThreadPoolExecutor(20) as pool:
        made = sum(pool.map(one, range(20)))

    assert made <= 5
    assert guard.spent("global") <= Decimal("0.05") + 5 * (COST - Decimal("0.01"))


def test_gathered_calls_to_an_unknown_deployment_stay_within_the_documented_bound():
    guard = Guard(budgets=[Budget("global", "0.05", "total")], clock=FakeClock())
    costing = Costing()

    async def one():
        exchange = await Exchange.begin_async(guard, costing, call(AZURE))
        await asyncio.sleep(0)
        answered(exchange)

    async def main():
        return await asyncio.gather(*(one() for _ in range(200)), return_exceptions=True)

    results = asyncio.run(main())

    assert all(result is None or isinstance(result, BudgetRefused) for result in results)
    assert results.count(None) == 1
    assert guard.spent("global") == COST


def test_a_vendors_own_failure_costs_nothing(guard):
    for status in (429, 500, 503, 529):
        answered(Exchange.begin(guard, Costing(), call()), b'{"error": {}}', status)

    assert guard.spent("global") == 0


def test_notices_of_the_charge_are_told_once(guard, told):
    costing = Costing(prices={"TEST": ("1", "1")})
    body = json.dumps({**json.loads(BODY), "stream": True}).encode()
    for _ in range(2):
        exchange = Exchange.begin(guard, costing, call(body=body))
        exchange.answered(200, [("content-type", "text/event-stream")])
        exchange.received(b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n')
        exchange.completed()

    assert len(told) == 1
    assert "include_usage" in told[0].text


def test_health_can_be_switched_off():
    guard = Guard(quarantine=False, clock=FakeClock())
    for _ in range(20):
        answered(Exchange.begin(guard, Costing(unpriced="allow"), call()), b"{}", 500)

    Exchange.begin(guard, Costing(), call())
    guard.health.check("llm.example")
    assert guard.health.get("llm.example") is None


def test_rate_limits_quarantine_no_host_and_end_a_probe(guard):
    for _ in range(20):
        answered(Exchange.begin(guard, Costing(), call()), b"{}", 429)

    guard.health.check("llm.example")
    assert guard.health.is_healthy("llm.example")


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_an_answer_that_cannot_be_decoded_is_charged_what_was_held_and_told_once(
    guard, told, monkeypatch, encoding
):
    for package in ("brotli", "brotlicffi", "zstandard", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, package, None)
    body = json.dumps({**json.loads(BODY), "model": "gpt-4o"}).encode()

    held = Decimal(0)
    for _ in range(2):
        exchange = Exchange.begin(guard, Costing(), call(body=body))
        held += guard.held("global")
        exchange.answered(200, [("content-encoding", encoding)])
        exchange.received(b"\x28\xb5\x2f\xfd")
        exchange.completed()

    assert guard.spent("global") == held > 0
    assert len(told) == 1
    assert "install it, or send `Accept-Encoding: gzip`" in told[0].text
