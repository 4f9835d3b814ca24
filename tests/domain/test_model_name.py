"""Each spelling of a model belongs to one family."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.domain.model_name import family_of, place_of, spellings

PROFILE = "arn:aws:bedrock:eu-west-1:123456789012:inference-profile"
FAMILIES = {
    "gpt-4o": [
        "gpt-4o",
        "GPT-4o",
        " gpt-4o ",
        "gpt-4o-2024-08-06",
        "openai/gpt-4o-2024-11-20",
        "openrouter/openai/gpt-4o",
        "azure/gpt-4o",
        "openai/gpt-4o:extended",
        "models/gpt-4o",
    ],
    "claude-sonnet-4-5": [
        "claude-sonnet-4-5-20250929",
        "Claude-Sonnet-4-5-latest",
        "claude-sonnet-4-5@20250929",
        "anthropic/claude-sonnet-4.5",
        "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "bedrock/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0",
        f"{PROFILE}/eu.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5@20250929",
    ],
    "gemini-2.5-flash-preview": [
        "gemini-2.5-flash-preview-05-20",
        "google/gemini-2.5-flash-preview",
    ],
    "gemini-2.0-flash": ["gemini-2.0-flash-001", "publishers/google/models/gemini-2.0-flash"],
    "grok-4": ["grok-4-0709", "x-ai/grok-4", "xai/grok-4-latest"],
    "mistral-large": ["mistral-large-2512", "mistralai/mistral-large-latest"],
    "command-r": ["command-r-08-2024", "cohere.command-r-v1:0"],
    "gpt-3.5-turbo": ["gpt-3.5-turbo-0125"],
    "nova-pro": ["amazon.nova-pro-v1:0", "us.amazon.nova-pro-v1:0:300k"],
}


@pytest.mark.parametrize(
    ("spelling", "family"), [(one, family) for family, names in FAMILIES.items() for one in names]
)
def test_each_spelling_belongs_to_its_family(spelling, family):
    assert family_of(spelling) == family


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4", "o3-mini", "claude-opus-4-1", "gpt-4.1"])
def test_another_model_is_another_family(model):
    assert family_of(model) == model


def test_a_fine_tuned_model_is_a_family_of_its_own_with_the_price_of_its_base():
    name = "ft:gpt-4o-mini-2024-07-18:acme::7p4lURel"

    assert family_of(name) == name.lower()
    assert spellings(name)[-1] == "ft:gpt-4o-mini"


def test_the_exact_name_goes_first():
    assert spellings("openai/gpt-4o-2024-05-13") == (
        "openai/gpt-4o-2024-05-13",
        "gpt-4o-2024-05-13",
        "gpt-4o",
    )


def test_a_variant_or_somebody_elses_model_has_no_price_of_the_family():
    assert spellings("openai/gpt-4o:free") == ("openai/gpt-4o:free",)
    assert spellings("somebody/gpt-4o") == ("somebody/gpt-4o",)


def test_bedrock_says_where_a_model_is_served():
    assert place_of("us.anthropic.claude-3-haiku-20240307-v1:0") == "us"
    assert place_of("anthropic.claude-3-haiku-20240307-v1:0") is None
    assert place_of("gpt-4o") is None


@given(st.text(max_size=80))
def test_any_text_has_a_family_and_the_family_is_its_own(text):
    family = family_of(text)

    assert bool(family) == bool(text.strip())
    assert family_of(family) == family
