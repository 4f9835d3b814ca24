"""How fast vendors' counters rise: whatever the vendor does, never a spike of our own making."""

import datetime as dt
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.finding import Series
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.pricing.llm import LlmUsage
from costmon.pricing.llm_list import price_of
from costmon.state.usage_rates import usage_rates

START = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
NOW = START + dt.timedelta(days=12)
TEN_MINUTES = dt.timedelta(minutes=10)
ACCOUNT = "account:main"


def count(quota, used, *, start=START, project=None, resets_at=START + dt.timedelta(days=30)):
    return Quantity(
        quota=quota,
        unit="Tokens",
        used=Decimal(used),
        start=start,
        end=NOW,
        resets_at=resets_at,
        estimated=False,
        project=project,
    )


def reading(*quantities, at=NOW, gaps=()):
    return UsageReading(
        account="main",
        provider="openai",
        observed_at=at,
        quantities=quantities,
        complete_through=None,
        gaps=gaps,
    )


def later(*quantities, after=TEN_MINUTES):
    return reading(*quantities, at=NOW + after)


def test_what_a_counter_has_risen_by_is_a_rate_until_the_next_reading():
    before = reading(count("invocations", 1000), count("operations", 5, project="p1"))
    after = later(count("invocations", 1600), count("operations", 65, project="p1"))

    assert usage_rates(before, after) == {
        Series(ACCOUNT, "invocations"): Decimal(1),
        Series("project:p1", "operations"): Decimal("0.1"),
    }


def test_a_reading_that_comes_late_is_no_spike():
    before = reading(count("invocations", 1000))
    hourly = later(count("invocations", 7000), after=6 * TEN_MINUTES)
    late = later(count("invocations", 43_000), after=42 * TEN_MINUTES)

    rates = [usage_rates(before, after).popitem()[1] for after in (hourly, late)]

    assert rates[0] == rates[1]


def test_a_counter_that_begins_again_has_risen_by_what_it_shows_and_a_corrected_one_by_nothing():
    began = NOW + dt.timedelta(minutes=5)
    before = reading(count("invocations", 900_000), count("operations", 700))
    after = later(count("invocations", 600, start=began), count("operations", 100))

    rates = usage_rates(before, after)

    assert rates == {
        Series(ACCOUNT, "invocations"): Decimal(1),
        Series(ACCOUNT, "operations"): Decimal(0),
    }


def test_a_model_that_was_never_used_rises_and_what_could_not_be_read_does_not():
    before = reading(count("model_requests", 5), gaps=(Gap(kind="images", reason="no scope"),))
    after = later(
        count("model_requests", 5), count("model_requests:new", 60), count("images", 9000)
    )

    assert usage_rates(before, after) == {
        Series(ACCOUNT, "model_requests"): Decimal(0),
        Series(ACCOUNT, "model_requests:new"): Decimal("0.1"),
    }


def test_levels_the_same_reading_again_and_very_old_ones_say_nothing():
    before = reading(count("bytes_stored", 5, resets_at=None), count("invocations", 5))

    assert usage_rates(before, before) == {}
    assert usage_rates(before, later(count("bytes_stored", 9, resets_at=None))) == {}
    assert usage_rates(before, later(count("invocations", 9), after=dt.timedelta(days=3))) == {}


def test_tokens_of_models_are_priced_at_list_price_and_cached_ones_only_once():
    model = "gpt-4o"
    price = price_of(model)
    assert price is not None
    quotas = ("input_tokens", "cached_input_tokens", "output_tokens", "unheard_of_tokens")
    before = reading(*(count(f"{quota}:{model}", 0) for quota in quotas))
    after = later(
        count(f"input_tokens:{model}", 3_000_000),
        count(f"cached_input_tokens:{model}", 1_000_000),
        count(f"output_tokens:{model}", 500_000),
        count("output_tokens:nobody-knows-its-price", 10**9),
    )

    rate = usage_rates(before, after)[Series(ACCOUNT, "USD")]

    cost = price.cost(LlmUsage(input=2_000_000, cached=1_000_000, output=500_000)).amount
    assert abs(rate * 600 - cost) < Decimal("1e-18")


@given(st.lists(st.integers(0, 10**12), min_size=2, max_size=8), st.integers(1, 100_000))
def test_rates_are_never_negative_and_never_more_than_was_counted(counts, seconds):
    after = dt.timedelta(seconds=seconds)
    for old, new in pairwise(counts):
        before, newest = reading(count("n", old)), later(count("n", new), after=after)

        (rate,) = usage_rates(before, newest).values()

        assert 0 <= rate * seconds <= new + Decimal("1e-6")
