"""OpenAI, read with an admin key.

Source: https://platform.openai.com/docs/api-reference/usage (specification of August 2026, MIT)
Units: costs in USD major units, a number or a text; tokens, requests and calls as counts.
Lag: not documented; a day counts as complete one day after its end, and months are read again.
Needs: an admin key with the permission `api.usage.read`.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, Span, Tally, billed_usage, month_windows
from costmon.providers.reading import Answers, Numbers

SLUG = "openai"
COSTS = "/organization/costs"
USAGE = "/organization/usage"
PROJECTS = "/organization/projects"
DAYS = 31
"""Buckets on a page; costs allow 180, but a day of a large organization has thousands of rows."""

_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(days=1)
_UNITS = {
    "tokens": "Tokens",
    "1000_tokens": "1000 Tokens",
    "duration_seconds": "Seconds",
    "duration_minutes": "Minutes",
    "duration_hours": "Hours",
    "gibibyte_hours": "GiB-Hours",
    "images": "Images",
    "characters": "Characters",
}

Seconds = Annotated[int, Meta(ge=0, le=32_503_680_000)]
Count = Annotated[int, Meta(ge=0)]
T = TypeVar("T")


R = TypeVar("R")


class Bucket(Struct, Generic[R]):
    """One UTC day, or the part of it so far."""

    start_time: Seconds
    end_time: Seconds
    results: list[R]


class Amount(Numbers):
    """Dollars, as a number or a text."""

    value: Decimal
    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]


class Cost(Numbers):
    """What one line item of one project cost in a bucket."""

    amount: Amount
    project_id: str | None = None
    line_item: str | None = None
    organization_id: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None


class CostPage(Struct):
    """GET /organization/costs."""

    data: list[Bucket[Cost]]
    has_more: bool
    next_page: str | None = None


class Projects(Struct):
    """GET /organization/projects, of which only matters whether it is answered."""

    data: list[object]


class Used(Struct):
    """What was used of one model in a bucket; each kind of usage has its own counts."""

    model: str | None = None
    input_tokens: Count | None = None
    input_cached_tokens: Count | None = None
    output_tokens: Count | None = None
    num_model_requests: Count | None = None
    images: Count | None = None
    characters: Count | None = None
    seconds: Count | None = None
    num_requests: Count | None = None
    num_sessions: Count | None = None


class UsagePage(Struct):
    """GET /organization/usage/..."""

    data: list[Bucket[Used]]
    has_more: bool
    next_page: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One count of a kind of usage.

    Attributes:
        field: Its name at the vendor.
        quota: Its name here.
        unit: Its unit.
        required: Whether every row must have it.
    """

    field: str
    quota: str
    unit: str
    required: bool = True


KINDS: Mapping[str, tuple[Counted, ...]] = {
    "completions": (
        # Cached tokens are among the input tokens.
        Counted(field="input_tokens", quota="input_tokens", unit="Tokens"),
        Counted(
            field="input_cached_tokens",
            quota="cached_input_tokens",
            unit="Tokens",
            required=False,
        ),
        Counted(field="output_tokens", quota="output_tokens", unit="Tokens"),
        Counted(field="num_model_requests", quota="model_requests", unit="Requests"),
    ),
    "embeddings": (
        Counted(field="input_tokens", quota="embedding_tokens", unit="Tokens"),
        Counted(field="num_model_requests", quota="embedding_requests", unit="Requests"),
    ),
    "images": (Counted(field="images", quota="images", unit="Images"),),
    "audio_speeches": (Counted(field="characters", quota="speech_characters", unit="Characters"),),
    "audio_transcriptions": (
        Counted(field="seconds", quota="transcription_seconds", unit="Seconds"),
    ),
    "web_search_calls": (Counted(field="num_requests", quota="web_searches", unit="Requests"),),
    "file_search_calls": (Counted(field="num_requests", quota="file_searches", unit="Requests"),),
    "code_interpreter_sessions": (
        Counted(field="num_sessions", quota="code_interpreter_sessions", unit="Sessions"),
    ),
}
BY_MODEL = frozenset({"completions", "embeddings", "images"})


class OpenAI(Provider):
    """One OpenAI organization."""

    def __init__(self, outbound: Outbound) -> None:
        """Read through `outbound`."""
        self._answers = Answers(SLUG, outbound, _meaning)

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPermissionError: The key is no admin key, or lacks `api.usage.read`.
            ProviderError: Anything else; see `costmon.errors`.
        """
        return month_windows(
            lambda start, end: self._charges(account, start, end),
            account=account,
            provider=SLUG,
            now=now,
            known_through=known_through,
            restated=_RESTATED,
            settling=_SETTLING,
            intake="restate",
        )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what was used since the month began.

        Raises:
            ProviderPermissionError: The key is no admin key, or lacks `api.usage.read`.
            ProviderError: Anything else; see `costmon.errors`.
        """
        span = Span.month(now)
        quantities = [one for kind in KINDS for one in self._used(kind, span)]
        return Poll(SLUG, account, now).usage(quantities)

    def write_access(self) -> tuple[str, ...]:
        """Return a warning for a key that is not limited to `api.usage.read`.

        A key's permissions cannot be read; one that is so limited may not list projects.
        """
        self._answers.read(PROJECTS, Projects, (("limit", 1),))
        warning = (
            "the key is not limited to api.usage.read: it can read the organization's projects, as "
            "a key with all permissions can, which also changes them; make one with "
            "api.usage.read only"
        )
        return (warning,)

    def _charges(self, account: str, start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
        params = (
            *_span(start, end),
            ("bucket_width", "1d"),
            ("limit", DAYS),
            ("group_by", "project_id"),
            ("group_by", "line_item"),
        )
        pages = tuple(self._answers.pages(COSTS, CostPage, params))
        rows = ChargeRows(self._answers, COSTS)
        for page in pages:
            for place, bucket, cost in self._rows(page.data, COSTS, (start, end)):
                rows.add(_charge(account, bucket, cost), place)
            rows.turn_page()
        return rows.charges

    def _used(self, kind: str, span: Span) -> Iterator[Quantity]:
        """Return every count of a kind for all models, and for each model after a colon."""
        path = f"{USAGE}/{kind}"
        params: tuple[tuple[str, str | int], ...] = (
            *_span(span.start, span.end),
            ("bucket_width", "1d"),
            ("limit", DAYS),
        )
        if kind in BY_MODEL:
            params = (*params, ("group_by", "model"))
        pages = tuple(self._answers.pages(path, UsagePage, params))
        rows = [
            (place, row)
            for page in pages
            for place, _, row in self._rows(page.data, path, (span.start, span.end))
        ]
        for counted in KINDS[kind]:
            tally = Tally()
            for place, row in rows:
                count: int | None = getattr(row, counted.field)
                if count is None and counted.required:
                    detail = f"Object missing required field `{counted.field}`"
                    raise self._answers.fault(path, detail, f"{place}.{counted.field}")
                tally.add(count, row.model if kind in BY_MODEL else None)
            yield from tally.quantities(counted.quota, counted.unit, span, always=True)

    def _rows(
        self, buckets: Iterable[Bucket[R]], path: str, asked: tuple[dt.datetime, dt.datetime]
    ) -> Iterator[tuple[str, Bucket[R], R]]:
        """Return the rows of a page, each with its place and its day."""
        for number, bucket in enumerate(buckets):
            where = f"$.data[{number}]"
            period = (_moment(bucket.start_time), _moment(bucket.end_time))
            self._answers.check_period(path, where, period, asked, ("start_time", "end_time"))
            for position, row in enumerate(bucket.results):
                yield f"{where}.results[{position}]", bucket, row


def _charge(account: str, bucket: Bucket[Cost], cost: Cost) -> Charge:
    amount, currency = cost.amount.value, cost.amount.currency.upper()
    quantity, unit = cost.quantity, _UNITS.get(cost.quantity_unit or "", cost.quantity_unit)
    service, _, meter = (cost.line_item or "").partition(", ")
    charge = billed_usage(
        cost,
        key=(bucket.start_time, cost.project_id, cost.line_item, currency),
        start=_moment(bucket.start_time),
        end=_moment(bucket.end_time),
        billed=amount,
        currency=currency,
        service=service.strip() or "OpenAI API",
        service_category="AI and Machine Learning",
        vendor="OpenAI",
        account_id=cost.organization_id or account,
    )
    return replace(
        charge,
        charge_description=cost.line_item,
        sub_account_id=cost.project_id,
        sub_account_type=None if cost.project_id is None else "project",
        sku_meter=meter or None,
        consumed_quantity=quantity if unit else None,
        consumed_unit=None if quantity is None else unit,
    )


def _span(start: dt.datetime, end: dt.datetime) -> tuple[tuple[str, str | int], ...]:
    return ("start_time", int(start.timestamp())), ("end_time", int(end.timestamp()))


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _meaning(error: ProviderError) -> ProviderError:
    """Tell by the body what a refusal means: a missing permission is 401 or 403."""
    if not isinstance(error, ProviderAuthError | ProviderPermissionError):
        return error
    kind, detail = type(error), error.detail
    hint = "check that OPENAI_ADMIN_KEY is complete and not revoked; a project's key is not enough"
    if b"issing scopes" in error.answer:
        kind, detail = ProviderPermissionError, f"the key lacks a permission ({error.status})"
    if kind is ProviderPermissionError:
        hint = "use an admin key (sk-admin-...) with the permission api.usage.read"
    return error.explained(kind, detail=detail, hint=hint)
