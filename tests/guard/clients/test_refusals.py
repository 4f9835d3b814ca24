"""A refusal names what would fit, and reaches programs through SDKs that retry."""

import asyncio
import json
from decimal import Decimal

import httpx
import pytest

from costmon.guard import Budget, BudgetRefused, Costing, Guard
from costmon.guard.clients.exchange import Exchange, refusal_in
from costmon.guard.clients.refusal_answer import refusal_answer
from costmon.guard.clients.wire_call import wire_call
from costmon.guard.errors import RateRefused
from costmon.testing.clock import FakeClock

OPENAI = "https://api.openai.com/v1/chat/completions"
SDK = {"x-stainless-lang": "python"}


def chat(model="gpt-5", **more):
    return {"model": model, "messages": [{"role": "user", "content": "Why?"}], **more}


def call(body, url=OPENAI):
    data = json.dumps(body).encode()
    return wire_call("POST", url, [], data, len(data))


@pytest.fixture
def guard():
    return Guard(budgets=[Budget("global", "0.10", "day")], clock=FakeClock())


def test_a_refusal_names_the_limit_of_output_that_would_fit(guard):
    with pytest.raises(BudgetRefused) as caught:
        Exchange.begin(guard, Costing(), call(chat()))

    remedy = str(caught.value.remedy)
    name, _, number = remedy.removesuffix(" would fit").partition("=")
    assert name == "max_completion_tokens"
    assert remedy in str(caught.value)
    Exchange.begin(guard, Costing(), call(chat(**{name: int(number)})))
    remaining = guard.remaining("global", "day")
    assert remaining is not None
    assert remaining < Decimal("0.003")


def test_not_much_more_than_the_remedy_fits(guard):
    with pytest.raises(BudgetRefused) as caught:
        Exchange.begin(guard, Costing(), call(chat()))
    number = int(str(caught.value.remedy).split("=")[1].split()[0])

    with pytest.raises(BudgetRefused):
        Exchange.begin(guard, Costing(), call(chat(max_completion_tokens=number + 300)))


def test_a_refusal_says_when_the_input_alone_is_too_much(guard):
    body = chat(max_completion_tokens=10)
    body["messages"][0]["content"] = "why? " * 400_000

    with pytest.raises(BudgetRefused, match="its input alone"):
        Exchange.begin(guard, Costing(), call(body))


def test_other_calls_have_no_remedy(guard):
    request = wire_call("GET", "https://api.example.com/", [], None, 0)

    with pytest.raises(BudgetRefused) as caught:
        Exchange.begin(guard, Costing(per_call="1"), request)

    assert caught.value.remedy is None


class Inner(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Must not be reached."""

    def handle_request(self, request):
        raise AssertionError

    async def handle_async_request(self, request):
        raise AssertionError


@pytest.mark.parametrize("asks", [SDK, {"user-agent": "google-genai-sdk/3.6.1 gl-python/3.11"}])
def test_an_sdk_gets_a_final_answer_that_names_the_refusal(guard, asks):
    from costmon.guard.httpx import GuardTransport

    with httpx.Client(transport=GuardTransport(guard, Inner())) as client:
        response = client.post(OPENAI, json=chat(), headers=asks)

    assert response.status_code == 402
    assert response.headers["x-should-retry"] == "false"
    assert "max_completion_tokens=" in response.json()["error"]["message"]
    with pytest.raises(httpx.HTTPStatusError) as caught:
        response.raise_for_status()
    assert isinstance(refusal_in(caught.value), BudgetRefused)


def test_an_async_sdk_gets_it_too(guard):
    from costmon.guard.httpx import AsyncGuardTransport

    async def main():
        async with httpx.AsyncClient(transport=AsyncGuardTransport(guard, Inner())) as client:
            return await client.post(OPENAI, json=chat(), headers=SDK)

    assert asyncio.run(main()).status_code == 402


def test_a_program_that_uses_httpx_itself_gets_the_exception(guard):
    from costmon.guard.httpx import GuardTransport

    with (
        httpx.Client(transport=GuardTransport(guard, Inner())) as client,
        pytest.raises(BudgetRefused),
    ):
        client.post(OPENAI, json=chat())


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("https://api.anthropic.com/v1/messages", ("error", "message")),
        (
            "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:generateContent",
            ("error", "message"),
        ),
        ("https://api.mistral.ai/v1/chat/completions", ("message",)),
    ],
)
def test_the_answer_has_the_vendors_shape(url, path):
    said = json.loads(refusal_answer(call({}, url), RateRefused("global", 5, None)).body)

    for name in path:
        said = said[name]
    assert "may be called 5 times a minute" in said


def test_only_a_rate_limit_that_is_over_in_seconds_is_worth_waiting_for():
    soon = refusal_answer(call({}), RateRefused("global", 5, 12.5))
    late = refusal_answer(call({}), RateRefused("global", 5, 59.0))

    assert (soon.status, soon.headers["retry-after"]) == (429, "13")
    assert (late.status, "retry-after" in late.headers) == (402, False)
