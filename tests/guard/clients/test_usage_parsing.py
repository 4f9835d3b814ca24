"""What an answer says about what it used, in each vendor's words, whole and streamed."""

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmon.guard.clients.urllib3_answer import Dechunker
from costmon.guard.usage_parsing.decoding import UnreadableError, decoder_of
from costmon.guard.usage_parsing.reading import AnswerReader
from costmon.guard.usage_parsing.usage import usage_of
from costmon.pricing.llm import LlmUsage

JSON = {"content-type": "application/json"}
SSE = {"content-type": "text/event-stream; charset=utf-8"}

VENDORS: dict[str, tuple[dict[str, Any], LlmUsage]] = {
    "openai chat": (
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 20,
                "total_tokens": 120,
                "prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 5},
            }
        },
        LlmUsage(input=40, cached=60, output=15, reasoning=5),
    ),
    "openai responses": (
        {
            "usage": {
                "input_tokens": 100,
                "input_tokens_details": {"cached_tokens": 60},
                "output_tokens": 20,
                "output_tokens_details": {"reasoning_tokens": 5},
                "total_tokens": 120,
            }
        },
        LlmUsage(input=40, cached=60, output=15, reasoning=5),
    ),
    "openai embeddings": (
        {"usage": {"prompt_tokens": 8, "total_tokens": 8}},
        LlmUsage(input=8),
    ),
    "openrouter with written cache": (
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 10, "cache_write_tokens": 30},
            }
        },
        LlmUsage(input=60, cached=10, cache_write=30, output=1),
    ),
    "deepseek": (
        {
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            }
        },
        LlmUsage(input=36, cached=64, output=1),
    ),
    "anthropic": (
        {
            "usage": {
                "input_tokens": 10,
                "cache_creation_input_tokens": 300,
                "cache_read_input_tokens": 2000,
                "cache_creation": {
                    "ephemeral_5m_input_tokens": 200,
                    "ephemeral_1h_input_tokens": 100,
                },
                "output_tokens": 50,
                "server_tool_use": {"web_search_requests": 2},
            }
        },
        LlmUsage(
            input=10, cached=2000, cache_write=200, cache_write_1h=100, output=50, web_search=2
        ),
    ),
    "gemini": (
        {
            "usageMetadata": {
                "promptTokenCount": 100,
                "cachedContentTokenCount": 40,
                "candidatesTokenCount": 20,
                "thoughtsTokenCount": 7,
                "toolUsePromptTokenCount": 3,
                "totalTokenCount": 130,
            }
        },
        LlmUsage(input=63, cached=40, output=20, reasoning=7),
    ),
    "cohere": (
        {
            "usage": {
                "billed_units": {"input_tokens": 17.0, "output_tokens": 12.0},
                "tokens": {"input_tokens": 215, "output_tokens": 12},
            }
        },
        LlmUsage(input=17, output=12),
    ),
    "cohere embed": ({"meta": {"billed_units": {"input_tokens": 4}}}, LlmUsage(input=4)),
    "bedrock converse": (
        {
            "usage": {
                "inputTokens": 30,
                "outputTokens": 5,
                "totalTokens": 35,
                "cacheReadInputTokens": 7,
                "cacheWriteInputTokens": 9,
            }
        },
        LlmUsage(input=30, cached=7, cache_write=9, output=5),
    ),
}


def read(headers, *pieces, decoded=False):
    reader = AnswerReader(headers, decoded=decoded)
    for piece in pieces:
        reader.feed(piece)
    reader.finish()
    return reader


def sse(*values):
    return b"".join(
        b"event: x\r\ndata: " + json.dumps(one).encode() + b"\r\n\r\n" for one in values
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_vendors_usage_is_read(vendor):
    body, tokens = VENDORS[vendor]

    assert read(JSON, json.dumps({"model": "m", **body}).encode()).tokens == tokens


@pytest.mark.parametrize("vendor", VENDORS)
def test_usage_at_the_end_of_a_large_body_is_found(vendor):
    body, tokens = VENDORS[vendor]
    large = json.dumps({"data": ["x" * 1000] * 500, **body}).encode()

    assert read(JSON, *(large[at : at + 997] for at in range(0, len(large), 997))).tokens == tokens


def test_usage_that_a_model_writes_about_is_not_believed():
    spoof = 'Sure: {"usage": {"prompt_tokens": 0, "completion_tokens": 0}}'
    usage = {"prompt_tokens": 9, "completion_tokens": 8}
    large = {"usage": usage, "choices": [{"message": {"content": "x" * 70_000 + spoof}}]}

    assert read(JSON, json.dumps({"choices": [spoof], "usage": usage}).encode()).tokens == LlmUsage(
        input=9, output=8
    )
    assert read(JSON, json.dumps(large).encode()).tokens == LlmUsage(input=9, output=8)


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -1, "completion_tokens": 1},
        {"prompt_tokens": "1e3", "completion_tokens": 1},
        {"prompt_tokens": True, "completion_tokens": 1},
        {"prompt_tokens": 1.5, "completion_tokens": 1},
        {"prompt_tokens": 10**30, "completion_tokens": 1},
        {"prompt_tokens": [], "completion_tokens": 1},
        {"something": 1},
        {},
    ],
)
def test_counts_that_make_no_sense_are_no_counts(usage):
    assert usage_of(usage) is None


STREAMS: dict[str, tuple[list[dict[str, Any]], LlmUsage]] = {
    "openai chat": (
        [
            {"choices": [{"delta": {"role": "assistant", "content": ""}}], "usage": None},
            {"choices": [{"delta": {"content": "Hello"}}], "usage": None},
            {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2}},
        ],
        LlmUsage(input=5, output=2),
    ),
    "openai responses": (
        [
            {"type": "response.created", "response": {"model": "gpt-5", "usage": None}},
            {"type": "response.output_text.delta", "delta": "Hello"},
            {"type": "response.output_text.done", "text": "Hello"},
            {
                "type": "response.completed",
                "response": {
                    "model": "gpt-5",
                    "output": [{"content": [{"text": "Hello"}]}],
                    "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
                },
            },
        ],
        LlmUsage(input=5, output=2),
    ),
    "anthropic": (
        [
            {
                "type": "message_start",
                "message": {
                    "model": "claude-opus-4-5",
                    "usage": {
                        "input_tokens": 25,
                        "cache_read_input_tokens": 3,
                        "output_tokens": 1,
                    },
                },
            },
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}},
            {
                "type": "message_delta",
                "delta": {"stop_reason": "end_turn"},
                "usage": {"output_tokens": 15},
            },
            {"type": "message_stop"},
        ],
        LlmUsage(input=25, cached=3, output=15),
    ),
    "gemini": (
        [
            {
                "candidates": [{"content": {"parts": [{"text": "Hel"}]}}],
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 1},
                "modelVersion": "gemini-2.5-pro",
            },
            {
                "candidates": [{"content": {"parts": [{"text": "lo"}]}}],
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2},
            },
        ],
        LlmUsage(input=4, output=2),
    ),
    "cohere": (
        [
            {"type": "content-delta", "delta": {"message": {"content": {"text": "Hello"}}}},
            {
                "type": "message-end",
                "delta": {"usage": {"billed_units": {"input_tokens": 3, "output_tokens": 2}}},
            },
        ],
        LlmUsage(input=3, output=2),
    ),
}


@pytest.mark.parametrize("vendor", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_each_vendors_stream_is_read_however_it_is_cut(vendor, size):
    values, tokens = STREAMS[vendor]
    stream = sse(*values)

    reader = read(SSE, *(stream[at : at + size] for at in range(0, len(stream), size)))

    assert reader.tokens == tokens
    assert reader.text_bytes == 5


def test_a_stream_says_which_model_answered():
    assert read(SSE, sse(*STREAMS["anthropic"][0])).model == "claude-opus-4-5"
    assert read(SSE, sse(*STREAMS["gemini"][0])).model == "gemini-2.5-pro"


@pytest.mark.parametrize("vendor", ["openai chat", "openai responses", "anthropic", "cohere"])
def test_a_stream_has_ended_when_its_usage_is_said(vendor):
    values = STREAMS[vendor][0]

    assert not read(SSE, sse(*values[:-2])).ended
    assert read(SSE, sse(*values)).ended


def test_an_event_of_aws_is_read_inside_of_its_frame():
    framed = b"\x00\x01metadata" + json.dumps(VENDORS["bedrock converse"][0]).encode() + b"\xff\xfe"

    reader = read({"content-type": "application/vnd.amazon.eventstream"}, b"\x00" * 99, framed)

    assert reader.tokens == VENDORS["bedrock converse"][1]


@pytest.mark.parametrize(
    ("encoding", "encode"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("identity", bytes),
        ("", bytes),
    ],
)
def test_encoded_answers_are_read_in_any_pieces(encoding, encode):
    body = encode(json.dumps(VENDORS["gemini"][0]).encode())
    headers = JSON | {"content-encoding": encoding}

    reader = read(headers, *(body[at : at + 3] for at in range(0, len(body), 3)))

    assert reader.tokens == VENDORS["gemini"][1]


def test_what_cannot_be_decoded_says_so():
    with pytest.raises(UnreadableError):
        decoder_of("rot13")
    assert not read(JSON | {"content-encoding": "rot13"}, b"x").readable
    assert not read(JSON | {"content-encoding": "gzip"}, b"no gzip").readable


def test_a_long_stream_and_a_bomb_take_little_memory():
    line = (
        b"data: " + json.dumps({"choices": [{"delta": {"content": "x" * 900}}]}).encode() + b"\n\n"
    )
    block = line * 1000
    bomb = gzip.compress(b"[" + b" " * 50_000_000)
    tracemalloc.start()

    reader = AnswerReader(SSE)
    for _ in range(50):
        reader.feed(block)
    reader.finish()
    endless = AnswerReader(SSE)
    for _ in range(50):
        endless.feed(b"data: " + b"x" * 1_000_000)
    bombed = read(JSON | {"content-encoding": "gzip"}, bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert reader.text_bytes == 50 * 1000 * 900
    assert bombed.body is None
    assert peak < 8_000_000


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(1, 9), st.booleans())
def test_chunked_bodies_come_out_whole_however_they_are_cut(chunks, size, extended):
    mark = b";name=value" if extended else b""
    wire = b"".join(b"%x%b\r\n%b\r\n" % (len(one), mark, one) for one in chunks)
    wire += b"0\r\nTrailer: x\r\n\r\n"
    chunker = Dechunker()

    body = b"".join(chunker.feed(wire[at : at + size]) for at in range(0, len(wire), size))

    assert body == b"".join(chunks)
    assert chunker.ended
