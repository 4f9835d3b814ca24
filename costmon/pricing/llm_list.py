"""List prices of well-known language models; `costmon.pricing.llm` uses them.

US dollars for a million tokens: text, standard tier. Read on `AS_OF` from genai-prices 0.2.3
(github.com/pydantic/genai-prices, MIT), whose own sources are the vendors' pages in `SOURCES`; how
long an answer can be is from the vendors' pages on models. Prices change: when a bill differs, look
there, and give the guard your own price until this list follows.
"""

import datetime as dt
from typing import NamedTuple

AS_OF = dt.date(2026, 11, 21)
READ_FROM = (0, 2, 3)
"""The version of genai-prices that these were read from; of a newer one its own prices go first."""

SOURCES = {
    "anthropic": "https://www.anthropic.com/pricing#api",
    "openai": "https://developers.openai.com/api/docs/pricing",
    "google": "https://ai.google.dev/gemini-api/docs/pricing",
    "mistral": "https://mistral.ai/pricing/api",
    "cohere": "https://cohere.com/pricing",
    "deepseek": "https://api-docs.deepseek.com/quick_start/pricing",
    "x-ai": "https://docs.x.ai/docs/models",
}


class LongPrompt(NamedTuple):
    """What a prompt of more than `above` tokens costs, all of it and its answer."""

    above: int
    input: str
    output: str
    cached: str | None = None
    written: str | None = None
    written_1h: str | None = None


class ListedModel(NamedTuple):
    """One row; the fields are those of `costmon.pricing.llm.Rates` and `ModelPrice`."""

    model: str
    input: str
    output: str = "0"
    cached: str | None = None
    written: str | None = None
    written_1h: str | None = None
    context: int | None = None
    most_output: int | None = None
    long: LongPrompt | None = None


LISTED: dict[str, tuple[ListedModel, ...]] = {
    "anthropic": (
        ListedModel(
            "claude-3-haiku",
            "0.25",
            "1.25",
            cached="0.03",
            written="0.3",
            written_1h="0.5",
            context=200_000,
            most_output=4_096,
        ),
        ListedModel(
            "claude-3-opus",
            "15",
            "75",
            cached="1.5",
            written="18.75",
            written_1h="30",
            context=200_000,
            most_output=4_096,
        ),
        ListedModel(
            "claude-3-5-haiku",
            "0.8",
            "4",
            cached="0.08",
            written="1",
            written_1h="1.6",
            context=200_000,
            most_output=8_192,
        ),
        ListedModel(
            "claude-3-5-sonnet",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=200_000,
            most_output=8_192,
        ),
        ListedModel(
            "claude-3-7-sonnet",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=200_000,
        ),
        ListedModel(
            "claude-sonnet-4-0",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=200_000,
            most_output=64_000,
        ),
        ListedModel(
            "claude-sonnet-4",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=200_000,
            most_output=64_000,
        ),
        ListedModel(
            "claude-opus-4-0",
            "15",
            "75",
            cached="1.5",
            written="18.75",
            written_1h="30",
            context=200_000,
            most_output=32_000,
        ),
        ListedModel(
            "claude-opus-4",
            "15",
            "75",
            cached="1.5",
            written="18.75",
            written_1h="30",
            context=200_000,
            most_output=32_000,
        ),
        ListedModel(
            "claude-opus-4-1",
            "15",
            "75",
            cached="1.5",
            written="18.75",
            written_1h="30",
            context=200_000,
            most_output=32_000,
        ),
        ListedModel(
            "claude-opus-4-5",
            "5",
            "25",
            cached="0.5",
            written="6.25",
            written_1h="10",
            context=200_000,
            most_output=64_000,
        ),
        ListedModel(
            "claude-opus-4-6",
            "5",
            "25",
            cached="0.5",
            written="6.25",
            written_1h="10",
            context=1_000_000,
        ),
        ListedModel(
            "claude-opus-4-7",
            "5",
            "25",
            cached="0.5",
            written="6.25",
            written_1h="10",
            context=1_000_000,
        ),
        ListedModel(
            "claude-opus-4-8",
            "5",
            "25",
            cached="0.5",
            written="6.25",
            written_1h="10",
            context=1_000_000,
        ),
        ListedModel(
            "claude-opus-5",
            "5",
            "25",
            cached="0.5",
            written="6.25",
            written_1h="10",
            context=1_000_000,
        ),
        ListedModel(
            "claude-opus-5-5",
            "4",
            "20",
            cached="0.2",
            written="5",
            written_1h="8",
            context=1_000_000,
        ),
        ListedModel(
            "claude-sonnet-4-5",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=1_000_000,
            most_output=64_000,
            long=LongPrompt(200_000, "6", "22.5", cached="0.6", written="7.5", written_1h="12"),
        ),
        ListedModel(
            "claude-sonnet-4-6",
            "3",
            "15",
            cached="0.3",
            written="3.75",
            written_1h="6",
            context=1_000_000,
        ),
        ListedModel(
            "claude-sonnet-5",
            "2",
            "10",
            cached="0.2",
            written="2.5",
            written_1h="4",
            context=1_000_000,
        ),
        ListedModel(
            "claude-sonnet-5-5",
            "2",
            "10",
            cached="0.1",
            written="2.5",
            written_1h="4",
            context=1_000_000,
        ),
        ListedModel(
            "claude-haiku-4-5",
            "1",
            "5",
            cached="0.1",
            written="1.25",
            written_1h="2",
            context=200_000,
            most_output=64_000,
        ),
        ListedModel(
            "claude-haiku-5-5",
            "0.1",
            "0.5",
            cached="0.01",
            written="0.125",
            written_1h="0.2",
            context=1_000_000,
            long=LongPrompt(100_000, "0.5", "2.5", cached="0.05", written="0.625", written_1h="1"),
        ),
    ),
    "openai": (
        ListedModel("gpt-3.5-turbo", "0.5", "1.5", context=16_385, most_output=4_096),
        ListedModel("gpt-4", "30", "60", context=8_192, most_output=8_192),
        ListedModel("gpt-4-turbo", "10", "30", context=128_000, most_output=4_096),
        ListedModel("gpt-4o", "2.5", "10", cached="1.25", context=128_000, most_output=16_384),
        ListedModel("gpt-4o-2024-05-13", "5", "15", context=128_000, most_output=4_096),
        ListedModel(
            "gpt-4o-mini", "0.15", "0.6", cached="0.075", context=128_000, most_output=16_384
        ),
        ListedModel("chatgpt-4o-latest", "5", "15", context=128_000, most_output=16_384),
        ListedModel("gpt-4.1", "2", "8", cached="0.5", context=1_000_000, most_output=32_768),
        ListedModel(
            "gpt-4.1-mini", "0.4", "1.6", cached="0.1", context=1_000_000, most_output=32_768
        ),
        ListedModel(
            "gpt-4.1-nano", "0.1", "0.4", cached="0.025", context=1_000_000, most_output=32_768
        ),
        ListedModel("gpt-5", "1.25", "10", cached="0.125", context=400_000),
        ListedModel("gpt-5-mini", "0.25", "2", cached="0.025", context=400_000),
        ListedModel("gpt-5-nano", "0.05", "0.4", cached="0.005", context=400_000),
        ListedModel("gpt-5-pro", "15", "120", context=400_000),
        ListedModel("gpt-5.1", "1.25", "10", cached="0.125", context=400_000),
        ListedModel("gpt-5.2", "1.75", "14", cached="0.175", context=400_000),
        ListedModel("gpt-5.2-pro", "21", "168", context=400_000),
        ListedModel("gpt-5.3", "1.75", "14", cached="0.175", context=128_000),
        ListedModel("gpt-5.3-codex", "1.75", "14", cached="0.175", context=400_000),
        ListedModel(
            "gpt-5.4",
            "2.5",
            "15",
            cached="0.25",
            context=1_050_000,
            long=LongPrompt(272_000, "5", "22.5", cached="0.5"),
        ),
        ListedModel("gpt-5.4-mini", "0.75", "4.5", cached="0.075", context=400_000),
        ListedModel("gpt-5.4-nano", "0.2", "1.25", cached="0.02", context=400_000),
        ListedModel(
            "gpt-5.4-pro", "30", "180", context=1_050_000, long=LongPrompt(272_000, "60", "270")
        ),
        ListedModel(
            "gpt-5.5",
            "5",
            "30",
            cached="0.5",
            context=1_000_000,
            long=LongPrompt(272_000, "10", "45", cached="1"),
        ),
        ListedModel(
            "gpt-5.5-pro", "30", "180", context=1_000_000, long=LongPrompt(272_000, "60", "270")
        ),
        ListedModel(
            "gpt-6-luna",
            "0.1",
            "0.5",
            cached="0.01",
            written="0.125",
            context=1_050_000,
            long=LongPrompt(272_000, "0.2", "0.75", cached="0.02", written="0.25"),
        ),
        ListedModel(
            "gpt-6-sol",
            "2",
            "10",
            cached="0.2",
            written="2.5",
            context=1_050_000,
            long=LongPrompt(272_000, "4", "15", cached="0.4", written="5"),
        ),
        ListedModel(
            "gpt-6-astra",
            "10",
            "50",
            cached="1",
            written="12.5",
            context=1_050_000,
            long=LongPrompt(272_000, "20", "75", cached="2", written="25"),
        ),
        ListedModel(
            "gpt-6.1-sol",
            "2",
            "10",
            cached="0.1",
            written="2.5",
            context=1_050_000,
            long=LongPrompt(272_000, "4", "15", cached="0.2", written="5"),
        ),
        ListedModel(
            "gpt-6.1-terra",
            "1",
            "5",
            cached="0.05",
            written="1.25",
            context=1_050_000,
            long=LongPrompt(272_000, "2", "7.5", cached="0.1", written="2.5"),
        ),
        ListedModel("o1", "15", "60", cached="7.5", context=200_000, most_output=100_000),
        ListedModel("o1-pro", "150", "600", context=200_000, most_output=100_000),
        ListedModel("o3", "2", "8", cached="0.5", context=200_000, most_output=100_000),
        ListedModel("o3-mini", "1.1", "4.4", cached="0.55", context=200_000, most_output=100_000),
        ListedModel("o3-pro", "20", "80", context=200_000, most_output=100_000),
        ListedModel("o4-mini", "1.1", "4.4", cached="0.275", context=200_000, most_output=100_000),
        ListedModel("text-embedding-3-small", "0.02", context=8_192),
        ListedModel("text-embedding-3-large", "0.13", context=8_192),
        ListedModel("text-embedding-ada-002", "0.1", context=8_192),
    ),
    "google": (
        ListedModel(
            "gemini-2.0-flash", "0.1", "0.4", cached="0.025", context=1_000_000, most_output=8_192
        ),
        ListedModel("gemini-2.0-flash-lite", "0.075", "0.3", context=1_000_000, most_output=8_192),
        ListedModel(
            "gemini-2.5-pro",
            "1.25",
            "10",
            cached="0.125",
            context=1_048_576,
            most_output=65_536,
            long=LongPrompt(200_000, "2.5", "15", cached="0.25"),
        ),
        ListedModel(
            "gemini-2.5-flash", "0.3", "2.5", cached="0.03", context=1_048_576, most_output=65_536
        ),
        ListedModel(
            "gemini-2.5-flash-lite",
            "0.1",
            "0.4",
            cached="0.01",
            context=1_000_000,
            most_output=65_536,
        ),
        ListedModel("gemini-3-flash-preview", "0.5", "3", cached="0.05", context=1_000_000),
        ListedModel(
            "gemini-3.1-pro-preview",
            "2",
            "12",
            cached="0.2",
            context=1_048_576,
            long=LongPrompt(200_000, "4", "18", cached="0.4"),
        ),
        ListedModel("gemini-3.1-flash-lite", "0.25", "1.5", cached="0.025", context=1_000_000),
        ListedModel("gemini-3.5-flash", "1.5", "9", cached="0.15", context=1_000_000),
        ListedModel("gemini-3.5-flash-lite", "0.3", "2.5", cached="0.03", context=1_000_000),
        ListedModel("gemini-3.6-flash", "0.75", "3.75", cached="0.075", context=1_000_000),
        ListedModel("gemini-3.8-flash", "0.75", "3.75", cached="0.075", context=1_000_000),
        ListedModel("gemini-4-argon", "2", "10", cached="0.1", context=1_048_576),
        ListedModel("gemini-embedding-001", "0.15"),
    ),
    "mistral": (
        ListedModel("mistral-large-2512", "0.5", "1.5", cached="0.05", context=262_144),
        ListedModel("mistral-large-4", "0.7", "2.1", cached="0.07", context=1_048_576),
        ListedModel("mistral-medium-3-5", "1.5", "7.5", cached="0.15", context=262_144),
        ListedModel("mistral-medium-latest", "1.5", "7.5", cached="0.15"),
        ListedModel("mistral-small-2603", "0.15", "0.6", cached="0.015", context=262_144),
        ListedModel("mistral-small-latest", "0.15", "0.6", cached="0.015"),
        ListedModel("codestral-2508", "0.3", "0.9", cached="0.03", context=256_000),
        ListedModel("ministral-3b-2512", "0.1", "0.1", cached="0.01", context=131_072),
        ListedModel("ministral-8b-2512", "0.15", "0.15", cached="0.015", context=262_144),
        ListedModel("mistral-embed", "0.1", "0.1", context=8_192),
    ),
    "cohere": (
        ListedModel("command-a", "2.5", "10"),
        ListedModel("command-r", "0.15", "0.6"),
        ListedModel("command-r-plus", "2.5", "10"),
        ListedModel("command-r7b", "0.0375", "0.15"),
        ListedModel("embed-v4.0", "0.12", context=128_000),
    ),
    "deepseek": (
        ListedModel("deepseek-v4-flash", "0.15", "0.6", cached="0.003", context=1_000_000),
        ListedModel("deepseek-v4-pro", "0.66", "1.98", cached="0.022", context=1_000_000),
    ),
    "x-ai": (
        ListedModel("grok-3", "3", "15", cached="0.75", context=131_072),
        ListedModel("grok-3-mini", "0.3", "0.5", cached="0.075", context=131_072),
        ListedModel(
            "grok-4.3",
            "1.25",
            "2.5",
            cached="0.2",
            context=1_000_000,
            long=LongPrompt(199_999, "2.5", "5", cached="0.4"),
        ),
        ListedModel(
            "grok-4.5",
            "2",
            "6",
            cached="0.3",
            context=500_000,
            long=LongPrompt(199_999, "4", "12", cached="0.6"),
        ),
        ListedModel(
            "grok-4.6",
            "2",
            "6",
            cached="0.5",
            context=500_000,
            long=LongPrompt(199_999, "4", "12", cached="1"),
        ),
        ListedModel(
            "grok-4.7",
            "2",
            "6",
            cached="0.5",
            context=500_000,
            long=LongPrompt(199_999, "4", "12", cached="1"),
        ),
    ),
}
