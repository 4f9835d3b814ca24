"""Prices of language models: exact, dated, and never guessed."""

import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import AmountError
from costmon.pricing.llm import ModelPrice, Rates, Tokens, known_models, price_of, spellings
from costmon.pricing.llm_list import AS_OF, LISTED, SOURCES

COUNTS = st.integers(0, 3_000_000)


def cost(model, **tokens):
    price = price_of(model)
    assert price is not None
    return price.cost(Tokens(**tokens))


def test_tokens_cost_what_the_list_says():
    assert cost("gpt-4o", fresh=1000, cached=1000, output=1000) == Decimal("0.01375")
    assert cost("gpt-4o-mini", fresh=1) == Decimal("0.00000015")
    assert cost("claude-sonnet-4-6", fresh=1000, output=1000) == Decimal("0.018")
    assert cost("claude-sonnet-4-6", cached=1000, written=1000, written_1h=1000) == Decimal(
        "0.01005"
    )
    assert cost("text-embedding-3-small", fresh=1_000_000) == Decimal("0.02")


def test_the_whole_of_a_long_prompt_costs_more_but_only_beyond_the_border():
    assert cost("gemini-2.5-pro", fresh=200_000, output=1000) == Decimal("0.26")
    assert cost("gemini-2.5-pro", fresh=200_001, output=1000) == Decimal("0.5150025")
    assert cost("gemini-2.5-pro", fresh=1, cached=200_000) == Decimal("0.0500025")


def test_searches_are_charged_by_the_thousand():
    assert cost("claude-opus-4-5", searches=3) == Decimal("0.03")


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("mistral-medium-latest", "mistral-medium-latest"),
    ],
)
def test_a_model_is_known_by_each_of_its_names(spelling, model):
    price = price_of(spelling)

    assert price is not None
    assert price.model == model


@pytest.mark.parametrize(
    "model",
    [
        "gpt-99",
        "gpt-4o-audio-preview",
        "gpt-4o:extended",
        "meta-llama/llama-3-70b:free",
        "ft:gpt-4o-mini-2024-07-18:acme::7p4lURel",
        "somebody/gpt-4o",
        "",
        "*",
    ],
)
def test_what_is_not_in_the_list_has_no_price_and_is_not_free(model):
    assert price_of(model) is None


def test_the_users_own_prices_win():
    own = {
        "gpt-4o": ModelPrice("gpt-4o", Rates.of("1", "2")),
        "mine": ModelPrice("mine", Rates.of(3)),
    }

    assert price_of("gpt-4o-2024-08-06", own) == own["gpt-4o"]
    assert price_of("mine", own) == own["mine"]
    assert own["mine"].rates.written_1h == Decimal(3)
    with pytest.raises(AmountError):
        Rates.of("-1")


def test_each_row_says_when_and_where_it_was_read():
    for model in known_models():
        price = price_of(model)
        assert price is not None
        assert price.as_of == AS_OF
        assert price.source in SOURCES.values()
        assert re.match(r"https://", price.source)
        assert 0 < price.rates.cached <= price.rates.input <= price.rates.written_1h
        assert price.context >= 8_192 or model.startswith("gpt-4")
    assert set(LISTED) == set(SOURCES)


@given(model=st.sampled_from(known_models()), prompt=COUNTS, output=COUNTS, data=st.data())
def test_no_use_of_so_many_tokens_costs_more_than_the_bound(model, prompt, output, data):
    price = price_of(model)
    assert price is not None
    hour = data.draw(st.integers(0, prompt))
    written = data.draw(st.integers(0, prompt - hour))
    cached = data.draw(st.integers(0, prompt - hour - written))
    tokens = Tokens(
        fresh=data.draw(st.integers(0, prompt - hour - written - cached)),
        cached=cached,
        written=written,
        written_1h=hour,
        output=data.draw(st.integers(0, output)),
    )

    assert price.cost(tokens) <= price.bound(prompt, output, caches=True, caches_1h=True)


@given(st.text(max_size=80))
def test_any_text_has_spellings(text):
    assert spellings(text)[0] == text.strip().lower().removeprefix("models/")
