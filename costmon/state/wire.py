"""Current costs as JSON, field by field: what is encoded is also what `/openapi.json` describes.

Money is a JSON number with two decimals; `null` is "unknown", never 0. Times are aware UTC.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, cast

import msgspec

from costmon.domain.money import shown
from costmon.domain.resource import Basis
from costmon.state.freshness import ProviderState

Moment = Annotated[dt.datetime, msgspec.Meta(tz=True)]
_encoder = msgspec.json.Encoder(decimal_format="number")


class Answer(msgspec.Struct, frozen=True, gc=False):
    """The base of all answers: frozen, and invisible to the garbage collector for speed."""


def encode(answer: Answer | Sequence[Answer]) -> bytes:
    """Return an answer as JSON; half a surrogate pair, which UTF-8 has no form for, becomes `?`."""
    try:
        return _encoder.encode(answer)
    except UnicodeEncodeError:
        return _encoder.encode(_mended(answer))


def encoded_amount(amount: Decimal) -> Decimal:
    """Return an amount as it is shown, encoded already: msgspec copies it into what it encodes.

    It stands where a `Decimal` stands in an answer, so that a figure that thousands of rows share
    is rounded and written out once.
    """
    return cast("Decimal", msgspec.Raw(_encoder.encode(shown(amount))))


def _mended(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_mended(key): _mended(item) for key, item in value.items()}
        case list():
            return [_mended(item) for item in value]
        case msgspec.Struct():
            fields = zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True)
            return {shown: _mended(getattr(value, name)) for shown, name in fields}
        case _:
            return value


class DropletCost(Answer, frozen=True):
    """A droplet and what it costs; costs are null when its price is unknown."""

    id: int | str
    name: str
    size: str | None
    region: str | None
    status: str | None
    monthly_cost: Decimal | None
    daily_cost: Decimal | None
    hourly_cost: Decimal | None
    currency: str
    basis: Basis
    account: str
    created_at: Moment | None
    month_to_date_estimate: Decimal | None
    unpriced: str | None
    waste: str | None
    details: dict[str, str]


class ResourceCost(Answer, frozen=True):
    """Any other thing that costs money."""

    kind: str
    id: int | str
    name: str
    size: str | None
    region: str | None
    status: str | None
    monthly_cost: Decimal | None
    daily_cost: Decimal | None
    hourly_cost: Decimal | None
    currency: str
    basis: Basis
    account: str
    provider: str
    created_at: Moment | None
    month_to_date_estimate: Decimal | None
    unpriced: str | None
    waste: str | None
    details: dict[str, str]


class GapNote(Answer, frozen=True):
    """A kind that is in no figure, and why."""

    kind: str
    reason: str


class AccountCost(Answer, frozen=True):
    """What one account costs, and how that compares with the vendor's own figure."""

    name: str
    provider: str
    state: ProviderState
    reason: str | None
    observed_at: Moment | None
    monthly: Decimal | None
    daily: Decimal | None
    hourly: Decimal | None
    currency: str
    other_currencies: dict[str, Decimal]
    droplet_count: int | None
    resource_count: int | None
    unpriced_count: int | None
    month_to_date_estimate: Decimal | None
    month_to_date_usage: Decimal | None
    usage_currency: str | None
    usage_generated_at: Moment | None
    difference: Decimal | None
    difference_explanation: str | None
    gaps: list[GapNote]
    not_priced: list[GapNote]
    changes: list[str]
    changed_at: Moment | None


class Waste(Answer, frozen=True):
    """Money that is likely wasted, by kind and reason; null when no price of it is known."""

    kind: str
    reason: str
    count: int
    monthly_cost: Decimal | None
    currency: str


class CurrentTotals(Answer, frozen=True):
    """The headline: all priced live DigitalOcean resources over all its accounts."""

    total_monthly: Decimal
    total_daily: Decimal
    total_hourly: Decimal
    currency: str
    droplet_count: int
    resource_count: int
    unpriced_count: int
    as_of: Moment


class CurrentCosts(CurrentTotals, frozen=True):
    """What everything costs now."""

    providers: list[AccountCost]
    waste: list[Waste]
    droplets: list[DropletCost]
    resources: list[ResourceCost]


class FreshMeta(Answer, frozen=True, omit_defaults=True):
    """Where the figures come from and whether they are fresh; the last fields only when not."""

    source: Literal["memory_store"]
    cached: Literal[True]
    stale: bool
    age_s: int | None = None
    stale_since: Moment | None = None
    reason: str | None = None
    demo: bool = False


class CurrentAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/costs/current`."""

    data: CurrentCosts
    meta: FreshMeta


class AccountFreshness(Answer, frozen=True):
    """One account in short."""

    name: str
    provider: str
    state: ProviderState
    reason: str | None
    monthly: Decimal | None
    currency: str
    as_of: Moment | None
    age_s: int | None


class Summary(CurrentTotals, frozen=True):
    """The totals without the resources."""

    accounts: list[AccountFreshness]


class SummaryAnswer(Answer, frozen=True):
    """The answer of `GET /api/v1/summary`."""

    data: Summary
    meta: FreshMeta
