"""Prices of language models: exact, dated, and never guessed."""

import csv
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.errors import AmountError
from costmon.pricing.csv_rows import shipped_text
from costmon.pricing.llm import UNITS, LlmUsage, ModelPrice, Rates, TierRates
from costmon.pricing.llm_list import price_list, price_of

COUNTS = st.integers(0, 3_000_000)
TIERS = ("standard", "flex", "priority", "batch", "fast")


def cost(model, tier="standard", vendor=None, region="", **used):
    price = price_of(model, vendor, region)
    assert price is not None
    found = price.cost(LlmUsage(**used), tier)
    assert not found.missing
    return found.amount


_KEYS = ("vendor", "model", "region", "tier", "above")


def test_tokens_cost_what_the_list_says():
    assert cost("gpt-4o", input=1000, cached=1000, output=1000) == Decimal("0.01375")
    assert cost("gpt-4o-mini", input=1) == Decimal("0.00000015")
    assert cost("claude-sonnet-4-6", input=1000, output=1000) == Decimal("0.018")
    assert cost("claude-sonnet-4-6", cached=1000, cache_write=1000, cache_write_1h=1000) == Decimal(
        "0.01005"
    )
    assert cost("text-embedding-3-small", input=1_000_000) == Decimal("0.02")


def test_the_whole_of_a_long_prompt_costs_more_but_only_beyond_the_border():
    assert cost("gemini-2.5-pro", input=200_000, output=1000) == Decimal("0.26")
    assert cost("gemini-2.5-pro", input=200_001, output=1000) == Decimal("0.5150025")
    assert cost("gemini-2.5-pro", input=1, cached=200_000) == Decimal("0.0500025")


@pytest.mark.parametrize(
    ("model", "used", "right"),
    [
        # 100 x 2.5 + 900 x 40 + 100 x 10 + 900 x 80, for a million
        (
            "gpt-4o-audio-preview",
            {"input": 100, "audio": 900, "output": 100, "audio_output": 900},
            "0.10925",
        ),
        ("gemini-2.5-flash-image", {"image_output": 1290}, "0.0387"),  # 30 a million
        ("gemini-2.5-flash", {"audio": 1000, "image": 1000}, "0.0013"),  # 1 and 0.3
        ("gpt-image-1", {"input": 50, "image": 300, "image_output": 4160}, "0.16965"),  # 5, 10, 40
        ("gpt-realtime", {"audio_cached": 1000, "audio_output": 100}, "0.0068"),  # 0.4, 64
        ("whisper-1", {"seconds": Decimal(90)}, "0.009"),  # 0.36 an hour
        ("tts-1", {"characters": 2000}, "0.03"),  # 15 a million
        ("mistral-ocr-latest", {"pages": 5}, "0.02"),  # 4 a thousand
        ("sonar-deep-research", {"reasoning": 1000}, "0.003"),  # 3 a million, output 8
        ("gpt-4o", {"web_search": 4, "file_search": 2}, "0.045"),  # 10 and 2.5 a thousand
        ("claude-opus-4-5", {"web_search": 3}, "0.03"),
    ],
)
def test_each_unit_has_its_own_price(model, used, right):
    assert cost(model, **used) == Decimal(right)


@pytest.mark.parametrize(
    ("model", "tier", "right"),
    [
        ("gpt-5", "standard", "0.011375"),  # 1000 x 1.25 + 1000 x 0.125 + 1000 x 10
        ("gpt-5", "flex", "0.0056875"),
        ("gpt-5", "priority", "0.02275"),
        ("gpt-4o", "priority", "0.023375"),  # 4.25, 2.125, 17: not twice 2.5, 1.25, 10
        ("o3", "flex", "0.00525"),  # 1, 0.25, 4
        ("claude-sonnet-4-6", "batch", "0.00915"),  # 1.5, 0.15, 7.5
        ("gemini-2.5-flash-lite", "priority", "0.000918"),  # 0.18, 0.018, 0.72
    ],
)
def test_a_service_tier_has_its_own_prices(model, tier, right):
    assert cost(model, tier, input=1000, cached=1000, output=1000) == Decimal(right)


def test_a_tier_that_is_not_in_the_list_costs_no_less_than_it_can_and_says_so():
    mine = ModelPrice("m", Rates.of(1, 2)).completed()

    assert mine.cost(LlmUsage(input=10), "flex") == (Decimal("0.00001"), (), False)
    assert mine.cost(LlmUsage(input=10), "priority") == (Decimal("0.00002"), (), False)
    assert mine.cost(LlmUsage(input=10), "fast") == (Decimal("0.00006"), (), False)


def test_what_a_tier_does_not_say_is_taken_from_the_standard_prices():
    price = ModelPrice(
        "m",
        Rates(*map(Decimal, (4, 1)))._replace(output=Decimal(8), web_search=Decimal(10)),
        tiers={"flex": TierRates(Rates(input=Decimal(2), output=Decimal(4)))},
    ).completed()
    used = LlmUsage(input=10**6, cached=10**6, image=10**6, reasoning=10**6, web_search=1)

    # Pictures cost what text does, in each tier; the cache's price is that of the standard tier.
    assert price.cost(used, "flex").amount == 2 + 1 + 2 + 4 + Decimal("0.01")


def test_a_region_may_cost_more():
    model = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

    assert cost(model, vendor="aws", input=10**6) == Decimal("3.3")
    assert cost(model, vendor="aws", region="global", input=10**6) == Decimal(3)
    assert cost("claude-sonnet-4-5", vendor="google", input=10**5) == Decimal("0.33")
    assert cost("claude-opus-4-6", vendor="anthropic", region="us", input=10**6) == Decimal("5.5")


def test_a_unit_without_a_price_is_named_and_is_not_free():
    price = price_of("gpt-4o")
    assert price is not None

    found = price.cost(LlmUsage(input=1000, audio=500, video_output=1))

    assert found.amount == Decimal("0.0025")
    assert found.missing == ("audio", "video_output")


@pytest.mark.parametrize(
    ("spelling", "model"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("openai/gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-5-codex", "gpt-5"),
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-3-5-haiku-20241022", "claude-3-5-haiku-latest"),
        ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5"),
        ("anthropic/claude-sonnet-4.5", "claude-sonnet-4-5"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "claude-3-haiku"),
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("mistral-medium-latest", "mistral-medium-latest"),
        ("grok-4", "grok-4-0709"),
        ("ft:gpt-4o-mini-2024-07-18:acme::7p4lURel", "ft:gpt-4o-mini"),
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
        "gpt-4o-that-nobody-knows",
        "gpt-4o:free",
        "meta-llama/llama-3-70b:free",
        "somebody/gpt-4o",
        "",
        "*",
    ],
)
def test_what_is_not_in_the_list_has_no_price_and_is_not_free(model):
    assert price_of(model) is None


def test_a_price_of_your_own_is_for_all_kinds_of_tokens():
    rates = Rates.of("0.50", 2, cached="0.05", web_search=10)

    assert rates.audio == rates.cache_write_1h == Decimal("0.50")
    assert rates.image_output == rates.reasoning == Decimal(2)
    assert rates.cached == Decimal("0.05")
    assert rates.file_search is None
    with pytest.raises(AmountError):
        Rates.of("-1")
    with pytest.raises(TypeError):
        Rates.of(1, 2, smell=3)


def test_units_can_be_given_by_the_names_that_earlier_versions_had():
    former = Rates.of(3, 15, cached="0.3", written="3.75", written_1h=6, per_search=10)

    assert former == Rates.of(
        3, 15, cached="0.3", cache_write="3.75", cache_write_1h=6, web_search=10
    )
    assert Rates.of(3, 15, written="3.75").cache_write_1h == Decimal("3.75")
    with pytest.raises(TypeError, match="two names"):
        Rates.of(3, 15, written=1, cache_write=1)


def test_the_former_price_of_a_thousand_searches_is_counted_for_short_and_long_prompts():
    row = ModelPrice(
        "m", Rates.of(0), long_rates=Rates.of(0), long_from=10, per_search="10"
    ).completed()

    assert row.cost(LlmUsage(input=1, web_search=2)).amount == Decimal("0.02")
    assert row.cost(LlmUsage(input=11, web_search=2)).amount == Decimal("0.02")
    newer = row._replace(rates=Rates.of(0, web_search=5), long_rates=None, per_search=10)
    assert newer.completed().cost(LlmUsage(web_search=2)).amount == Decimal("0.01")


def test_a_name_belongs_to_one_model():
    rows = list(csv.DictReader(shipped_text("llm.csv").splitlines()))
    models = {(row["vendor"], row["model"], row["region"]) for row in rows}
    aliases: dict[tuple[str, str, str], set[str]] = {}
    for row in rows:
        for alias in row["aliases"].split():
            aliases.setdefault((row["vendor"], alias, row["region"]), set()).add(row["model"])

    assert {name: found for name, found in aliases.items() if len(found) > 1} == {}
    assert aliases.keys() & models == set()


def test_a_row_is_there_once():
    rows = csv.DictReader(shipped_text("llm.csv").splitlines())

    names = [tuple(row[name] for name in _KEYS) for row in rows]

    assert len(names) == len(set(names))


def test_each_row_says_when_and_where_it_was_read():
    for vendor, model, region in price_list().models():
        price = price_of(model, vendor, region)
        assert price is not None
        assert price.as_of is not None
        assert re.match(r"https://", price.source)
        assert price.context >= 0
        assert price.picture_tokens > 0
        assert any(rate is not None for rate in price.rates)
        if price.rates.input and price.rates.cached:
            assert 0 < price.rates.cached <= price.rates.input


@given(
    model=st.sampled_from(price_list().models()),
    tier=st.sampled_from(TIERS),
    counts=st.lists(COUNTS, min_size=len(UNITS), max_size=len(UNITS)),
    more=st.integers(0, 1000),
    at=st.integers(0, len(UNITS) - 1),
)
def test_more_usage_never_costs_less(model, tier, counts, more, at):
    price = price_of(model[1], model[0], model[2])
    assert price is not None
    used = LlmUsage(*counts)
    grown = LlmUsage(*(count + more * (i == at) for i, count in enumerate(counts)))

    assert 0 <= price.cost(used, tier).amount <= price.cost(grown, tier).amount


@given(model=st.sampled_from(price_list().models()), count=COUNTS)
def test_priority_costs_no_less_and_flex_no_more_than_standard(model, count):
    price = price_of(model[1], model[0], model[2])
    assert price is not None
    used = LlmUsage(input=count, cached=count, output=count)
    flex, standard, priority = (
        price.cost(used, tier).amount for tier in ("flex", "standard", "priority")
    )

    assert flex <= standard <= priority
