"""What a call to a language model costs, by payloads of the recorded shape of each wire format.

The right amounts are calculated by hand from the rows of the price list, which stand beside them.
"""

import base64
import datetime as dt
import gzip
import importlib.metadata
import json
import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from costmon.guard import Guard
from costmon.guard.clients.answer import Answer
from costmon.guard.clients.llm_costs import LlmCosts
from costmon.guard.clients.wire_call import wire_call
from costmon.guard.usage_parsing.price_book import PriceBook
from costmon.guard.usage_parsing.reading import AnswerReader
from costmon.pricing.llm import LlmUsage
from costmon.testing import FakeClock

BOOK = PriceBook(extra=False)
NIGHT = dt.datetime(2026, 11, 21, 1, 30, tzinfo=dt.UTC)  # in China it is half past nine
JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream"}
FRAMES = {"content-type": "application/vnd.amazon.eventstream"}
OPENAI = "https://api.openai.com/v1/"
CHAT, RESPONSES = OPENAI + "chat/completions", OPENAI + "responses"
MESSAGES = "https://api.anthropic.com/v1/messages"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/"
VERTEX = "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/"
AZURE = "https://mine.openai.azure.com/openai/deployments/"
OPENROUTER = "https://openrouter.ai/api/v1/chat/completions"
ASKED: dict[str, Any] = {"max_tokens": 500, "messages": [{"role": "user", "content": "Why?"}]}


def sse(*events: object) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)


def frames(*events: object) -> bytes:
    def frame(payload: bytes) -> bytes:
        total = 16 + len(payload)
        return total.to_bytes(4, "big") + bytes(4) + bytes(4) + payload + bytes(4)

    return b"".join(frame(json.dumps(event).encode()) for event in events)


def requested(url, body, costs=None, headers=()):
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    method = "GET" if body is None else "POST"
    found = (costs or LlmCosts(BOOK, clock=FakeClock())).request(
        wire_call(method, url, headers, data, 0 if data is None else len(data))
    )
    assert found is not None
    return found


def answered(asked, answer, *, headers=JSON, status=200, complete=True):
    reader = AnswerReader(headers, wire=asked.call.wire, lines=asked.call.lines)
    reader.feed(answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    reader.finish()
    return Answer(
        status,
        headers,
        1,
        1,
        complete=complete or reader.ended,
        tokens=reader.tokens,
        text_bytes=reader.text_bytes,
        model=reader.model,
        usage=reader.usage,
        tier=reader.tier,
        response_id=reader.id,
        unfinished=reader.unfinished,
        results=tuple(reader.results),
        problem=reader.problem,
    )


def charged(url, body, answer, *, costs=None, **options):
    costs = costs or LlmCosts(BOOK, clock=FakeClock())
    asked = requested(url, body, costs)
    return costs.charge(asked, answered(asked, answer, **options))


LONG_TEXT = 'Why "so"? ' * 9000


def openai(prompt, completion, total=None, **more):
    total = prompt + completion if total is None else total
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total, **more}


PLAIN: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    # gpt-4o: 2.5, cached 1.25, output 10 for a million
    "chat": (
        CHAT,
        {"model": "gpt-4o", **ASKED},
        {"model": "gpt-4o-2024-08-06", "usage": openai(1000, 100), "x_new": {"usage": 7}},
        "0.0035",
    ),
    "chat with tools called and cached tokens": (
        CHAT,
        {"model": "gpt-4o", "tools": [{"type": "function", "function": {"name": "f"}}], **ASKED},
        {
            "choices": [{"message": {"tool_calls": [{"function": {"arguments": "{}"}}]}}],
            "usage": openai(1000, 100, prompt_tokens_details={"cached_tokens": 600}),
        },
        "0.00275",
    ),
    # input 2.5, output 10, sound 40 and 80
    "chat with sound": (
        CHAT,
        {"model": "gpt-4o-audio-preview", "modalities": ["text", "audio"], **ASKED},
        {
            "usage": openai(
                1000,
                1000,
                prompt_tokens_details={"audio_tokens": 900, "text_tokens": 100},
                completion_tokens_details={"audio_tokens": 900, "text_tokens": 100},
            )
        },
        "0.10925",
    ),
    # gpt-5: flex 0.625 and 5; asked for flex, served as default: 1.25 and 10
    "the tier of the answer": (
        CHAT,
        {"model": "gpt-5", "service_tier": "flex", **ASKED},
        {"service_tier": "default", "usage": openai(1000, 100)},
        "0.00225",
    ),
    "flex": (
        CHAT,
        {"model": "gpt-5", "service_tier": "flex", **ASKED},
        {"service_tier": "flex", "usage": openai(1000, 100)},
        "0.001125",
    ),
    # gpt-4o, priority: 4.25 and 17
    "priority that nobody asked for": (
        CHAT,
        {"model": "gpt-4o", "service_tier": "auto", **ASKED},
        {"service_tier": "priority", "usage": openai(1000, 100)},
        "0.00595",
    ),
    # gpt-4o 2.5 and 10; four searches of 10 a thousand
    "responses with web search": (
        RESPONSES,
        {"model": "gpt-4o", "tools": [{"type": "web_search"}], "input": "Why?"},
        {
            "output": [
                *(
                    {"type": "web_search_call", "id": f"ws_{i}", "status": "completed"}
                    for i in "abcd"
                ),
                {"type": "web_search_call", "id": "ws_e", "action": {"type": "open_page"}},
                {"type": "message", "content": []},
            ],
            "usage": {"input_tokens": 400, "output_tokens": 20, "total_tokens": 420},
        },
        "0.0412",
    ),
    "responses with file search and code": (
        RESPONSES,
        {"model": "gpt-4o", "tools": [{"type": "code_interpreter"}], "input": "Why?"},
        {
            "output": [
                {"type": "file_search_call", "id": "a"},
                {"type": "code_interpreter_call", "id": "b"},
                {"type": "code_interpreter_call", "id": "c"},
            ],
            "usage": {"input_tokens": 400, "output_tokens": 0, "total_tokens": 400},
        },
        "0.0335",  # 0.001, 2.5 a thousand, one container of 30 a thousand
    ),
    "embeddings": (
        OPENAI + "embeddings",
        {"model": "text-embedding-3-small", "input": "Why?"},
        {"model": "text-embedding-3-small", "usage": {"prompt_tokens": 500, "total_tokens": 500}},
        "0.00001",  # 0.02
    ),
    "pictures": (
        OPENAI + "images/generations",
        {"model": "gpt-image-1", "prompt": "a cat"},
        {
            "created": 1,
            "data": [{"b64_json": "A" * 200_000}],
            "usage": {
                "input_tokens": 350,
                "output_tokens": 4160,
                "total_tokens": 4510,
                "input_tokens_details": {"text_tokens": 50, "image_tokens": 300},
            },
        },
        "0.16965",  # 5, 10 and 40
    ),
    "transcription by duration": (
        OPENAI + "audio/transcriptions",
        {"model": "whisper-1"},
        {"text": "hello", "usage": {"type": "duration", "seconds": 90}},
        "0.009",  # 0.36 an hour
    ),
    "transcription by tokens": (
        OPENAI + "audio/transcriptions",
        {"model": "gpt-4o-transcribe"},
        {
            "text": "hello",
            "usage": {
                "type": "tokens",
                "input_tokens": 1000,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 1000},
                "output_tokens": 100,
                "total_tokens": 1100,
            },
        },
        "0.007",  # sound 6, output 10
    ),
    "speech by characters": (
        OPENAI + "audio/speech",
        {"model": "tts-1", "input": "x" * 4000, "voice": "alloy"},
        b"\x00\x01 no JSON",
        "0.06",  # 15 a million
    ),
    # claude-sonnet-4-6: 3, cached 0.3, written 3.75 and 6, output 15; a search 10 a thousand
    "messages": (
        MESSAGES,
        {"model": "claude-sonnet-4-6", **ASKED},
        {
            "model": "claude-sonnet-4-6",
            "usage": {
                "input_tokens": 100,
                "cache_read_input_tokens": 10_000,
                "cache_creation_input_tokens": 3000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 2000,
                    "ephemeral_1h_input_tokens": 1000,
                },
                "output_tokens": 100,
                "service_tier": "standard",
                "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 3},
            },
        },
        "0.0383",  # 0.0003 + 0.003 + 0.0075 + 0.006 + 0.0015 + 0.02
    ),
    "messages in the United States only": (
        MESSAGES,
        {"model": "claude-sonnet-4-6", "inference_geo": "us", **ASKED},
        {"usage": {"input_tokens": 1000, "output_tokens": 100, "inference_geo": "us"}},
        "0.00495",  # a tenth more
    ),
    # claude-opus-4-8 fast: 10 and 50
    "messages in fast mode": (
        MESSAGES,
        {"model": "claude-opus-4-8", "speed": "fast", **ASKED},
        {"usage": {"input_tokens": 1000, "output_tokens": 100, "speed": "fast"}},
        "0.015",
    ),
    # gemini-2.5-flash: 0.3, sound 1, cached 0.03, output 2.5
    "gemini": (
        GEMINI + "gemini-2.5-flash:generateContent",
        {"contents": [{"parts": [{"text": "Why?"}]}]},
        {
            "modelVersion": "gemini-2.5-flash",
            "usageMetadata": {
                "promptTokenCount": 2000,
                "cachedContentTokenCount": 500,
                "candidatesTokenCount": 100,
                "thoughtsTokenCount": 300,
                "totalTokenCount": 2400,
                "promptTokensDetails": [
                    {"modality": "TEXT", "tokenCount": 1000},
                    {"modality": "AUDIO", "tokenCount": 1000},
                ],
                "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 500}],
            },
        },
        "0.002165",  # 500 x 0.3 + 500 x 0.03 + 1000 x 1 + 400 x 2.5
    ),
    "gemini with pictures": (
        GEMINI + "gemini-2.5-flash-image:generateContent",
        {"contents": []},
        {
            "usageMetadata": {
                "candidatesTokenCount": 1290,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
            }
        },
        "0.0387",  # 30
    ),
    "gemini with search": (
        GEMINI + "gemini-2.5-flash:generateContent",
        {"contents": [], "tools": [{"googleSearch": {}}]},
        {
            "candidates": [{"groundingMetadata": {"webSearchQueries": ["a", "b"]}}],
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 0},
        },
        "0.0353",  # by the prompt, 35 a thousand
    ),
    "vertex with claude in a region": (
        VERTEX + "anthropic/models/claude-sonnet-4-5@20250929:rawPredict",
        {"anthropic_version": "vertex-2023-10-16", **ASKED},
        {
            "model": "claude-sonnet-4-5-20250929",
            "usage": {"input_tokens": 1000, "output_tokens": 0},
        },
        "0.0033",  # a tenth more than 3
    ),
    # us.anthropic.claude-sonnet-4-5: 3.3, cached 0.33, written 4.125 and 6.6, output 16.5
    "bedrock converse": (
        BEDROCK + "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        {"messages": [{"role": "user", "content": [{"text": "Why?"}]}]},
        {
            "usage": {
                "inputTokens": 1000,
                "outputTokens": 100,
                "totalTokens": 4100,
                "cacheReadInputTokens": 1000,
                "cacheWriteInputTokens": 2000,
                "cacheDetails": [{"ttl": "1h", "inputTokens": 1000}],
            },
        },
        "0.016005",  # 0.0033 + 0.00165 + 0.00033 + 0.004125 + 0.0066
    ),
    "bedrock invoke of an ARN": (
        BEDROCK
        + "arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Afoundation-model%2F"
        + "anthropic.claude-3-haiku-20240307-v1%3A0/invoke",
        {"anthropic_version": "bedrock-2023-05-31", **ASKED},
        {"usage": {"input_tokens": 1000, "output_tokens": 100}},
        "0.000375",  # 0.25 and 1.25
    ),
    "openrouter": (
        OPENROUTER,
        {"model": "openai/gpt-4o", **ASKED},
        {"model": "openai/gpt-4o", "usage": openai(10, 1, cost=0.0123, is_byok=False)},
        "0.0123",
    ),
    "openrouter with a key of your own": (
        OPENROUTER,
        {"model": "openai/gpt-4o", **ASKED},
        {
            "usage": openai(
                400,
                90,
                cost=0.00005,
                is_byok=True,
                cost_details={"upstream_inference_cost": 0.0019},
            )
        },
        "0.00195",
    ),
    "azure": (
        AZURE + "gpt-4o/chat/completions?api-version=1",
        ASKED,
        {"model": "gpt-4o-2024-11-20", "usage": openai(1000, 100)},
        "0.0035",
    ),
    "mistral": (
        "https://api.mistral.ai/v1/chat/completions",
        {"model": "mistral-large-2512", **ASKED},
        {"model": "mistral-large-2512", "usage": openai(1000, 100)},
        "0.00065",  # 0.5 and 1.5
    ),
    # grok-4: 3, cached 0.75, output 15; reasoning stands beside the completion
    "xai": (
        "https://api.x.ai/v1/chat/completions",
        {"model": "grok-4", **ASKED},
        {
            "model": "grok-4-0709",
            "usage": openai(
                32,
                9,
                135,
                prompt_tokens_details={"cached_tokens": 6},
                completion_tokens_details={"reasoning_tokens": 94},
            ),
        },
        "0.0016275",
    ),
    "xai says the cost": (
        "https://api.x.ai/v1/responses",
        {"model": "grok-4.5", "input": "Why?"},
        {"usage": {"input_tokens": 9, "output_tokens": 9, "cost_in_usd_ticks": 158_500_000}},
        "0.01585",
    ),
    "groq": (
        "https://api.groq.com/openai/v1/chat/completions",
        {"model": "openai/gpt-oss-120b", **ASKED},
        {"model": "openai/gpt-oss-120b", "usage": openai(1000, 100, queue_time=0.1)},
        "0.00021",  # 0.15 and 0.6
    ),
    "deepseek": (
        "https://api.deepseek.com/chat/completions",
        {"model": "deepseek-v4-flash", **ASKED},
        {
            "usage": openai(
                1000,
                1000,
                prompt_cache_hit_tokens=400,
                prompt_cache_miss_tokens=600,
                completion_tokens_details={"reasoning_tokens": 900},
            )
        },
        "0.0006912",  # 600 x 0.15 + 400 x 0.003 + 1000 x 0.6
    ),
    "perplexity": (
        "https://api.perplexity.ai/chat/completions",
        {"model": "sonar-pro", **ASKED},
        {"model": "sonar-pro", "usage": openai(9, 9, cost={"total_cost": 0.0071})},
        "0.0071",
    ),
    "cohere": (
        "https://api.cohere.com/v2/chat",
        {"model": "command-a", **ASKED},
        {"usage": {"billed_units": {"input_tokens": 1000.0, "output_tokens": 100.0}}},
        "0.0035",  # 2.5 and 10
    ),
    "chat whose counts are texts": (
        CHAT,
        {"model": "gpt-4o", **ASKED},
        {"usage": {"prompt_tokens": "1000", "completion_tokens": "100", "total_tokens": "1100"}},
        "0.0035",
    ),
    "gemini in openai's format does not say what it thought": (
        "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
        {"model": "models/gemini-2.5-flash", **ASKED},
        {"model": "models/gemini-2.5-flash", "usage": openai(1000, 100, 1500)},
        "0.00155",  # 0.3; 2.5 for 100 and 400
    ),
    # claude-opus-4-6: 5 and 25. What made room is not in the counts of the whole.
    "messages after a compaction": (
        MESSAGES,
        {
            "model": "claude-opus-4-6",
            "context_management": {"edits": [{"type": "compact_20260112"}]},
            **ASKED,
        },
        {
            "usage": {
                "input_tokens": 1000,
                "output_tokens": 100,
                "iterations": [
                    {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3500},
                    {"type": "message", "input_tokens": 1000, "output_tokens": 100},
                ],
            }
        },
        "0.995",  # 181,000 and 3,600
    ),
    # gpt-4o: 2.5 and 10; four searches of 10 a thousand, far from the ends of a long answer
    "long responses with web search": (
        RESPONSES,
        {"model": "gpt-4o", "tools": [{"type": "web_search"}], "input": "Why?"},
        {
            "output": [
                {"type": "message", "content": [{"type": "output_text", "text": LONG_TEXT}]},
                *({"id": f"ws_{i}", "type": "web_search_call"} for i in "abcd"),
                {"id": "ws_e", "type": "web_search_call", "action": {"type": "open_page"}},
                {"type": "message", "content": [{"type": "output_text", "text": LONG_TEXT}]},
            ],
            "usage": {"input_tokens": 400, "output_tokens": 20, "total_tokens": 420},
        },
        "0.0412",
    ),
    # gemini-3-pro-preview: 2 and 12; from Gemini 3 on 14 for a thousand searches
    "long answer of gemini with searches": (
        GEMINI + "gemini-3-pro-preview:generateContent",
        {"contents": [], "tools": [{"google_search": {}}]},
        {
            "candidates": [
                {
                    "content": {"parts": [{"text": LONG_TEXT}]},
                    "groundingMetadata": {
                        "webSearchQueries": ["a", "b", "c"],
                        "groundingChunks": [{"web": {"uri": "u" * 300, "title": "t"}}] * 60,
                    },
                }
            ],
            "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100},
        },
        "0.0452",
    ),
    # sonar-deep-research: 2, output 8, reasoning 3, searches 5 a thousand; citations as input
    "perplexity without a cost": (
        "https://api.perplexity.ai/chat/completions",
        {"model": "sonar-deep-research", **ASKED},
        {
            "usage": openai(
                33,
                7163,
                citation_tokens=20_016,
                num_search_queries=21,
                reasoning_tokens=73_997,
            )
        },
        "0.424393",
    ),
    # claude-sonnet-4-6: 3, written 3.75 and 6, output 15
    "messages that only say the parts of what was written": (
        MESSAGES,
        {"model": "claude-sonnet-4-6", **ASKED},
        {
            "usage": {
                "input_tokens": 1000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 1000,
                    "ephemeral_1h_input_tokens": 1000,
                },
                "output_tokens": 100,
            }
        },
        "0.01425",
    ),
    "transcription that says how long the sound is": (
        "https://api.groq.com/openai/v1/audio/transcriptions",
        {"model": "whisper-large-v3"},
        {"task": "transcribe", "duration": 90.0, "text": "hello", "x_groq": {"id": "req_1"}},
        "0.002775",  # 0.111 an hour
    ),
    "fine-tuned gpt-4.1": (
        CHAT,
        {"model": "ft:gpt-4.1-2025-04-14:acme::AbC1", **ASKED},
        {"usage": openai(1000, 100)},
        "0.0042",  # 3 and 12
    ),
    "gemini's newest pro": (
        GEMINI + "gemini-pro-latest:generateContent",
        {"contents": []},
        {"usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100}},
        "0.0032",  # gemini-3.1-pro-preview: 2 and 12, not gemini-pro of 2023
    ),
    "bedrock in europe": (
        BEDROCK + "eu.amazon.nova-pro-v1%3A0/converse",
        {"messages": []},
        {"usage": {"inputTokens": 1000, "outputTokens": 100}},
        "0.00147",  # 1.05 and 4.2; in the United States 0.8 and 3.2
    ),
    "bedrock embedding, counted in a header": (
        BEDROCK + "cohere.embed-v4%3A0/invoke",
        {"texts": ["Why?" * 2000]},
        {"embeddings": [[0.1]], "response_type": "embeddings_floats"},
        "0.00012",  # 0.12
    ),
    "cohere re-ranker": (
        "https://api.cohere.com/v2/rerank",
        {"model": "rerank-v3.5", "query": "Why?", "documents": ["a"] * 250},
        {"results": [], "meta": {"billed_units": {"search_units": 3}}},
        "0.006",  # 2 a thousand, each of 100 documents
    ),
    "voyage": (
        "https://api.voyageai.com/v1/embeddings",
        {"model": "voyage-3.5", "input": ["Why?" * 2000]},
        {"model": "voyage-3.5", "usage": {"total_tokens": 1000}},
        "0.00006",  # 0.06
    ),
    "voyage re-ranker": (
        "https://api.voyageai.com/v1/rerank",
        {"model": "rerank-2.5", "query": "Why?" * 2000},
        {"usage": {"total_tokens": 1000}},
        "0.00005",  # 0.05
    ),
    "dall-e 3": (
        OPENAI + "images/generations",
        {"model": "dall-e-3", "prompt": "a cat"},
        {"data": [{"url": "https://x.test/"}]},
        "0.04",
    ),
    "dall-e 3, hd and wide": (
        OPENAI + "images/generations",
        {"model": "dall-e-3", "prompt": "a cat", "quality": "hd", "size": "1792x1024"},
        {"data": [{"url": "https://x.test/"}]},
        "0.12",
    ),
    "three of dall-e 2": (
        OPENAI + "images/generations",
        {"model": "dall-e-2", "prompt": "a cat", "n": 3, "size": "512x512"},
        {"data": [{"url": "https://x.test/"}] * 3},
        "0.054",
    ),
    "imagen": (
        GEMINI + "imagen-4.0-generate-001:predict",
        {"instances": [{"prompt": "a cat"}], "parameters": {"sampleCount": 2}},
        {"predictions": [{"bytesBase64Encoded": "A" * 200_000}] * 2},
        "0.08",
    ),
    "imagen makes four unless asked otherwise": (
        GEMINI + "imagen-4.0-fast-generate-001:predict",
        {"instances": [{"prompt": "a cat"}]},
        {"predictions": []},
        "0.08",
    ),
    "veo": (
        GEMINI + "veo-3.1-generate-001:predictLongRunning",
        {"instances": [{}], "parameters": {"durationSeconds": 6, "resolution": "4k"}},
        {"name": "models/veo-3.1-generate-001/operations/abc"},
        "3.6",  # 0.6 a second; 0.4 in less than 4k
    ),
}

HEADERS = {
    "bedrock embedding, counted in a header": {
        **JSON,
        "x-amzn-bedrock-input-token-count": "1000",
    }
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_answer_costs_what_the_price_list_says(name):
    url, body, answer, right = PLAIN[name]

    found = charged(url, body, answer, headers=HEADERS.get(name, JSON))

    assert found.amount == Decimal(right)
    assert not found.estimated
    assert not found.notices


@pytest.mark.parametrize("version", ["0.2.3", "99.0.0"])
def test_genai_prices_says_the_same_whether_it_is_newer_or_not(monkeypatch, version):
    monkeypatch.setattr(importlib.metadata, "version", lambda _: version)
    costs = LlmCosts(PriceBook(clock=FakeClock()), clock=FakeClock())

    found = {
        name: charged(*PLAIN[name][:3], costs=costs, headers=HEADERS.get(name, JSON)).amount
        for name in PLAIN
    }

    assert found == {name: Decimal(right) for name, (*_, right) in PLAIN.items()}


@pytest.mark.parametrize(
    "name",
    [
        "long responses with web search",
        "perplexity without a cost",
        "cohere re-ranker",
        "dall-e 3, hd and wide",
        "three of dall-e 2",
        "imagen",
        "imagen makes four unless asked otherwise",
        "veo",
    ],
)
def test_what_is_paid_by_the_piece_or_the_search_is_held(name):
    url, body, _, right = PLAIN[name]

    assert requested(url, body).hold >= Decimal(right)


@pytest.mark.parametrize(("size", "right"), [(None, "2.4"), ("1024x1792", "4")])
def test_a_video_is_held_and_charged_by_the_second_when_it_is_ordered(size, right):
    body = {"model": "sora-2-pro", "prompt": "a cat", "seconds": "8", "size": size}

    asked = requested(OPENAI + "videos", body)
    found = charged(OPENAI + "videos", body, {"id": "video_1", "status": "queued"})

    assert asked.hold == Decimal(right)  # 0.3 and 0.5 a second
    assert (found.amount, found.notices) == (None, ())  # what is held


@pytest.mark.parametrize("seconds", [-1, "long", float("inf"), 10**30, None, []])
def test_a_video_of_no_valid_length_is_held_at_the_usual_one(seconds):
    body = {"model": "sora-2", "prompt": "a cat", "seconds": seconds}

    assert requested(OPENAI + "videos", body).hold == Decimal("0.4")  # four seconds of 0.1


def test_a_picture_made_in_a_conversation_is_charged_at_its_highest_price():
    body = {"model": "gpt-5", "tools": [{"type": "image_generation"}], "input": "A cat."}
    usage = {"input_tokens": 400, "output_tokens": 20, "total_tokens": 420}
    call = {"type": "image_generation_call", "id": "ig_1", "result": "AAAA"}

    asked = requested(RESPONSES, {**body, "max_output_tokens": 100})
    found = charged(
        RESPONSES, {**body, "max_output_tokens": 100}, {"output": [call] * 1, "usage": usage}
    )

    assert asked.hold >= Decimal("0.25")
    assert found.amount >= Decimal("0.2507")
    assert found.estimated
    assert [notice.kind for notice in found.notices] == ["part-without-price"]


def test_deepseek_costs_twice_as_much_in_its_peak_hours():
    url, body = "https://api.deepseek.com/chat/completions", {"model": "deepseek-v4-flash", **ASKED}
    answer = {"usage": openai(1000, 100, prompt_cache_hit_tokens=400)}

    cheap, dear = (
        charged(url, body, answer, costs=LlmCosts(BOOK, clock=FakeClock(now)))
        for now in (FakeClock().now(), NIGHT)
    )

    assert cheap.amount == Decimal("0.0001512")  # 600 x 0.15 + 400 x 0.003 + 100 x 0.6
    assert dear.amount == 2 * cheap.amount


def test_prices_of_genai_prices_that_depend_on_the_hour_are_read_again():
    clock = FakeClock(NIGHT)
    book = PriceBook(clock=clock)

    found = []
    for _ in range(5):
        price = book.price("deepseek-v4-pro", "api.deepseek.com")
        assert price is not None
        found.append(price.tiers["peak"].rates.input)
        clock.advance(3600)

    assert found == [Decimal("1.32")] * 5


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 100},
        {"prompt_tokens": 10**15, "completion_tokens": 100},
        {"prompt_tokens": 1000.5, "completion_tokens": 100},
        {"prompt_tokens": float("nan"), "completion_tokens": 100},
        {"prompt_tokens": True, "completion_tokens": 100},
        {"tokens": "many"},
    ],
)
def test_a_usage_that_cannot_be_read_is_charged_what_was_held_and_says_so(usage):
    body = {"model": "gpt-4o", **ASKED}

    found = charged(CHAT, body, {"choices": [{"message": {"content": "Hi"}}], "usage": usage})

    assert (found.amount, found.estimated) == (None, True)
    assert [notice.kind for notice in found.notices] == ["unreadable"]
    assert "what is held is charged" in found.notices[0].text


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "rot13"])
def test_an_answer_in_an_encoding_that_cannot_be_read_is_charged_what_was_held(
    monkeypatch, encoding
):
    for package in ("brotli", "brotlicffi", "zstandard", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, package, None)

    found = charged(
        CHAT, {"model": "gpt-4o", **ASKED}, b"\x8b", headers={**JSON, "content-encoding": encoding}
    )

    assert (found.amount, found.estimated) == (None, True)
    assert [notice.kind for notice in found.notices] == ["unreadable"]
    assert encoding not in {"br", "zstd"} or "Accept-Encoding: gzip" in found.notices[0].text


def test_the_run_of_an_assistant_is_not_free():
    body = {"assistant_id": "asst_1", "model": "gpt-4o"}

    found = charged(OPENAI + "threads/t_1/runs", body, {"id": "run_1", "status": "queued"})

    assert requested(OPENAI + "threads/t_1/runs", body).hold is None
    assert [notice.kind for notice in found.notices] == ["no-price"]
    assert requested(OPENAI + "threads", {}).free


def test_the_result_of_a_batch_in_a_long_line_is_charged():
    body = {
        "model": "gpt-4o",
        "choices": [{"message": {"content": LONG_TEXT}}],
        "usage": openai(1000, 100),
    }
    line = json.dumps({"response": {"status_code": 200, "body": body}}).encode() + b"\n"

    found = charged(OPENAI + "files/file-1/content", None, line * 3)

    assert found.amount == Decimal("0.00525")  # 1.25 and 5


STREAMS: dict[str, tuple[str, dict[str, Any], dict[str, str], bytes, str]] = {
    "chat": (
        CHAT,
        {"model": "gpt-4o", "stream": True, "stream_options": {"include_usage": True}, **ASKED},
        SSE,
        sse(
            {"model": "gpt-4o", "choices": [{"delta": {"content": "Hi"}}], "usage": None},
            {"choices": [], "usage": openai(1000, 100), "service_tier": "default"},
        )
        + b"data: [DONE]\n\n",
        "0.0035",
    ),
    "responses": (
        RESPONSES,
        {"model": "gpt-4o", "stream": True, "input": "Why?"},
        SSE,
        sse(
            {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress"}},
            {
                "type": "response.output_item.done",
                "output_index": 0,
                "item": {"type": "web_search_call", "id": "ws_1", "status": "completed"},
            },
            {
                "type": "response.completed",
                "response": {
                    "status": "completed",
                    "output": [{"type": "web_search_call", "id": "ws_1"}],
                    "usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
                },
            },
        ),
        "0.0135",
    ),
    "messages": (
        MESSAGES,
        {"model": "claude-sonnet-4-6", "stream": True, **ASKED},
        SSE,
        sse(
            {
                "type": "message_start",
                "message": {"model": "claude-sonnet-4-6", "usage": {"input_tokens": 1000}},
            },
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}},
            {"type": "message_delta", "usage": {"output_tokens": 100}},
        ),
        "0.0045",
    ),
    "gemini": (
        GEMINI + "gemini-2.5-flash:streamGenerateContent?alt=sse",
        {"contents": []},
        SSE,
        sse(
            {"usageMetadata": {"promptTokenCount": 1000}},
            {"usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 100}},
        ),
        "0.00055",
    ),
    "bedrock converse": (
        BEDROCK + "global.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream",
        {"messages": []},
        FRAMES,
        frames(
            {"contentBlockIndex": 0, "delta": {"text": "Hi"}},
            {"metrics": {"latencyMs": 1}, "usage": {"inputTokens": 1000, "outputTokens": 100}},
        ),
        "0.0045",
    ),
    "bedrock invoke": (
        BEDROCK + "anthropic.claude-3-haiku-20240307-v1%3A0/invoke-with-response-stream",
        {"anthropic_version": "bedrock-2023-05-31", **ASKED},
        FRAMES,
        frames(
            *(
                {"bytes": base64.b64encode(json.dumps(event).encode()).decode()}
                for event in (
                    {"type": "message_start", "message": {"usage": {"input_tokens": 1000}}},
                    {"type": "message_delta", "usage": {"output_tokens": 100}},
                )
            )
        ),
        "0.000375",
    ),
}


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_costs_what_the_price_list_says(name):
    url, body, headers, stream, right = STREAMS[name]

    found = charged(url, body, stream, headers=headers)

    assert found.amount == Decimal(right)
    assert not found.notices


@pytest.mark.parametrize("name", STREAMS)
def test_a_stream_that_is_cut_costs_no_more_than_was_held_and_is_not_free(name):
    url, body, headers, stream, _ = STREAMS[name]
    asked = requested(url, body)

    found = charged(url, body, stream[: len(stream) // 3], headers=headers, complete=False)

    assert found.amount is None or 0 < found.amount <= asked.hold
    assert found.estimated


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("status", [400, 429, 500, 503, 529])
def test_what_a_vendor_refuses_or_fails_to_do_costs_nothing(name, status):
    url, body, _, _ = PLAIN[name]

    assert charged(url, body, {"error": {"message": "no"}}, status=status).amount == 0


def test_a_failure_that_says_what_it_used_costs_that():
    body = {"model": "gpt-4o", **ASKED}

    found = charged(CHAT, body, {"error": "late", "usage": openai(1000, 0)}, status=500)

    assert found.amount == Decimal("0.0025")


@pytest.mark.parametrize(
    "event",
    [
        {"candidates": [{"content": {"parts": [{"functionCall": {"args": {"q": "x" * 400}}}]}}]},
        {"an": "unknown form", "answer": "x" * 400},
    ],
)
def test_a_cut_stream_is_charged_for_what_a_model_has_written_in_any_form(event):
    url = GEMINI + "gemini-2.0-flash:streamGenerateContent"
    body = {"contents": [], "generationConfig": {"maxOutputTokens": 4000}}

    found = charged(url, body, sse(event), headers=SSE, complete=False)

    assert found.amount >= 400 * Decimal("0.0000004")  # 0.4


def test_a_stream_without_usage_is_charged_a_bound_and_says_what_to_set():
    body = {"model": "gpt-4o", "stream": True, **ASKED}
    stream = sse({"choices": [{"delta": {"content": "x" * 40}}]}) + b"data: [DONE]\n\n"

    found = charged(CHAT, body, stream, headers=SSE)

    assert [notice.kind for notice in found.notices] == ["stream-without-usage"]
    assert '"stream_options": {"include_usage": true}' in found.notices[0].text
    asked = requested(CHAT, body)
    assert found.amount == asked.fixed - asked.padding + 40 * Decimal("0.00001")
    true = Decimal("0.0001") + Decimal(len(json.dumps(ASKED))) // 4 * Decimal("0.0000025")
    assert found.amount <= 6 * true


def test_hidden_reasoning_of_a_stream_is_bounded_by_the_time_that_it_took():
    body = {"model": "gpt-5", "stream": True, "messages": ASKED["messages"]}
    costs = LlmCosts(BOOK)
    asked = requested(CHAT, body, costs)
    answer = Answer(200, {}, 1, 1, complete=True, text_bytes=40)

    timed = costs.charge(asked, answer._replace(elapsed_s=2.0))
    untimed = costs.charge(asked, answer)

    assert untimed.amount is None
    assert timed.amount == asked.fixed - asked.padding + 2041 * Decimal("0.00001")
    assert timed.amount < asked.hold / 50


def test_a_model_without_a_price_says_so_and_is_not_free():
    asked = requested(CHAT, {"model": "gpt-99", **ASKED})
    found = charged(CHAT, {"model": "gpt-99", **ASKED}, {"usage": openai(10, 10)})

    assert asked.hold is None
    assert asked.unpriced is not None
    assert asked.name == "gpt-99 at api.openai.com"
    assert found.amount is None
    assert [(one.kind, one.name) for one in found.notices] == [("no-price", asked.name)]


@pytest.mark.parametrize("path", ["videos", "images/somethings", "realtime/sessions", "batches"])
def test_what_is_not_known_at_a_vendor_of_models_has_no_price(path):
    asked = requested(OPENAI + path, {"model": "gpt-4o"})

    assert (asked.hold, asked.free) == (None, False)


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (OPENAI + "images/generations", {"model": "dall-e-9", "prompt": "a cat"}),
        (OPENAI + "videos", {"model": "sora-9", "prompt": "a cat"}),
        (OPENAI + "videos", {"model": "gpt-4o", "prompt": "a cat"}),
        (GEMINI + "imagen-9.0-generate-001:predict", {"instances": [{}]}),
        (GEMINI + "veo-9.0-generate-001:predictLongRunning", {"instances": [{}]}),
        (GEMINI + "gemini-2.5-pro:predict", {"instances": [{}]}),
        (BEDROCK + "stability.stable-image-ultra-v1%3A1/invoke", {"prompt": "a cat"}),
        ("https://api.cohere.com/v2/rerank", {"model": "rerank-v9", "documents": ["a"]}),
        ("https://api.voyageai.com/v1/rerank", {"model": "rerank-9", "documents": ["a"]}),
        ("https://api.perplexity.ai/search", {"query": "Why?"}),
    ],
)
def test_what_the_list_does_not_know_has_no_price_and_is_not_free(url, body):
    asked = requested(url, body)
    found = charged(url, body, {"data": []})

    assert asked.hold is None
    assert asked.unpriced is not None
    assert found.amount is None
    assert [notice.kind for notice in found.notices] == ["no-price"]


@pytest.mark.parametrize(
    "url",
    [
        OPENAI + "moderations",
        OPENAI + "files",
        MESSAGES + "/count_tokens",
        GEMINI + "gemini-2.5-pro:countTokens",
        OPENAI + "responses/resp_1/cancel",
    ],
)
def test_what_costs_nothing_is_known_to(url):
    asked = requested(url, {"model": "gpt-4o"})

    assert (asked.hold, asked.free) == (0, True)
    assert charged(url, {"model": "gpt-4o"}, {"input_tokens": 7}).amount == 0


def test_a_unit_without_a_price_is_charged_what_was_held_and_says_so():
    usage = openai(1000, 100, completion_tokens_details={"audio_tokens": 90})
    found = charged(CHAT, {"model": "gpt-4o", **ASKED}, {"usage": usage})

    assert found.amount == requested(CHAT, {"model": "gpt-4o", **ASKED}).hold
    assert [notice.kind for notice in found.notices] == ["part-without-price"]
    assert "audio_output" in found.notices[0].text


def test_the_model_behind_a_deployment_is_learnt_from_its_first_answer():
    learnt: dict[str, str] = {}
    costs = LlmCosts(BOOK, learnt=learnt)
    url = AZURE + "TEST/chat/completions"

    first = requested(url, ASKED, costs)
    found = charged(url, ASKED, {"model": "gpt-4o-2024-08-06", "usage": openai(9, 9)}, costs=costs)
    second = requested(url, ASKED, LlmCosts(BOOK, learnt=learnt))

    assert first.hold is None
    assert found.amount == Decimal("0.0001125")
    assert (second.family, second.price.model) == ("gpt-4o", "gpt-4o")
    assert second.hold > 0


def test_a_batch_is_held_as_the_sum_of_its_calls_and_charged_what_its_results_say():
    costs, lease = LlmCosts(BOOK), Guard().reserve("global", 0)
    calls = [{"custom_id": str(i), "params": {"model": "claude-sonnet-4-6", **ASKED}} for i in "ab"]
    one = requested(MESSAGES, {"model": "claude-sonnet-4-6", **ASKED})
    made = {"id": "msgbatch_1", "processing_status": "in_progress"}
    asked, answer = asked_and_answered(MESSAGES + "/batches", {"requests": calls}, made, costs)

    assert asked.tier == "batch"
    assert 0 < asked.hold < one.hold  # two at half the price, less what is around a call
    assert costs.postpone(asked, answer, lease)

    message = {"model": "claude-sonnet-4-6", "usage": {"input_tokens": 1000, "output_tokens": 100}}
    line = json.dumps({"result": {"type": "succeeded", "message": message}}).encode() + b"\n"
    url = MESSAGES + "/batches/msgbatch_1/results"
    results = answered(requested(url, None, costs), line * 2)
    assert costs.postponed(requested(url, None, costs), results) is lease
    assert costs.charge(requested(url, None, costs), results).amount == Decimal("0.0045")
    assert charged(url, None, line * 2, costs=costs).amount == 0


def test_results_of_a_batch_that_was_made_elsewhere_are_charged_once():
    costs = LlmCosts(BOOK)
    message = {"model": "claude-sonnet-4-6", "usage": {"input_tokens": 1000, "output_tokens": 100}}
    line = json.dumps({"result": {"type": "succeeded", "message": message}}).encode() + b"\n"
    url = MESSAGES + "/batches/msgbatch_1/results"

    assert charged(url, None, line * 2, costs=costs).amount == Decimal("0.0045")  # 1.5 and 7.5
    assert charged(url, None, line * 2, costs=costs).amount == 0


def test_results_of_a_batch_file_of_openai_are_charged_once():
    body = {"model": "gpt-4o", "usage": openai(1000, 100)}
    line = json.dumps({"response": {"status_code": 200, "body": body}}).encode() + b"\n"

    found = charged(OPENAI + "files/file-1/content", None, line * 3)

    assert found.amount == Decimal("0.00525")  # 1.25 and 5


def test_results_of_a_batch_of_gemini_are_charged_once():
    costs = LlmCosts(BOOK)
    usage = {"promptTokenCount": 1000, "candidatesTokenCount": 100}
    one = {"response": {"modelVersion": "gemini-2.5-flash", "usageMetadata": usage}}
    done = {"done": True, "response": {"inlinedResponses": {"inlinedResponses": [one, one]}}}
    url = GEMINI.removesuffix("models/") + "batches/abc"
    body = json.dumps(done, indent=2).encode()

    assert charged(url, None, body, costs=costs).amount == Decimal("0.00055")  # 0.15 and 1.25
    assert charged(url, None, body, costs=costs).amount == 0


def test_an_answer_in_the_background_is_held_until_it_is_read_and_then_charged_what_it_cost():
    costs, lease = LlmCosts(BOOK), Guard().reserve("global", 0)
    body = {"model": "gpt-4o", "background": True, "input": "Why?", "max_output_tokens": 100}
    queued, working = ({"id": "resp_1", "status": one} for one in ("queued", "in_progress"))
    usage = {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    done = {"id": "resp_1", "status": "completed", "model": "gpt-4o", "usage": usage}
    url = RESPONSES + "/resp_1"

    asked, answer = asked_and_answered(RESPONSES, body, queued, costs)
    assert costs.postpone(asked, answer, lease)
    asked, answer = asked_and_answered(url, None, working, costs)
    assert costs.postponed(asked, answer) is None
    assert costs.charge(asked, answer).amount == 0
    asked, answer = asked_and_answered(url, None, done, costs)
    assert costs.postponed(asked, answer) is lease
    assert costs.charge(asked, answer).amount == Decimal("0.0035")

    assert charged(url, None, done, costs=costs).amount == 0  # once
    assert charged(url, None, done).amount == 0  # counted where it was asked for


def asked_and_answered(url, body, answer, costs):
    asked = requested(url, body, costs)
    return asked, answered(asked, answer)


def test_a_compressed_request_is_priced_like_a_plain_one():
    body = json.dumps({"model": "gpt-4o", **ASKED}).encode()
    plain = requested(CHAT, body)

    assert requested(CHAT, gzip.compress(body), headers=[("Content-Encoding", "gzip")]).hold == (
        plain.hold
    )
    unread = requested(CHAT, b"(\xb5/\xfd", headers=[("Content-Encoding", "rot13")])
    assert unread.hold is None
    assert "rot13" in unread.unpriced


def block(kind):
    data = base64.b64encode(b"\x89PNG" * 400).decode()
    return {
        "openai": {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
        "responses": {"type": "input_image", "image_url": f"data:image/png;base64,{data}"},
        "anthropic": {"type": "image", "source": {"type": "base64", "data": data}},
        "gemini": {"inlineData": {"mimeType": "image/png", "data": data}},
        "bedrock": {"image": {"format": "png", "source": {"bytes": data}}},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "url", "model", "tokens"),
    [
        ("openai", CHAT, "gpt-4o", 1_445),
        ("responses", RESPONSES, "gpt-4o", 1_445),
        ("anthropic", MESSAGES, "claude-opus-4-5", 4_784),
        ("bedrock", BEDROCK + "anthropic.claude-opus-4-5-20251101-v1%3A0/converse", None, 4_784),
    ],
)
def test_a_picture_in_the_body_is_held_as_a_picture(kind, url, model, tokens):
    def asked(*blocks):
        said = [{"role": "user", "content": list(blocks)}]
        body = {"max_tokens": 10, "messages": said, "input": said}
        return requested(url, body if model is None else {"model": model, **body})

    none, one = asked(), asked(block(kind))
    blocks = 2 * len(json.dumps(block(kind)))  # its braces and names count as text

    more = one.fixed - none.fixed
    assert more >= 2 * tokens * one.price.rates.input / 10**6
    assert more <= (2 * tokens + blocks) * one.price.rates.input / 10**6
    assert not one.call.prompt.refers


@pytest.mark.parametrize("word", ["source", "image", "document", "video", "file_id", "web_search"])
def test_words_in_a_schema_or_in_what_a_tool_said_mean_nothing(word):
    schema = {"type": "object", "properties": {word: {"type": "string"}, "type": {"const": word}}}
    tool = {"type": "function", "function": {"name": word, "parameters": schema}}
    call = {"function": {"name": word, "arguments": json.dumps({"type": word, word: "x"})}}
    said = [
        {"role": "assistant", "tool_calls": [call], "content": None},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "name": word, "input": {"type": word}}],
        },
        {"role": "tool", "content": json.dumps({"type": word, word: "https://x.test"})},
    ]
    asked = requested(
        CHAT, {"model": "gpt-4.1", "max_tokens": 9, "tools": [tool], "messages": said}
    )

    assert not asked.call.prompt.refers
    assert asked.hold < Decimal("0.01")


def test_the_cheapest_remedy_is_named_with_its_figure():
    asked = requested(CHAT, {"model": "gpt-5", "messages": []})

    fits = asked.output_that_fits(Decimal(1))

    assert asked.output_field == "max_completion_tokens"
    assert asked.fixed + fits * asked.per_output_token <= 1
    assert asked.fixed + (fits + 1) * asked.per_output_token > 1
    assert asked.output_that_fits(asked.fixed / 2) is None
    limited = requested(CHAT, {"model": "gpt-5", "messages": [], "max_completion_tokens": fits})
    assert limited.hold <= Decimal("1.0001")


def turn(size, at):
    words = "the quick brown fox jumps over the lazy dog "
    return {"role": "user" if at % 2 == 0 else "assistant", "content": (words * size)[: size * 8]}


def session(costs, clock, *, turns=20, cached=True, name=""):
    """Yield what is held and the cost of a coding agent of 115 to 200 kB, four bytes a token."""
    system = [{"type": "text", "text": "s" * 100_000, "cache_control": {"type": "ephemeral"}}]
    said = [turn(1875, 0), {"role": "assistant", "content": name}]
    before = 0
    for at in range(turns):
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 32_000,
            "system": system,
            "messages": said,
        }
        tokens = len(json.dumps(body)) // 4
        asked = requested(MESSAGES, body, costs)
        read = before if cached else 0
        usage = {
            "input_tokens": 3,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": tokens - read,
            "output_tokens": 400 + 150 * (at % 5),
        }
        found = charged(MESSAGES, body, {"usage": usage}, costs=costs)
        yield asked.hold, found.amount
        before = tokens
        said = [*said, turn(150, at + 1), turn(400, at)]
        clock.advance(20)


def test_a_coding_agents_turns_are_held_near_their_costs_and_never_below():
    clock = FakeClock()
    found = list(session(LlmCosts(BOOK, clock=clock), clock))

    assert all(held >= cost for held, cost in found)
    assert sum(held for held, _ in found) <= 5 * sum(cost for _, cost in found)
    assert all(held <= 5 * cost for held, cost in found[1:])


def test_four_coding_agents_side_by_side_fit_into_five_dollars():
    clock = FakeClock()
    costs = LlmCosts(BOOK, clock=clock)
    spent = Decimal(0)
    for turns in zip(*(session(costs, clock, name=name) for name in "abcd"), strict=True):
        assert spent + sum(held for held, _ in turns) <= 5
        spent += sum(cost for _, cost in turns)

    assert spent > 2


def test_a_request_that_does_not_ask_for_the_cache_is_not_held_at_its_price():
    clock = FakeClock()
    costs = LlmCosts(BOOK, clock=clock)
    text = {"type": "text", "text": "s" * 100_000}
    said = [{"role": "user", "content": "Why?"}]
    body = {"model": "claude-sonnet-4-6", "max_tokens": 100, "messages": said}
    asks = {**body, "system": [{**text, "cache_control": {"type": "ephemeral"}}]}
    usage = {"input_tokens": 3, "cache_creation_input_tokens": 25_000, "output_tokens": 1}
    charged(MESSAGES, asks, {"usage": usage}, costs=costs)

    cached = requested(MESSAGES, asks, costs)
    plain = requested(MESSAGES, {**body, "system": [text]}, costs)

    assert cached.hold < Decimal("0.02")
    assert plain.hold > Decimal("0.075")  # 25,000 tokens of 3 a million


def test_without_sessions_each_turn_is_held_at_its_worst_case():
    clock = FakeClock()
    found = list(session(LlmCosts(BOOK, clock=clock, sessions=False), clock))

    assert all(held > Decimal("0.48") for held, _ in found)  # 32,000 tokens of output


def test_a_cache_that_is_over_is_not_counted_on():
    clock = FakeClock()
    costs = LlmCosts(BOOK, clock=clock)
    list(session(costs, clock, turns=2))
    clock.advance(301)

    (held, cost), *_ = list(session(costs, clock, turns=1, cached=False))

    assert held >= cost


def test_an_agent_of_fifty_turns_fits_into_a_dollar():
    costs = LlmCosts(BOOK)
    picture = block("openai")
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"source": {}}}}]
    room, spent = Decimal(1), Decimal(0)
    for at in range(50):
        text = "word " * (4_000 + 30 * at)
        said = [
            {"role": "system", "content": "You look at pictures."},
            {"role": "user", "content": [{"type": "text", "text": text}, picture]},
        ]
        body = {"model": "gpt-4o", "max_tokens": 1024, "tools": tools, "messages": said}
        asked = requested(CHAT, body, costs)
        assert asked.hold <= room - spent
        answer = {"usage": openai(4_000 + 30 * at + 800, 200)}
        spent += charged(CHAT, body, answer, costs=costs).amount

    assert Decimal("0.60") < spent < Decimal("0.80")


def test_a_large_body_is_read_without_its_data():
    data = "A" * 4_000_000
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    body = {
        "model": "gpt-4o",
        "max_tokens": 9,
        "messages": [{"role": "user", "content": [picture]}],
    }

    asked = requested(CHAT, body)

    assert asked.call.body.size > 4_000_000
    assert asked.call.prompt.pictures == 1
    assert asked.hold < Decimal("0.01")


WORDS = """
model messages content role type text image image_url source data url tools input system usage
prompt_tokens completion_tokens prompt_tokens_details cached_tokens max_tokens stream id n
stream_options service_tier generationConfig contents parts inlineData mimeType requests
params request batch input_config output item response message candidates cost is_byok
cost_details cache_control ttl thinking background status usageMetadata billed_units meta
groundingMetadata webSearchQueries promptTokensDetails modality tokenCount seconds
"""
NAMES = st.sampled_from(WORDS.split())
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["gpt-4o", "claude-sonnet-4-6", "image", "flex", "1h", "data:,", "https://x.y"]
    ),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5)
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
URLS = st.sampled_from(
    sorted({url for url, _, _, _ in PLAIN.values()} | {OPENAI + "x", MESSAGES + "/batches"})
)


@example(url=MESSAGES, body={}, answer={"type": []}, streamed=False)
@given(url=URLS, body=OBJECTS, answer=OBJECTS, streamed=st.booleans())
def test_no_request_and_no_answer_is_too_odd_to_be_read(url, body, answer, streamed):
    data = sse(answer) if streamed else json.dumps(answer).encode()

    found = charged(url, body, data, headers=SSE if streamed else JSON)

    assert found.amount is None or found.amount >= 0


@given(
    text=st.text(max_size=200),
    kinds=st.lists(st.sampled_from(["openai", "anthropic", "gemini", "bedrock"]), max_size=3),
    limit=st.integers(0, 4000),
    cached=st.floats(0, 1),
    tier=st.sampled_from(["default", "flex", "priority"]),
    model=st.sampled_from(["gpt-4o", "gpt-5", "o3", "claude-opus-4-5", "grok-4", "gpt-6-luna"]),
)
def test_nothing_that_a_prompt_of_so_many_bytes_can_use_costs_more_than_is_held(
    text, kinds, limit, cached, tier, model
):
    said = [{"type": "text", "text": text}, *map(block, kinds)]
    body = {"model": model, "max_tokens": limit, "service_tier": tier}
    asked = requested(CHAT, {**body, "messages": [{"role": "user", "content": said}]})
    read = len(text.encode("utf-8", "replace")) + 900 + len(kinds) * asked.price.picture_tokens
    share = int(read * cached)

    used = LlmUsage(input=read - share, cached=share, output=limit // 2, reasoning=limit // 2)

    assert asked.price.cost(used, asked.tier).amount <= asked.hold
