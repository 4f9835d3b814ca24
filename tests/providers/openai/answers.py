"""What OpenAI answers, in the form of its specification; the values are ours."""

import datetime as dt
from decimal import Decimal

from costmon.testing import Asked

DAY = 86_400


def unix(text):
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp())


def cost(value, line_item, project_id="proj_web", **fields):
    return {
        "object": "organization.costs.result",
        "amount": {"value": value, "currency": "usd"},
        "line_item": line_item,
        "project_id": project_id,
        "api_key_id": None,
        "quantity": None,
        "quantity_unit": None,
        **fields,
    }


def bucket(day, results):
    start = unix(day)
    return {"object": "bucket", "start_time": start, "end_time": start + DAY, "results": results}


def page(buckets, following=None):
    return {
        "object": "page",
        "data": buckets,
        "has_more": following is not None,
        "next_page": following,
    }


COSTS = page(
    [
        bucket(
            "2026-11-19",
            [
                cost(0.06, "gpt-5.2, input", quantity=48_000, quantity_unit="tokens"),
                cost(1.2345678, "gpt-5.2, output", quantity=120_000, quantity_unit="tokens"),
                cost("2.25", "web search tool calls", "proj_docs"),
            ],
        ),
        bucket("2026-11-20", []),
        bucket("2026-11-21", [cost(0.5, None, None)]),
    ]
)
COSTS_ROWS, COSTS_TOTAL = 4, Decimal("4.0445678")
NO_COSTS = page([bucket("2026-11-19", []), bucket("2026-11-20", []), bucket("2026-11-21", [])])
TWO_PAGES = {
    "/organization/costs": page(COSTS["data"][:1], "page_2"),
    "/organization/costs?page=page_2": page(COSTS["data"][1:]),
}


def history(asked: Asked):
    """Answer any window with 0.01 for its first day, from the first of January 2026 on."""
    start, end = int(asked.query["start_time"]), int(asked.query["end_time"])
    assert int(asked.query["limit"]) <= 180
    days = range(start, end, DAY)
    buckets = [
        bucket_at(day, [cost(0.01, "gpt-5.2, input")] if day == start else []) for day in days
    ]
    return page(buckets[: int(asked.query["limit"])])


def bucket_at(start, results):
    return {"object": "bucket", "start_time": start, "end_time": start + DAY, "results": results}


def used(kind, **fields):
    return {"object": f"organization.usage.{kind}.result", "project_id": None, **fields}


COMPLETIONS = page(
    [
        bucket(
            "2026-11-19",
            [
                used(
                    "completions",
                    model="gpt-5.2",
                    input_tokens=1_000,
                    input_cached_tokens=400,
                    output_tokens=500,
                    num_model_requests=7,
                ),
                used(
                    "completions",
                    model="gpt-5.2-codex",
                    input_tokens=300,
                    input_cached_tokens=0,
                    output_tokens=200,
                    num_model_requests=3,
                ),
            ],
        ),
        bucket(
            "2026-11-20",
            [
                used(
                    "completions",
                    model="gpt-5.2",
                    input_tokens=50,
                    input_cached_tokens=10,
                    output_tokens=5,
                    num_model_requests=1,
                )
            ],
        ),
    ]
)
OTHERS = {
    "embeddings": used(
        "embeddings", model="text-embedding-3-small", input_tokens=900, num_model_requests=9
    ),
    "images": used("images", model="gpt-image-2", images=2, num_model_requests=2),
    "audio_speeches": used("audio_speeches", characters=45, num_model_requests=1),
    "audio_transcriptions": used("audio_transcriptions", seconds=20, num_model_requests=1),
    "web_search_calls": used("web_search_calls", num_requests=4, num_model_requests=4),
    "file_search_calls": used("file_search_calls", num_requests=3),
    "code_interpreter_sessions": used("code_interpreter_sessions", num_sessions=1),
}
USAGE = {
    "/organization/usage/completions": COMPLETIONS,
    **{
        f"/organization/usage/{kind}": page([bucket("2026-11-20", [row])])
        for kind, row in OTHERS.items()
    },
}
NO_USAGE = {path: page([bucket("2026-11-20", [])]) for path in USAGE}
USED = {
    "input_tokens": 1_350,
    "input_tokens:gpt-5.2": 1_050,
    "input_tokens:gpt-5.2-codex": 300,
    "cached_input_tokens": 410,
    "cached_input_tokens:gpt-5.2": 410,
    "cached_input_tokens:gpt-5.2-codex": 0,
    "output_tokens": 705,
    "output_tokens:gpt-5.2": 505,
    "output_tokens:gpt-5.2-codex": 200,
    "model_requests": 11,
    "model_requests:gpt-5.2": 8,
    "model_requests:gpt-5.2-codex": 3,
    "embedding_tokens": 900,
    "embedding_tokens:text-embedding-3-small": 900,
    "embedding_requests": 9,
    "embedding_requests:text-embedding-3-small": 9,
    "images": 2,
    "images:gpt-image-2": 2,
    "speech_characters": 45,
    "transcription_seconds": 20,
    "web_searches": 4,
    "file_searches": 3,
    "code_interpreter_sessions": 1,
}
