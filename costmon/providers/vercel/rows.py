"""Vercel's rows of charges: what is read of a line, and the charge that it is.

Source: https://vercel.com/docs/rest-api/billing/list-focus-billing-charges
Units: major units of BillingCurrency, one row per day, service, project and region.
"""

import dataclasses
import datetime as dt
import functools
import hashlib
import sys
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from costmon.domain.amount import is_number
from costmon.domain.charge import Charge, ChargeCategory, PricingCategory
from costmon.errors import ProviderSchemaError
from costmon.providers.reading import decode, schema_fault
from costmon.providers.vercel.months import Month

PATH = "/v1/billing/charges"
SLUG = "vercel"
TITLE = "Vercel"

Moment = Annotated[dt.datetime, Meta(tz=True)]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]

_PRICING: dict[str, PricingCategory] = {
    "Standard": "Standard",
    "Committed": "Committed",
    "Dynamic": "Dynamic",
}
_CATEGORIES = frozenset(
    {
        "AI and Machine Learning",
        "Analytics",
        "Business Applications",
        "Compute",
        "Databases",
        "Developer Tools",
        "Identity",
        "Integration",
        "Internet of Things",
        "Management and Governance",
        "Media",
        "Migration",
        "Mobile",
        "Multicloud",
        "Networking",
        "Security",
        "Storage",
        "Web",
    }
)


class Tags(Struct, gc=False, frozen=True, rename="pascal"):
    """The tags that Vercel sets; users cannot set any."""

    project_id: str | None = None
    project_name: str | None = None
    flat_rate: str | None = None


class Row(Struct, gc=False, rename="pascal"):
    """One line, as far as it is read. What Vercel's own clients call optional is optional."""

    billed_cost: Decimal
    billing_currency: Currency
    charge_category: ChargeCategory
    charge_period_start: str
    charge_period_end: str
    service_name: str
    effective_cost: Decimal | None = None
    service_category: str | None = None
    service_provider_name: str | None = None
    region_id: str | None = None
    region_name: str | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    pricing_category: str | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    tags: Tags | None = None


class UsageRow(Struct, gc=False, rename="pascal"):
    """What is read of a line to count use."""

    charge_category: ChargeCategory
    charge_period_start: str
    charge_period_end: str
    service_name: str
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None


R = TypeVar("R", Row, UsageRow)
_NO_TAGS = Tags()
_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Charge)}
_OWN_FIELDS = (
    "source_row_key",
    "charge_period_start",
    "charge_period_end",
    "billed_cost",
    "effective_cost",
    "list_cost",
    "contracted_cost",
    "pricing_quantity",
    "consumed_quantity",
)
"""What a row has of its own; all other fields of a charge it shares with others of its series."""
_SHARED_FIELDS = tuple(name for name in _DEFAULTS if name not in _OWN_FIELDS)
# A frozen dataclass of 46 fields sets each with a call, which takes as long as all the rest of a
# row. So a row is filled in while it is not frozen, and becomes a charge then: same fields, same
# slots, hence Python lets it change its class. Positions are faster than 29 keywords.
_Draft: Any = dataclasses.make_dataclass("_Draft", [*_OWN_FIELDS, *_SHARED_FIELDS], slots=True)


def decode_lines(lines: Iterable[bytes], row: type[R]) -> Iterator[R]:
    """Return the rows of all lines.

    Raises:
        ProviderSchemaError: A line is not a whole row; it is named by its number from 0.
    """
    read = msgspec.json.Decoder(row).decode
    for number, line in enumerate(lines):
        try:
            decoded = read(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            yield decoded
            continue
        # Out here, because a UnicodeDecodeError holds the whole line.
        yield _decoded_slowly(line, row, number)


class Instants(dict[str, dt.datetime]):
    """The instants of texts, aware UTC: a month has 30 of them, each written in 1,000 rows.

    Raises:
        ProviderSchemaError: A text is no instant, or of no zone.
    """

    def __missing__(self, text: str) -> dt.datetime:
        instant = self[text] = _instant(text)
        return instant


class ChargeMaker:
    """Makes the charges of one window from its rows.

    A month of a busy team has 30,000 rows, which are the same services, projects and regions day
    after day: what is common to them is made and kept once.

    Attributes:
        outside: Rows that were left out, because their period does not begin in the window.
    """

    def __init__(self, month: Month, end: dt.datetime, account_id: str) -> None:
        """Take rows from the start of `month` to `end`; `account_id` is the vendor's, of a team."""
        self._start = month.start
        self._end = end
        self._instants = Instants()
        self._series = functools.lru_cache(maxsize=None)(
            functools.partial(_series, month, account_id)
        )
        self._seen: dict[str, int] = {}
        self.outside = 0

    def make(self, rows: Iterable[Row]) -> Iterator[Charge]:
        """Return the charges of rows.

        Raises:
            ProviderSchemaError: A figure cannot be one.
        """
        instants, seen, series = self._instants, self._seen, self._series
        for number, row in enumerate(rows):
            start = instants[row.charge_period_start]
            if not self._start <= start < self._end:
                self.outside += 1
                continue
            end = instants[row.charge_period_end]
            if end <= start:
                detail = "a period that ends before it begins"
                raise schema_fault(SLUG, PATH, detail, f"$[{number}].ChargePeriodEnd")
            quantity, consumed = row.pricing_quantity, row.consumed_quantity
            billed = row.billed_cost
            effective = billed if row.effective_cost is None else row.effective_cost
            if not (
                is_number(billed)
                and is_number(effective)
                and (quantity is None or quantity.is_finite())
                and (consumed is None or consumed.is_finite())
            ):
                raise _figure_fault(number, row)
            identity, shared = series(
                row.service_name,
                row.charge_category,
                row.billing_currency,
                row.service_category,
                row.service_provider_name,
                row.region_id,
                row.region_name,
                row.pricing_category,
                None if quantity is None else row.pricing_unit,
                None if consumed is None else row.consumed_unit,
                row.tags or _NO_TAGS,
            )
            key = f"{row.charge_period_start}/{row.charge_period_end}/{identity}"
            # Rows of the same dimensions are told apart by their order.
            order = seen[key] = seen.get(key, 0) + 1
            charge = _Draft(
                key if order == 1 else f"{key}-{order}",
                start,
                end,
                billed,
                effective,
                effective,  # list cost
                effective,  # contracted cost
                quantity,
                consumed,
                *shared,
            )
            charge.__class__ = Charge
            yield charge


def _decoded_slowly(line: bytes, row: type[R], number: int) -> R:
    """Return the row of a line that can be mended, or say where it is wrong."""
    try:
        return decode(SLUG, PATH, line, row)
    except ProviderSchemaError as error:
        detail, where = error.detail, f"$[{number}]{(error.path or '$')[1:]}"
    raise schema_fault(SLUG, PATH, detail, where)


def _series(  # noqa: PLR0917 - one argument for each dimension of a row
    month: Month,
    account_id: str,
    service: str,
    category: ChargeCategory,
    currency: str,
    service_category: str | None,
    service_provider: str | None,
    region: str | None,
    region_name: str | None,
    pricing: str | None,
    pricing_unit: str | None,
    consumed_unit: str | None,
    tags: Tags,
) -> tuple[str, tuple[Any, ...]]:
    """Return what identifies rows that differ only in days and figures, and what they share."""
    project = tags.project_id or tags.project_name or None
    # A project may get another name, and is the same one: its id comes first.
    dimensions = (service, category, currency, region, pricing, pricing_unit, consumed_unit)
    identity = msgspec.json.encode((*dimensions, project, tags.flat_rate))
    named = {
        "FlatRate": tags.flat_rate,
        "ProjectId": tags.project_id,
        "ProjectName": tags.project_name,
    }
    shared = {
        "billing_period_start": month.start,
        "billing_period_end": month.end,
        "billing_currency": currency,
        "basis": "billed",
        "charge_category": category,
        "service_name": service,
        "service_category": service_category if service_category in _CATEGORIES else "Other",
        "service_provider_name": service_provider or TITLE,
        "invoice_issuer_name": TITLE,
        "billing_account_id": account_id,
        "sub_account_id": project,
        "sub_account_name": tags.project_name or None,
        "sub_account_type": "project" if project else None,
        "region_id": region,
        "region_name": region_name,
        "pricing_category": _PRICING.get(pricing, "Other") if pricing else None,
        "pricing_unit": pricing_unit,
        "consumed_unit": consumed_unit,
        "tags": tuple((name, value) for name, value in named.items() if value),
    }
    # All series share one object for each text, which the processor's caches can hold.
    shared = {k: sys.intern(v) if isinstance(v, str) else v for k, v in shared.items()}
    values = tuple(shared.get(name, _DEFAULTS[name]) for name in _SHARED_FIELDS)
    return hashlib.blake2b(identity, digest_size=16).hexdigest(), values


def _instant(text: str) -> dt.datetime:
    try:
        return msgspec.convert(text, Moment).astimezone(dt.UTC)
    except (msgspec.ValidationError, OverflowError):
        detail = "expected an instant with its zone, such as 2026-11-01T07:00:00.000Z"
    raise schema_fault(SLUG, PATH, detail, "$[].ChargePeriodStart")


def _figure_fault(number: int, row: Row) -> ProviderSchemaError:
    """Return what is wrong with the figures of a row that has a wrong one."""
    amounts = {"BilledCost": row.billed_cost, "EffectiveCost": row.effective_cost}
    for field, value in amounts.items():
        if value is not None and not is_number(value):
            return schema_fault(SLUG, PATH, "expected an amount of money", f"$[{number}].{field}")
    return schema_fault(SLUG, PATH, "expected finite quantities", f"$[{number}]")
