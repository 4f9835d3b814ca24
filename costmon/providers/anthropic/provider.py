"""Anthropic, read with a key for analytics or an admin key.

Source: https://platform.claude.com/docs/en/build-with-claude/usage-cost-api, and for analytics
    (beta since 2026-10-29) the vendor's SDK.
Units: costs as texts in cents with decimals, USD; tokens, requests and searches as counts.
Lag: about 5 minutes, sometimes longer; analytics say when their data was refreshed.
Needs: a key with the scope `read:analytics`, or an admin key.

Analytics are asked first. A key that may not read them reads the older reports, which the vendor
still supports. The two describe the same costs in different rows, hence a month is replaced as a
whole: an account that changes from one to the other is not counted twice.
"""

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import partial
from typing import TypeVar

import msgspec

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderError
from costmon.outbound import Outbound
from costmon.providers.anthropic.answers import (
    AnalyticsCost,
    AnalyticsCosts,
    AnalyticsUsage,
    Cost,
    CostBucket,
    CostReport,
    Group,
    Period,
    UsageReport,
    dollars,
)
from costmon.providers.anthropic.generations import REFUSED, SLUG, Generations
from costmon.providers.anthropic.usage import Use, quantities
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.reading import Answers, midnight, months

ANALYTICS_COST = "/v1/organizations/analytics/cost"
ANALYTICS_USAGE = "/v1/organizations/analytics/usage"
COST_REPORT = "/v1/organizations/cost_report"
USAGE_REPORT = "/v1/organizations/usage_report/messages"
BETA = {"anthropic-beta": "analytics-usage-cost-2026-08-24"}

PRIORITY_TIER = Gap(kind="priority_tier", reason="its cost is not in the cost report")

_ANALYTICS_SINCE = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_ANALYTICS_DAYS = dt.timedelta(days=364)
_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(hours=6)
_ROWS = 1000
_DAYS = 31
_SERVICES = {"web_search": "Web search", "code_execution": "Code execution"}

Params = tuple[tuple[str, str | int], ...]
R = TypeVar("R", bound=Period)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The charges of a window in the words of one generation.

    Attributes:
        charges: Its rows.
        refreshed_at: Up to when the vendor says that it has counted; `None` when it does not.
        gaps: What this generation does not have.
    """

    charges: tuple[Charge, ...]
    refreshed_at: dt.datetime | None
    gaps: tuple[Gap, ...]


class Anthropic(Provider):
    """One Anthropic organization."""

    def __init__(self, outbound: Outbound, *, is_admin_key: bool = False) -> None:
        """Read through `outbound`; `is_admin_key` tells what kind of key it sends."""
        self._answers = Answers(SLUG, outbound)
        self._is_admin_key = is_admin_key

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPlanError: The organization has neither analytics nor reports.
            ProviderPermissionError: The key may read neither.
            ProviderError: Anything else; see `costmon.errors`.
        """
        generations = Generations()
        oldest = max(_ANALYTICS_SINCE, midnight(now) - _ANALYTICS_DAYS)
        for start, end in months(now, known_through, _RESTATED):
            analytics = None if start < oldest else partial(self._analytics, account, start, end)
            try:
                found = generations.read(analytics, partial(self._report, account, start, end))
            except ProviderError as error:
                if analytics is None and generations.refusal is None and error.status in REFUSED:
                    return  # A key for analytics may not read what was before them.
                raise
            settled = midnight((found.refreshed_at or now) - _SETTLING)
            yield Poll(SLUG, account, now).window(
                start,
                end,
                found.charges,
                complete_through=min(end, settled, midnight(now)),
                gaps=found.gaps,
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what was used since the month began.

        Raises:
            ProviderPlanError: The organization has neither analytics nor reports.
            ProviderPermissionError: The key may read neither.
            ProviderError: Anything else; see `costmon.errors`.
        """
        span = Span.month(now)
        rows = Generations().read(
            partial(self._analytics_usage, span.start, span.end),
            partial(self._reported_usage, span.start, span.end),
        )
        return Poll(SLUG, account, now).usage(quantities(rows, span))

    def write_access(self) -> tuple[str, ...]:
        """Return a warning for an admin key, since every admin key can write."""
        if not self._is_admin_key:
            return ()
        warning = (
            "it is an admin key, which can manage members, workspaces and keys: if the "
            "organization has analytics, use an API key with the scope read:analytics instead"
        )
        return (warning,)

    def _analytics(self, account: str, start: dt.datetime, end: dt.datetime) -> Found:
        params = (
            *_span(start, end),
            ("time_bucket_width", "1d"),
            ("limit", _ROWS),
            *(("group_by[]", name) for name in Group.__struct_fields__),
        )
        pages = tuple(self._answers.pages(ANALYTICS_COST, AnalyticsCosts, params, headers=BETA))
        rows = ChargeRows(self._answers, ANALYTICS_COST)
        for page in pages:
            for where, row in self._rows(page.data, ANALYTICS_COST, start, end):
                rows.add(_of_analytics(account, row), where)
            rows.turn_page()
        refreshed = [page.data_refreshed_at for page in pages if page.data_refreshed_at]
        return Found(charges=rows.charges, refreshed_at=min(refreshed, default=None), gaps=())

    def _report(self, account: str, start: dt.datetime, end: dt.datetime) -> Found:
        params = (
            *_span(start, end),
            ("bucket_width", "1d"),
            ("limit", _DAYS),
            ("group_by[]", "workspace_id"),
            ("group_by[]", "description"),
        )
        rows = ChargeRows(self._answers, COST_REPORT)
        for page in tuple(self._answers.pages(COST_REPORT, CostReport, params)):
            for where, bucket in self._rows(page.data, COST_REPORT, start, end):
                for position, cost in enumerate(bucket.results):
                    rows.add(_of_report(account, bucket, cost), f"{where}.results[{position}]")
            rows.turn_page()
        return Found(charges=rows.charges, refreshed_at=None, gaps=(PRIORITY_TIER,))

    def _analytics_usage(self, start: dt.datetime, end: dt.datetime) -> tuple[Use, ...]:
        params = (
            *_span(start, end),
            ("time_bucket_width", "1d"),
            ("limit", _ROWS),
            ("group_by[]", "model"),
        )
        pages = tuple(self._answers.pages(ANALYTICS_USAGE, AnalyticsUsage, params, headers=BETA))
        return tuple(
            Use(model=row.group.model, tokens=row.usage, requests=row.usage.requests)
            for page in pages
            for _, row in self._rows(page.data, ANALYTICS_USAGE, start, end)
        )

    def _reported_usage(self, start: dt.datetime, end: dt.datetime) -> tuple[Use, ...]:
        params = (
            *_span(start, end),
            ("bucket_width", "1d"),
            ("limit", _DAYS),
            ("group_by[]", "model"),
        )
        return tuple(
            Use(model=row.model, tokens=row, requests=None)
            for page in tuple(self._answers.pages(USAGE_REPORT, UsageReport, params))
            for _, bucket in self._rows(page.data, USAGE_REPORT, start, end)
            for row in bucket.results
        )

    def _rows(
        self, rows: Iterable[R], path: str, start: dt.datetime, end: dt.datetime
    ) -> Iterator[tuple[str, R]]:
        """Return the rows or buckets of a page, each with its place."""
        for number, row in enumerate(rows):
            where, period = f"$.data[{number}]", (row.starting_at, row.ending_at)
            fields = ("starting_at", "ending_at")
            self._answers.check_period(path, where, period, (start, end), fields)
            yield where, row


def _of_report(account: str, bucket: CostBucket, cost: Cost) -> Charge:
    dimensions = (
        cost.workspace_id,
        cost.description,
        cost.cost_type,
        cost.model,
        cost.token_type,
        cost.service_tier,
        cost.context_window,
    )
    amount = dollars(cost.amount)
    return _charge(
        account,
        bucket.starting_at,
        bucket.ending_at,
        key=("report", *dimensions),
        workspace=cost.workspace_id,
        service=_service(cost.model, cost.cost_type, cost.description),
        meter=cost.token_type,
        description=cost.description,
        currency=cost.currency,
        billed=amount,
        listed=amount,
        raw=cost,
    )


def _of_analytics(account: str, row: AnalyticsCost) -> Charge:
    group = row.group
    return _charge(
        account,
        row.starting_at,
        row.ending_at,
        key=("analytics", *(getattr(group, name) for name in Group.__struct_fields__)),
        workspace=group.workspace_id,
        service=_service(group.model, group.cost_type, None),
        meter=group.token_type,
        description=None,
        currency=row.cost.currency,
        billed=dollars(row.cost.amount),
        listed=dollars(row.cost.list_amount),
        raw=row,
    )


def _charge(
    account: str,
    start: dt.datetime,
    end: dt.datetime,
    *,
    key: tuple[str | None, ...],
    workspace: str | None,
    service: str,
    meter: str | None,
    description: str | None,
    currency: str,
    billed: Decimal,
    listed: Decimal,
    raw: msgspec.Struct,
) -> Charge:
    charge = billed_usage(
        raw,
        key=(start.astimezone(dt.UTC).isoformat(), currency.upper(), *key),
        start=start,
        end=end,
        billed=billed,
        currency=currency,
        service=service,
        service_category="AI and Machine Learning",
        vendor="Anthropic",
        account_id=account,
        listed=listed,
    )
    return replace(
        charge,
        charge_description=description,
        sub_account_id=workspace,
        sub_account_type=None if workspace is None else "workspace",
        sku_meter=meter,
    )


def _service(model: str | None, cost_type: str | None, description: str | None) -> str:
    return model or _SERVICES.get(cost_type or "") or description or "Claude API"


def _span(start: dt.datetime, end: dt.datetime) -> Params:
    return ("starting_at", f"{start:%Y-%m-%dT%H:%M:%SZ}"), (
        "ending_at",
        f"{end:%Y-%m-%dT%H:%M:%SZ}",
    )
