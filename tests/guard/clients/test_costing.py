"""What a request can cost at most, and what it is charged in the end."""

import json
import sys
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import AmountError, PriceUnknownError, ScopeError
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.costing import Costing, egress_price
from costmon.guard.clients.wire_call import wire_call
from costmon.guard.usage_parsing.llm_call import llm_call_of
from costmon.guard.usage_parsing.price_book import PriceBook
from costmon.pricing.llm import LlmUsage, ModelPrice, Rates

OPENAI = "https://api.openai.com/v1/chat/completions"
LOCAL = "http://localhost:4000/v1/chat/completions"
BEDROCK = "bedrock-runtime.us-east-1.amazonaws.com"
EMBEDDINGS = "https://api.openai.com/v1/embeddings"
NO_EXTRA = PriceBook(extra=False)


def call(url, body=None, method="POST", size=None):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    return wire_call(method, url, [], data, size if data is None else len(data))


def asked(url, body):
    request = call(url, body)
    found = read(request)
    assert found is not None
    return found


def held(body, url=OPENAI):
    found = Costing(prices=NO_EXTRA).quote(call(url, body)).llm
    assert found is not None
    return found


def read(request):
    return llm_call_of(
        request.method, request.host, request.path, request.headers, request.body, request.size
    )


@pytest.mark.parametrize(
    ("url", "body", "model", "most"),
    [
        (OPENAI, {"model": "gpt-4o", "max_tokens": 7}, "gpt-4o", 7),
        (OPENAI, {"model": "gpt-5", "max_completion_tokens": 8}, "gpt-5", 8),
        ("https://x.test/v1/responses", {"model": "gpt-5", "max_output_tokens": 9}, "gpt-5", 9),
        ("https://x.test/v1/messages", {"model": "claude-x", "max_tokens": 5}, "claude-x", 5),
        (
            "https://g.test/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            {"generationConfig": {"maxOutputTokens": 6}},
            "gemini-2.5-pro",
            6,
        ),
        (
            "https://b.test/model/anthropic.claude-3-haiku-20240307-v1%3A0/converse-stream",
            {"inferenceConfig": {"maxTokens": 4}},
            "anthropic.claude-3-haiku-20240307-v1:0",
            4,
        ),
        (
            "https://a.test/openai/deployments/mine/chat/completions?api-version=1",
            {"messages": []},
            "mine",
            None,
        ),
        (
            "https://v.test/v1/projects/p/publishers/anthropic/models/claude-x:rawPredict",
            {"max_tokens": 3},
            "claude-x",
            3,
        ),
        ("https://c.test/v2/chat", {"model": "command-a"}, "command-a", None),
    ],
)
def test_calls_to_language_models_are_known_by_their_paths(url, body, model, most):
    found = asked(url, body)

    assert (found.model, found.most_output) == (model, most)
    assert found.body.size == found.prompt.text_bytes == len(json.dumps(body))


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", OPENAI, None),
        ("POST", "https://x.test/v1/things", {"model": "gpt-4o"}),
        ("POST", LOCAL, {"messages": []}),
        ("POST", LOCAL, b"no json"),
        ("POST", LOCAL, b'["model"]'),
        ("POST", "https://x.test/v1/messages", {"text": "hello"}),
    ],
)
def test_other_requests_are_not(method, url, body):
    request = call(url, body, method)

    assert read(request) is None


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_file", "file_id": "file-1"},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}},
        {"type": "video_url", "video_url": {"url": "https://x.test/a.mp4"}},
        {"fileData": {"fileUri": "gs://x/y", "mimeType": "video/mp4"}},
        {"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://x/y"}}}},
    ],
)
def test_what_stands_for_more_than_its_bytes_is_held_as_the_whole_context(part):
    body = {"model": "gpt-4o", "max_tokens": 0, "messages": [{"role": "user", "content": [part]}]}

    quote = Costing(prices=NO_EXTRA).quote(call(OPENAI, body))

    assert quote.estimate == 128_000 * Decimal("2.5") / 10**6


def test_each_choice_is_an_answer_and_a_fast_one_costs_more():
    body = {"model": "gpt-4o", "n": 3, "max_tokens": 10, "messages": []}
    once, thrice = (held({**body, "n": n}) for n in (1, 3))
    fast = held({**body, "service_tier": "priority"})

    assert (once.output_tokens, thrice.output_tokens) == (10, 30)
    assert fast.per_output_token == 3 * Decimal("0.000017")


def test_embeddings_write_nothing():
    found = held({"model": "text-embedding-3-small", "input": ["x"] * 9}, EMBEDDINGS)

    assert (found.output_tokens, found.output_field) == (0, None)
    assert found.hold == found.fixed > 0


def test_a_model_is_held_at_its_worst_case_and_named_in_the_chain():
    body = {"model": "gpt-4o", "max_tokens": 1000, "messages": []}
    quote = Costing(scopes="key:batch", prices=NO_EXTRA).quote(call(OPENAI, body))

    assert quote.scopes == ("host:api.openai.com", "model:gpt-4o", "key:batch")
    prompt = len(json.dumps(body)) + 1100
    assert quote.estimate == Decimal("2.5") * prompt / 10**6 + Decimal("0.01")


def test_without_a_limit_of_its_own_a_call_is_held_at_what_its_model_can_write():
    quote = Costing(prices=NO_EXTRA).quote(call(OPENAI, {"model": "gpt-4o"}))

    assert quote.estimate > Decimal("0.16384")


@given(st.text(max_size=300), st.integers(0, 50), st.integers(0, 500))
def test_no_prompt_of_so_many_bytes_costs_more_than_is_held(text, reply, limit):
    body = {"model": "gpt-4o", "max_tokens": limit, "messages": [{"content": text}]}
    costing = Costing(prices=NO_EXTRA)
    quote = costing.quote(call(OPENAI, body))
    assert quote.llm is not None
    assert quote.llm.price is not None

    used = LlmUsage(input=len(text.encode("utf-8", "replace")) + 900, output=min(limit, reply))

    assert quote.llm.price.cost(used).amount <= quote.estimate


@pytest.mark.parametrize("model", ["*", " ", "x" * 300, "a\nb"])
def test_a_model_that_nothing_can_be_counted_by_is_left_out_of_the_chain(model):
    quote = Costing(prices=NO_EXTRA, default_estimate="0.3").quote(call(OPENAI, {"model": model}))

    assert quote.scopes == ("host:api.openai.com",)
    assert quote.estimate == Decimal("0.3")


def test_an_unknown_model_is_held_and_charged_at_the_default():
    costing = Costing(prices=NO_EXTRA, default_estimate="0.3")
    request = call(OPENAI, {"model": "gpt-99"})
    quote = costing.quote(request)
    answer = Answer(200, {}, 10, 10, complete=True, tokens=LlmUsage(input=1, output=1))

    assert quote.estimate == Decimal("0.3")
    assert costing.charge(request, quote, answer) is None


def test_what_answered_may_have_a_price_when_what_was_asked_for_has_none():
    costing = Costing(prices=NO_EXTRA, default_estimate="0.3")
    request = call("https://a.test/openai/deployments/mine/chat/completions", {"messages": []})
    answer = Answer(
        200, {}, 10, 10, complete=True, tokens=LlmUsage(input=1000), model="gpt-4o-2024-08-06"
    )

    assert costing.charge(request, costing.quote(request), answer) == Decimal("0.0025")


def chat(**more):
    return call(OPENAI, {"model": "gpt-4o", "max_tokens": 100, "messages": [], **more})


def charged(answer, request=None, costing=None):
    costing = costing or Costing(prices=NO_EXTRA)
    request = request or chat()
    quote = costing.quote(request)
    return costing.charge(request, quote, answer), quote.estimate


def test_a_stream_without_usage_is_charged_by_its_bytes_and_at_most_what_was_held():
    little, held = charged(Answer(200, {}, 900, 60, complete=True, text_bytes=40))
    much, _ = charged(Answer(200, {}, 900_000, 60, complete=True, text_bytes=800_000))

    # A byte of the prompt, and of the 40 bytes of text, is a token; 16 are around a prompt.
    assert little == (len(chat().body) + 16) * Decimal("0.0000025") + 40 * Decimal("0.00001")
    assert little < held
    assert much == little + 60 * Decimal("0.00001")  # no more than was asked for


def test_a_stream_of_a_model_that_thinks_unseen_is_charged_at_what_was_held():
    thinking = chat(model="gpt-5")

    assert charged(Answer(200, {}, 9, 9, complete=False, text_bytes=1), thinking)[0] is None
    assert (
        charged(Answer(200, {}, 9, 9, complete=False, text_bytes=1), chat(reasoning=1))[0] is None
    )


def test_an_aborted_stream_that_had_said_its_input_is_charged_that_and_what_was_seen():
    answer = Answer(
        200, {}, 9, 9, complete=False, tokens=LlmUsage(input=10, output=1), text_bytes=50
    )

    assert charged(answer)[0] == Decimal("0.000525")


@pytest.mark.parametrize(
    ("status", "cost"), [(401, 0), (429, 0), (307, 0), (408, None), (500, 0), (529, 0)]
)
def test_what_a_vendor_rejects_or_fails_to_do_costs_nothing(status, cost):
    assert charged(Answer(status, {}, 9, 9, complete=True))[0] == cost


def test_counts_in_headers_are_used():
    headers = {
        "x-amzn-bedrock-input-token-count": "1000",
        "x-amzn-bedrock-output-token-count": "10",
    }

    assert charged(Answer(200, headers, 9, 9, complete=True))[0] == Decimal("0.0026")
    headers["x-amzn-bedrock-input-token-count"] = "²"
    assert charged(Answer(200, headers, 9, 9, complete=True, text_bytes=1))[0] != Decimal("0.0026")


def test_a_trusted_host_may_say_the_cost_in_its_usage():
    costing = Costing(prices=NO_EXTRA, trusted_hosts=["api.openai.com"])
    usage = {"cost": 0.00014, "prompt_tokens": 1}
    answer = Answer(200, {}, 9, 9, complete=True, tokens=LlmUsage(input=1), usage=usage)

    assert charged(answer, costing=costing)[0] == Decimal("0.00014")
    assert charged(answer)[0] == Decimal("0.0000025")


@pytest.mark.parametrize("said", ["-1", "NaN", "1e400", "x", "9" * 50, "", None, True, []])
def test_a_cost_that_makes_no_sense_is_not_taken(said):
    costing = Costing(prices=NO_EXTRA, trusted_hosts=["api.openai.com"])
    answer = Answer(200, {}, 9, 9, complete=True, tokens=LlmUsage(input=2), usage={"cost": said})

    assert charged(answer, costing=costing)[0] == Decimal("0.000005")


def test_bytes_of_unknown_length_are_held_as_many_and_charged_as_they_were():
    costing = Costing(per_call="0.01", per_gb_out="1000", per_gb_in="1000", unknown_bytes=500)
    request = call("https://x.test/upload", None, "PUT")
    quote = costing.quote(request)

    assert quote.estimate == Decimal("0.011")
    assert costing.charge(request, quote, Answer(200, {}, 7, 3, complete=True)) == Decimal(
        "0.01001"
    )


def test_egress_is_priced_by_region():
    assert egress_price("us-east-1") == Decimal("0.09") * 10**9 / 2**30
    with pytest.raises(PriceUnknownError):
        egress_price("mars-1")


def test_urls_show_neither_query_nor_user():
    request = wire_call("get", "https://me:secret@EX.com:443/p?key=secret", [(b"A", b"1")], None, 0)

    assert "secret" not in repr(request)
    assert (request.host, request.path, request.headers) == ("ex.com", "/p", {"a": "1"})


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"per_call": "-1"}, AmountError),
        ({"default_estimate": "NaN"}, AmountError),
        ({"scopes": "nonsense"}, ScopeError),
        ({"trusted_hosts": ["*"]}, ScopeError),
        ({"prices": {"m": ("x", 1)}}, AmountError),
    ],
)
def test_what_cannot_be_used_is_refused_when_it_is_given(options, error):
    with pytest.raises(error):
        Costing(**options)


def test_a_function_of_the_program_that_returns_no_amount_is_refused_before_sending():
    with pytest.raises(AmountError):
        Costing(estimate=lambda _: -1).quote(call("https://x.test/", None, "GET", 0))


def test_prices_of_your_own_are_two_figures_or_a_whole_row():
    row = ModelPrice("b", Rates.of(2, 4), most_output=10)
    book = PriceBook({"A": ("1", "2"), "b": row}, extra=False)

    assert book.price("a", "x.test") == ModelPrice("A", Rates.of("1", "2"))
    assert book.price("b", "x.test") == row
    assert book.price("c", "x.test") is None


def test_genai_prices_knows_models_that_our_list_does_not():
    book = PriceBook()

    found = book.price("MiniMaxAI/MiniMax-M3", "api.together.xyz", "/v1/chat/completions")

    assert found is not None
    assert found.source == "genai-prices: together"
    assert found.rates.input is not None
    assert found.rates.input > 0
    assert book.price("no-such-model-anywhere", "x.test") is None


def test_genai_prices_goes_first_when_it_is_newer_and_ours_says_what_it_does_not(monkeypatch):
    import importlib.metadata

    monkeypatch.setattr(importlib.metadata, "version", lambda _: "99.0.0")
    book = PriceBook()

    claude = book.price("claude-sonnet-4-5-20250929", "api.anthropic.com")
    spoken = book.price("gpt-4o-audio-preview", "api.openai.com")

    assert claude is not None
    assert claude.source == "genai-prices: anthropic"
    assert claude.cost(LlmUsage(input=10**5, cached=10**5)).amount == Decimal("0.33")
    assert claude.cost(LlmUsage(input=300_000)).amount == Decimal("1.8")
    assert claude.cost(LlmUsage(input=10**5), "batch") == (Decimal("0.15"), (), True)
    assert spoken is not None
    assert spoken.source == "genai-prices: openai"
    assert spoken.cost(LlmUsage(input=1000, audio=1000)).amount == Decimal("0.0425")


def test_the_price_is_that_of_who_serves_the_model():
    book = PriceBook()

    made, served = (
        book.price(model, host, path)
        for model, host, path in (
            ("openai/gpt-oss-120b", "api.groq.com", "/openai/v1/chat/completions"),
            ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", BEDROCK, "/model/x/converse"),
        )
    )

    assert made is not None
    assert (made.rates.input, made.rates.output) == (Decimal("0.15"), Decimal("0.6"))
    assert served is not None
    assert served.rates.input == Decimal("3.3")


def test_without_genai_prices_our_list_does(monkeypatch):
    monkeypatch.setitem(sys.modules, "genai_prices.data_snapshot", None)

    found = PriceBook().price("gpt-4o", "api.openai.com")

    assert found is not None
    assert found.source.startswith("https://")
