"""Read what a Scaleway organization consumed, month by month, and what is discounted of it.

Source: https://www.scaleway.com/en/developers/api/billing/ (v2beta1)
Units: `units` plus billionths (`nanos`) of the currency, before discounts and taxes.
Lag: `updated_at` tells; not real time.
Needs: the permission set BillingReadOnly.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.errors import ProviderError, ProviderNotFoundError, ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, billed_usage
from costmon.providers.reading import EXACT, Answers, Numbers, midnight, months

SLUG = "scaleway"
CONSUMPTIONS = "/billing/v2beta1/consumptions"
CHARGES = "/billing/v2beta1/charges"
PER_PAGE = 100

_RESTATED = dt.timedelta(days=10)
_SETTLING = dt.timedelta(days=1)
_NANO = Decimal("1e-9")
_NO_DETAIL = "resources are not shown one by one: GET /charges was refused ({status})"
_CATEGORIES = {
    "ai": "AI and Machine Learning",
    "compute": "Compute",
    "containers": "Compute",
    "managed databases": "Databases",
    "network": "Networking",
    "observability": "Management and Governance",
    "security & identity": "Security",
    "serverless": "Compute",
    "storage": "Storage",
}

_Sold = tuple[str, str, str]
"""Project, SKU and currency."""

Moment = Annotated[dt.datetime, Meta(tz=True)]


class Money(Numbers):
    """An amount: `nanos` are billionths and have the sign of `units`."""

    currency_code: Annotated[str, Meta(pattern="^[A-Za-z]{3}$")]
    units: Decimal
    nanos: Decimal

    @property
    def amount(self) -> Decimal:
        """Return the whole amount."""
        if not self.nanos:
            return self.units
        return EXACT.add(self.units, EXACT.multiply(self.nanos, _NANO)).normalize(EXACT)


class Consumption(Numbers):
    """What was consumed of one SKU in one project since the month began, before discounts."""

    value: Money
    sku: str
    project_id: str
    product_name: str
    category_name: str
    resource_name: str = ""
    unit: str = ""
    billed_quantity: Decimal | None = None
    consumer_id: str | None = None
    project_name: str | None = None


class Consumptions(Numbers):
    """GET /billing/v2beta1/consumptions."""

    consumptions: list[Consumption]
    total_count: int
    total_discount_untaxed_value: Decimal = Decimal(0)
    updated_at: Moment | None = None


class Detail(Struct):
    """What one resource cost in a span of time, whose end is included."""

    price: Money
    sku: str
    project_id: str
    resource_id: str
    start_date: Moment
    end_date: Moment
    resource_name: str | None = None
    invoice_id: str | None = None
    project_name: str | None = None


class Details(Struct):
    """GET /billing/v2beta1/charges."""

    charges: list[Detail]
    next_page_token: str | None = None

    @property
    def has_more(self) -> bool:
        """Return whether another page follows."""
        return bool(self.next_page_token)

    @property
    def next_page(self) -> str | None:
        """Return the cursor to it."""
        return self.next_page_token


class Discount(Struct):
    """What is kept of a month's discount."""

    total_discount_untaxed_value: Decimal


class Scaleway(Provider):
    """One Scaleway organization."""

    def __init__(self, outbound: Outbound, organization_id: str) -> None:
        """Read through `outbound`."""
        self._answers = Answers(SLUG, outbound, _meaning)
        self._organization_id = organization_id

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        Raises:
            ProviderPermissionError: The key lacks BillingReadOnly.
            ProviderError: Anything else; see `costmon.errors`.
        """
        for start, end in months(now, known_through, _RESTATED):
            pages = self._pages(start)
            details, gaps = self._details(start, end)
            counted = min(page.updated_at or midnight(now - _SETTLING) for page in pages)
            # Rows grow until the month is over, and are by resource or not.
            # Rows are for a month so far: no day has an amount of its own.
            yield Poll(SLUG, account, now).window(
                start,
                end,
                (
                    *self._consumed(start, end, pages, details),
                    *self._discount(start, end, pages),
                ),
                counted_through=min(end, counted.astimezone(dt.UTC)),
                gaps=gaps,
            )

    def _pages(self, start: dt.datetime) -> tuple[Consumptions, ...]:
        """Return the consumption of a month, all pages of it."""
        params = (
            ("organization_id", self._organization_id),
            ("billing_period", f"{start:%Y-%m}"),
            ("page_size", PER_PAGE),
        )
        pages: list[Consumptions] = []
        missing = 1
        while missing > 0:
            asked = (*params, ("page", len(pages) + 1))
            page = self._answers.read(CONSUMPTIONS, Consumptions, asked)
            pages.append(page)
            missing = page.total_count - sum(len(one.consumptions) for one in pages)
            if missing > 0 and not page.consumptions:
                detail = "incomplete: there are fewer rows than it says"
                raise self._answers.fault(CONSUMPTIONS, detail, "$.total_count")
        return tuple(pages)

    def _details(
        self, start: dt.datetime, end: dt.datetime
    ) -> tuple[Mapping[_Sold, tuple[Charge, ...]], tuple[Gap, ...]]:
        """Return what single resources cost, or the gap that they leave where it is refused."""
        params = (
            ("organization_id", self._organization_id),
            ("start_date_after", f"{start:%Y-%m-%dT%H:%M:%SZ}"),
            ("end_date_before", f"{end:%Y-%m-%dT%H:%M:%SZ}"),
            ("clamp_to_time_range", "true"),
            ("page_size", PER_PAGE),
        )
        try:
            pages = tuple(self._answers.pages(CHARGES, Details, params, cursor="page_token"))
        except (ProviderPermissionError, ProviderNotFoundError) as error:
            return {}, (Gap(kind="resources", reason=_NO_DETAIL.format(status=error.status)),)
        found: dict[_Sold, ChargeRows] = {}
        for page in pages:
            for number, one in enumerate(page.charges):
                where = f"$.charges[{number}]"
                rows = found.setdefault(_sold(one, one.price), ChargeRows(self._answers, CHARGES))
                rows.add(self._detail(one), where)
            for rows in found.values():
                rows.turn_page()
        return {sold: rows.charges for sold, rows in found.items()}, ()

    def _consumed(
        self,
        start: dt.datetime,
        end: dt.datetime,
        pages: Iterable[Consumptions],
        details: Mapping[_Sold, tuple[Charge, ...]],
    ) -> Iterator[Charge]:
        """Return the rows of a month; by resource where these add up to the same amount."""
        rows = ChargeRows(self._answers, CONSUMPTIONS)
        for page in pages:
            for number, one in enumerate(page.consumptions):
                rows.add(self._row(start, end, one), f"$.consumptions[{number}]")
            rows.turn_page()
        sold: dict[_Sold, list[Charge]] = {}
        for charge in rows.charges:
            key = (charge.sub_account_id or "", charge.sku_id or "", charge.billing_currency)
            sold.setdefault(key, []).append(charge)
        for key, charges in sold.items():
            parts = details.get(key, ())
            inside = all(start <= part.charge_period_start < end for part in parts)
            if not parts or not inside or _total(parts) != _total(charges):
                yield from charges
                continue
            for part in parts:
                yield replace(
                    part,
                    service_name=charges[0].service_name,
                    service_category=charges[0].service_category,
                    charge_description=charges[0].charge_description,
                )

    def _discount(
        self, start: dt.datetime, end: dt.datetime, pages: tuple[Consumptions, ...]
    ) -> Iterator[Charge]:
        """Return what is discounted of the month, which Scaleway says in one sum."""
        discount = pages[0].total_discount_untaxed_value
        # It is a binary fraction, where all other money has nine decimals. Its sign is not
        # documented; on invoices a discount is negative.
        if EXACT.remainder(discount, _NANO):
            discount = EXACT.quantize(discount, _NANO)
        discount = EXACT.copy_abs(discount)
        if not discount:
            return
        currencies = {
            one.value.currency_code.upper() for page in pages for one in page.consumptions
        }
        if len(currencies) != 1:
            detail = f"a discount on rows of {len(currencies)} currencies"
            raise self._answers.fault(CONSUMPTIONS, detail, "$.total_discount_untaxed_value")
        (currency,) = currencies
        charge = billed_usage(
            Discount(pages[0].total_discount_untaxed_value),
            key=(start.isoformat(), "discount", currency),
            start=start,
            end=end,
            billed=-discount,
            listed=Decimal(0),
            currency=currency,
            service="Discounts",
            service_category="Other",
            vendor="Scaleway",
            account_id=self._organization_id,
        )
        yield replace(charge, charge_category="Credit", charge_description="Discounts of the month")

    def _row(self, start: dt.datetime, end: dt.datetime, one: Consumption) -> Charge:
        charge = billed_usage(
            one,
            key=(
                *(start.isoformat(), one.project_id, one.sku, one.category_name, one.product_name),
                *(one.resource_name, one.unit, one.value.currency_code.upper()),
            ),
            start=start,
            end=end,
            billed=one.value.amount,
            currency=one.value.currency_code,
            service=one.product_name or one.category_name or one.sku,
            service_category=_CATEGORIES.get(one.category_name.lower(), "Other"),
            vendor="Scaleway",
            account_id=self._organization_id,
        )
        return replace(
            charge,
            charge_description=one.resource_name or None,
            sku_id=one.sku,
            sub_account_id=one.project_id,
            sub_account_name=one.project_name or None,
            sub_account_type="project",
            consumed_quantity=one.billed_quantity if one.unit else None,
            consumed_unit=one.unit if one.unit and one.billed_quantity is not None else None,
        )

    def _detail(self, one: Detail) -> Charge:
        start = one.start_date.astimezone(dt.UTC)
        # The end is included: 23:59:59 and what follows is the midnight after it.
        end = (one.end_date.astimezone(dt.UTC) + dt.timedelta(seconds=1)).replace(microsecond=0)
        charge = billed_usage(
            one,
            key=("resource", one.project_id, one.sku, one.resource_id, start.isoformat()),
            start=start,
            end=max(end, start + dt.timedelta(seconds=1)),
            billed=one.price.amount,
            currency=one.price.currency_code,
            service=one.sku,
            service_category="Other",
            vendor="Scaleway",
            account_id=self._organization_id,
        )
        return replace(
            charge,
            sku_id=one.sku,
            resource_id=one.resource_id,
            resource_name=one.resource_name,
            sub_account_id=one.project_id,
            sub_account_name=one.project_name or None,
            sub_account_type="project",
            invoice_id=one.invoice_id or None,
        )


def _meaning(error: ProviderError) -> ProviderError:
    if not isinstance(error, ProviderPermissionError):
        return error
    return error.explained(
        hint="give the API key the permission set BillingReadOnly on the organization"
    )


def _sold(one: Detail, money: Money) -> _Sold:
    return one.project_id, one.sku, money.currency_code.upper()


def _total(charges: Iterable[Charge]) -> Decimal:
    total = Decimal(0)
    for charge in charges:
        total = EXACT.add(total, charge.billed_cost)
    return total
