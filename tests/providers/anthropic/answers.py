"""What Anthropic answers, both generations; the values are ours."""

import datetime as dt
from decimal import Decimal

from costmon.testing import Asked

DAY = dt.timedelta(days=1)


def moment(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def written(when):
    return f"{when:%Y-%m-%dT%H:%M:%SZ}"


def days(asked: Asked):
    start, end = (moment(asked.query[name].rstrip("Z")) for name in ("starting_at", "ending_at"))
    assert end - start <= 31 * DAY
    while start < end:
        yield start
        start += DAY


def page(data, following=None, **fields):
    return {"data": data, "has_more": following is not None, "next_page": following, **fields}


def bucket(day, results):
    start = moment(day) if isinstance(day, str) else day
    return {
        "starting_at": written(start),
        "ending_at": written(start + DAY),
        "results": results,
    }


def cost(amount, description="Claude Sonnet 4.5 Usage - Input Tokens", **fields):
    return {
        "currency": "USD",
        "amount": amount,
        "workspace_id": None,
        "description": description,
        "cost_type": "tokens",
        "model": "claude-sonnet-4-5",
        "token_type": "uncached_input_tokens",
        "service_tier": "standard",
        "context_window": "0-200k",
        **fields,
    }


SEARCH = {"cost_type": "web_search", "model": None, "token_type": None}
REPORT = page(
    [
        bucket(
            "2026-11-19",
            [
                cost("123.78912"),
                cost("41280.000000", workspace_id="wrkspc_docs"),
                cost("2500", "Web Search Usage", **SEARCH),
            ],
        ),
        bucket("2026-11-20", []),
        bucket("2026-11-21", [cost("0.5", context_window="200k-1M"), cost("0.25")]),
    ]
)
REPORT_ROWS, REPORT_TOTAL = 5, Decimal("439.0453912")
NO_REPORT = page([bucket("2026-11-19", []), bucket("2026-11-20", [])])
REPORT_PAGES = {
    "/v1/organizations/cost_report": page(REPORT["data"][:1], "page_2"),
    "/v1/organizations/cost_report?page=page_2": page(REPORT["data"][1:]),
}


def report_history(asked: Asked):
    """Answer any window with a dollar for its first day."""
    first, *others = days(asked)
    return page([bucket(first, [cost("100.00")]), *(bucket(day, []) for day in others)])


DIMENSIONS = """actor api_key_id context_window cost_type model organization_id product
    rbac_group_id service_tier session_id token_type workspace_id"""
GROUP = dict.fromkeys(DIMENSIONS.split())


def analytics_cost(day, amount, list_amount=None, **group):
    start = moment(day) if isinstance(day, str) else day
    return {
        "starting_at": written(start),
        "ending_at": written(start + DAY),
        "group": {**GROUP, **group},
        "cost": {
            "amount": amount,
            "list_amount": list_amount or amount,
            "currency": "USD",
            "requests": 412,
        },
    }


REFRESHED = "2026-11-21T09:55:00Z"
SONNET = {"model": "claude-sonnet-4-5", "cost_type": "tokens", "service_tier": "standard"}
ANALYTICS = page(
    [
        analytics_cost("2026-11-19", "123.78912", "140.5", token_type="output_tokens", **SONNET),
        analytics_cost("2026-11-19", "41280", token_type="uncached_input_tokens", **SONNET),
        analytics_cost("2026-11-20", "2500.00", cost_type="web_search"),
        analytics_cost("2026-11-21", "0.5", workspace_id="wrkspc_docs", **SONNET),
    ],
    data_refreshed_at=REFRESHED,
)
ANALYTICS_ROWS, ANALYTICS_TOTAL = 4, Decimal("439.0428912")
ANALYTICS_PAGES = {
    "/v1/organizations/analytics/cost": page(ANALYTICS["data"][:2], "page_2"),
    "/v1/organizations/analytics/cost?page=page_2": page(ANALYTICS["data"][2:]),
}


def analytics_history(asked: Asked):
    """Answer a window of 2026 with a dollar for its first day."""
    first = next(days(asked))
    assert first >= moment("2026-01-01")
    return page([analytics_cost(first, "100.00", **SONNET)], data_refreshed_at=REFRESHED)


def tokens(uncached, output, *, written=(0, 0), read=0, searches=0):
    return {
        "uncached_input_tokens": uncached,
        "cache_creation": {
            "ephemeral_1h_input_tokens": written[0],
            "ephemeral_5m_input_tokens": written[1],
        },
        "cache_read_input_tokens": read,
        "output_tokens": output,
        "server_tool_use": {"web_search_requests": searches},
    }


FIRST = tokens(1_500, 500, written=(1_000, 500), read=200, searches=10)
SECOND = tokens(100, 50)
USAGE_REPORT = page(
    [
        bucket("2026-11-19", [{**FIRST, "model": "claude-sonnet-4-5"}]),
        bucket("2026-11-20", [{**SECOND, "model": "claude-opus-4-5"}]),
    ]
)
USED = {
    "uncached_input_tokens": 1_600,
    "uncached_input_tokens:claude-sonnet-4-5": 1_500,
    "uncached_input_tokens:claude-opus-4-5": 100,
    "cache_write_tokens": 1_500,
    "cache_write_tokens:claude-sonnet-4-5": 1_500,
    "cache_write_tokens:claude-opus-4-5": 0,
    "cached_input_tokens": 200,
    "cached_input_tokens:claude-sonnet-4-5": 200,
    "cached_input_tokens:claude-opus-4-5": 0,
    "output_tokens": 550,
    "output_tokens:claude-sonnet-4-5": 500,
    "output_tokens:claude-opus-4-5": 50,
    "web_searches": 10,
    "web_searches:claude-sonnet-4-5": 10,
    "web_searches:claude-opus-4-5": 0,
}
NO_USE = {"uncached_input_tokens": 0, "output_tokens": 0}


def analytics_use(day, usage, requests, model):
    row = analytics_cost(day, "0", model=model)
    del row["cost"]
    return {**row, "usage": {**usage, "total_tokens": 1, "requests": requests}}


ANALYTICS_USAGE = page(
    [
        analytics_use("2026-11-19", FIRST, 7, "claude-sonnet-4-5"),
        analytics_use("2026-11-20", SECOND, 2, "claude-opus-4-5"),
    ],
    data_refreshed_at=REFRESHED,
)
ANALYTICS_USED = {
    **USED,
    "model_requests": 9,
    "model_requests:claude-sonnet-4-5": 7,
    "model_requests:claude-opus-4-5": 2,
}
