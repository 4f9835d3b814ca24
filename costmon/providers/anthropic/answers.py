"""The answers of both generations of Anthropic's usage and cost API, as far as they are read.

Amounts are texts, in cents with decimals.
"""

import datetime as dt
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from costmon.providers.reading import EXACT

Moment = Annotated[dt.datetime, Meta(tz=True)]
Count = Annotated[int, Meta(ge=0)]
Cents = Annotated[str, Meta(pattern=r"^-?[0-9]{1,12}(\.[0-9]{1,50})?([eE][-+]?[0-9])?$")]
Currency = Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]


def dollars(cents: str) -> Decimal:
    """Return the amount in major units, with every digit."""
    return Decimal(cents).scaleb(-2, EXACT)


class Period(Struct, kw_only=True):
    """What an answer says of a time: one UTC day, or the part of it so far."""

    starting_at: Moment
    ending_at: Moment


class CacheCreation(Struct):
    """Tokens written to the cache, by how long they stay there."""

    ephemeral_1h_input_tokens: Count | None = None
    ephemeral_5m_input_tokens: Count | None = None


class ServerTools(Struct):
    """Calls of tools that Anthropic runs."""

    web_search_requests: Count | None = None


class Tokens(Struct):
    """What was used; rows may lack the cache fields."""

    uncached_input_tokens: Count
    output_tokens: Count
    cache_creation: CacheCreation | None = None
    cache_read_input_tokens: Count | None = None
    server_tool_use: ServerTools | None = None


class Cost(Struct):
    """A row of cost_report; what describes the item is there when grouped by description."""

    amount: Cents
    currency: Currency
    workspace_id: str | None = None
    description: str | None = None
    cost_type: str | None = None
    model: str | None = None
    token_type: str | None = None
    service_tier: str | None = None
    context_window: str | None = None


class CostBucket(Period, kw_only=True):
    """One UTC day."""

    results: list[Cost]


class CostReport(Struct):
    """GET /v1/organizations/cost_report."""

    data: list[CostBucket]
    has_more: bool
    next_page: str | None = None


class ModelTokens(Tokens):
    """A row of usage_report, grouped by model."""

    model: str | None = None


class UsageBucket(Period, kw_only=True):
    """One UTC day, or the part of it so far."""

    results: list[ModelTokens]


class UsageReport(Struct):
    """GET /v1/organizations/usage_report/messages."""

    data: list[UsageBucket]
    has_more: bool
    next_page: str | None = None


class Group(Struct):
    """What a row is about: what was not asked for is null."""

    workspace_id: str | None = None
    cost_type: str | None = None
    model: str | None = None
    token_type: str | None = None
    service_tier: str | None = None


class AnalyticsAmount(Struct):
    """What it costs after discounts and before credits, and by list."""

    amount: Cents
    list_amount: Cents
    currency: Currency


class AnalyticsCost(Period, kw_only=True):
    """One row of one UTC day."""

    group: Group
    cost: AnalyticsAmount


class AnalyticsCosts(Struct):
    """GET /v1/organizations/analytics/cost."""

    data: list[AnalyticsCost]
    has_more: bool
    next_page: str | None = None
    data_refreshed_at: Moment | None = None


class AnalyticsTokens(Tokens):
    """Tokens, and how many requests used them."""

    requests: Count | None = None


class AnalyticsUse(Period, kw_only=True):
    """One row of one UTC day."""

    group: Group
    usage: AnalyticsTokens


class AnalyticsUsage(Struct):
    """GET /v1/organizations/analytics/usage."""

    data: list[AnalyticsUse]
    has_more: bool
    next_page: str | None = None
    data_refreshed_at: Moment | None = None
