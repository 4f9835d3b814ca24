"""OpenAI, read with an admin key.

Source: https://platform.openai.com/docs/api-reference/usage (specification of August 2026, MIT)
Units: costs in USD major units, a number or a text; tokens, requests and calls as counts.
Lag: not documented; a day counts as complete one day after its end, and months are read again.
Needs: an admin key with the permission `api.usage.read`.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.usage import Quantity, UsageReading
from costmon.errors import ProviderAuthError, ProviderError, ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.reading import EXACT, Answers, is_number, midnight, month_of, months

SLUG = "openai"
COSTS = "/organization/costs"
USAGE = "/organization/usage"
DAYS = 31
"""Buckets on a page; costs allow 180, but a day of a large organization has thousands of rows."""

_RESTATED = dt.timedelta(days=7)
_SETTLING = dt.timedelta(days=1)
_MOST_QUANTITY = 10**30
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


class Amount(Struct):
    """Dollars, as a number or a text."""

    value: Decimal
    currency: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]


class Cost(Struct):
    """What one line item of one project cost in a bucket."""

    amount: Amount
    project_id: str | None = None
    line_item: str | None = None
    organization_id: str | None = None
    quantity: Decimal | None = None
    quantity_unit: str | None = None


class CostBucket(Struct):
    """One UTC day."""

    start_time: Seconds
    end_time: Seconds
    results: list[Cost]


class CostPage(Struct):
    """GET /organization/costs."""

    data: list[CostBucket]
    has_more: bool
    next_page: str | None = None


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


class UsageBucket(Struct):
    """One UTC day, or the part of it so far."""

    start_time: Seconds
    end_time: Seconds
    results: list[Used]


class UsagePage(Struct):
    """GET /organization/usage/..."""

    data: list[UsageBucket]
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
        self._answers = Answers(SLUG, outbound)

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPermissionError: The key is no admin key, or lacks `api.usage.read`.
            ProviderError: Anything else; see `costmon.errors`.
        """
        for start, end in months(now, known_through, _RESTATED):
            yield ChargeWindow(
                account=account,
                provider=SLUG,
                observed_at=now,
                start=start,
                end=end,
                intake="restate",
                day_zone="UTC",
                charges=self._charges(account, start, end),
                complete_through=min(end, midnight(now) - _SETTLING),
                gaps=(),
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what was used since the month began.

        Raises:
            ProviderPermissionError: The key is no admin key, or lacks `api.usage.read`.
            ProviderError: Anything else; see `costmon.errors`.
        """
        (start, end), (_, resets_at) = next(months(now, now, dt.timedelta())), month_of(now)
        quantities: list[Quantity] = []
        for kind in KINDS:
            quantities += self._used(kind, start, end, max(resets_at, end))
        return UsageReading(
            account=account,
            provider=SLUG,
            observed_at=now,
            quantities=tuple(quantities),
            complete_through=None,
            gaps=(),
        )

    def _charges(self, account: str, start: dt.datetime, end: dt.datetime) -> tuple[Charge, ...]:
        params = (
            *_span(start, end),
            ("bucket_width", "1d"),
            ("limit", DAYS),
            ("group_by", "project_id"),
            ("group_by", "line_item"),
        )
        pages = _refused(lambda: tuple(self._answers.pages(COSTS, CostPage, params)))
        charges: dict[str, Charge] = {}
        for page in pages:
            known = frozenset(charges)
            for number, bucket in enumerate(page.data):
                where = f"$.data[{number}]"
                self._check_bucket(bucket, COSTS, where, start, end)
                for position, cost in enumerate(bucket.results):
                    place = f"{where}.results[{position}]"
                    charge = self._charge(account, bucket, cost, place)
                    key = charge.source_row_key
                    if key in known:
                        raise self._answers.fault(COSTS, "a row of an earlier page again", place)
                    # Rows of one bucket that differ in nothing that was asked for are one row.
                    charges[key] = _sum(charges[key], charge) if key in charges else charge
        return tuple(charges.values())

    def _charge(self, account: str, bucket: CostBucket, cost: Cost, place: str) -> Charge:
        amount, currency = cost.amount.value, cost.amount.currency.upper()
        if not is_number(amount):
            raise self._answers.fault(COSTS, "not an amount of money", f"{place}.amount.value")
        quantity, unit = cost.quantity, _UNITS.get(cost.quantity_unit or "", cost.quantity_unit)
        if quantity is not None and not is_number(quantity, _MOST_QUANTITY):
            raise self._answers.fault(COSTS, "not a quantity", f"{place}.quantity")
        start = _moment(bucket.start_time)
        billing_start, billing_end = month_of(start)
        service, _, meter = (cost.line_item or "").partition(", ")
        return Charge(
            source_row_key=json.dumps(
                [bucket.start_time, cost.project_id, cost.line_item, currency], ensure_ascii=False
            ),
            charge_period_start=start,
            charge_period_end=_moment(bucket.end_time),
            billing_period_start=billing_start,
            billing_period_end=billing_end,
            billed_cost=amount,
            effective_cost=amount,
            list_cost=amount,
            contracted_cost=amount,
            billing_currency=currency,
            basis="billed",
            charge_category="Usage" if amount >= 0 else "Adjustment",
            charge_frequency="Usage-Based",
            charge_description=cost.line_item,
            service_name=service.strip() or "OpenAI API",
            service_category="AI and Machine Learning",
            service_provider_name="OpenAI",
            invoice_issuer_name="OpenAI",
            billing_account_id=cost.organization_id or account,
            sub_account_id=cost.project_id,
            sub_account_type=None if cost.project_id is None else "project",
            sku_meter=meter or None,
            consumed_quantity=quantity if unit else None,
            consumed_unit=None if quantity is None else unit,
            raw=msgspec.json.encode(cost).decode(),
        )

    def _used(
        self, kind: str, start: dt.datetime, end: dt.datetime, resets_at: dt.datetime
    ) -> Iterator[Quantity]:
        """Return every count of a kind for all models, and for each model after a colon."""
        path = f"{USAGE}/{kind}"
        params: tuple[tuple[str, str | int], ...] = (
            *_span(start, end),
            ("bucket_width", "1d"),
            ("limit", DAYS),
        )
        if kind in BY_MODEL:
            params = (*params, ("group_by", "model"))
        pages = _refused(lambda: tuple(self._answers.pages(path, UsagePage, params)))
        for counted in KINDS[kind]:
            sums: dict[str, int] = {}
            missing = False
            for where, row in self._rows(pages, path, start, end):
                count: int | None = getattr(row, counted.field)
                if count is None and counted.required:
                    detail = f"Object missing required field `{counted.field}`"
                    raise self._answers.fault(path, detail, f"{where}.{counted.field}")
                missing = missing or count is None
                names = [counted.quota]
                if row.model and kind in BY_MODEL:
                    names.append(f"{counted.quota}:{row.model}")
                for name in names if count is not None else ():
                    sums[name] = sums.get(name, 0) + (count or 0)
            if not sums and not missing:
                sums = {counted.quota: 0}
            for name, used in sums.items():
                yield Quantity(
                    quota=name,
                    unit=counted.unit,
                    used=Decimal(used),
                    start=start,
                    end=end,
                    resets_at=resets_at,
                    limit=None,
                    estimated=missing,
                    project=None,
                )

    def _rows(
        self, pages: tuple[UsagePage, ...], path: str, start: dt.datetime, end: dt.datetime
    ) -> Iterator[tuple[str, Used]]:
        for page in pages:
            for number, bucket in enumerate(page.data):
                where = f"$.data[{number}]"
                self._check_bucket(bucket, path, where, start, end)
                for position, row in enumerate(bucket.results):
                    yield f"{where}.results[{position}]", row

    def _check_bucket(
        self,
        bucket: CostBucket | UsageBucket,
        path: str,
        where: str,
        start: dt.datetime,
        end: dt.datetime,
    ) -> None:
        if not start <= _moment(bucket.start_time) < end:
            detail = "a bucket that was not asked for"
            raise self._answers.fault(path, detail, f"{where}.start_time")
        if bucket.end_time <= bucket.start_time:
            detail = "a bucket that ends before it starts"
            raise self._answers.fault(path, detail, f"{where}.end_time")


def _span(start: dt.datetime, end: dt.datetime) -> tuple[tuple[str, str | int], ...]:
    return ("start_time", int(start.timestamp())), ("end_time", int(end.timestamp()))


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _sum(one: Charge, other: Charge) -> Charge:
    amount = EXACT.add(one.billed_cost, other.billed_cost)
    quantity = None
    if one.consumed_unit == other.consumed_unit and one.consumed_quantity is not None:
        quantity = EXACT.add(one.consumed_quantity, other.consumed_quantity or 0)
    return replace(
        one,
        billed_cost=amount,
        effective_cost=amount,
        list_cost=amount,
        contracted_cost=amount,
        consumed_quantity=quantity,
        consumed_unit=None if quantity is None else one.consumed_unit,
        raw=None,
    )


def _refused(read: Callable[[], T]) -> T:
    """Return what `read` returns; tell by the body of a refusal what it means.

    The status does not tell: a missing permission is 401 for some and 403 for others.
    """
    try:
        return read()
    except (ProviderAuthError, ProviderPermissionError) as error:
        refusal = _classified(error)
    raise refusal


def _classified(error: ProviderError) -> ProviderError:
    kind, detail = type(error), error.detail
    hint = "check that OPENAI_ADMIN_KEY is complete and not revoked; a project's key is not enough"
    if b"issing scopes" in error.answer:
        kind, detail = ProviderPermissionError, f"the key lacks a permission ({error.status})"
    if kind is ProviderPermissionError:
        hint = "use an admin key (sk-admin-...) with the permission api.usage.read"
    return kind(
        provider=error.provider,
        endpoint=error.endpoint,
        detail=detail,
        hint=hint,
        status=error.status,
        answer=error.answer,
    )
