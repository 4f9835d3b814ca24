"""Atlas's invoices: their lines as charges by the day, their tax and their credits."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from costmon.domain.charge import Charge
from costmon.domain.resource import Gap
from costmon.providers.atlas.session import Session
from costmon.providers.figures import ChargeRows, billed_usage
from costmon.providers.reading import EXACT, Numbers, month_of

_EARLIEST = dt.timedelta(days=366)
"""How long before its invoice a line may begin."""

Moment = Annotated[dt.datetime, Meta(tz=True)]


class LineItem(Numbers, rename="camel", kw_only=True):
    """One line of an invoice."""

    start_date: Moment
    end_date: Moment
    sku: Annotated[str, Meta(min_length=1)]
    total_price_cents: Decimal
    discount_cents: Decimal = Decimal(0)
    quantity: Decimal | None = None
    unit: str | None = None
    unit_price_dollars: Decimal | None = None
    cluster_name: str | None = None
    group_id: str | None = None
    group_name: str | None = None
    cloud_provider: str | None = None
    stitch_app_name: str | None = None
    tier_from_quantity: Decimal | None = field(name="tierLowerBound", default=None)
    note: str | None = None
    tags: dict[str, list[str]] | None = None


class Invoice(Numbers, rename="camel", kw_only=True):
    """An invoice; in the listing of all of them it has no lines."""

    id: str
    start_date: Moment
    end_date: Moment
    org_id: str | None = None
    line_items: list[LineItem] = field(default_factory=list)
    linked_invoices: list["Invoice"] = field(default_factory=list)
    subtotal_cents: Decimal | None = None
    credits_cents: Decimal = Decimal(0)
    sales_tax_cents: Decimal = Decimal(0)


class FullInvoice(Invoice, rename="camel", kw_only=True):
    """An invoice whose lines were asked for."""

    line_items: list[LineItem]


class _Whole(Struct):
    """What is kept of tax and credits."""

    invoice: str
    cents: Decimal


class InvoiceLines:
    """What the invoices of one organization say, as far as they have been read.

    Attributes:
        charges: By the beginning of the UTC month that they begin in.
        gaps: Invoices whose lines do not add up to what they say.
    """

    def __init__(self, session: Session, org: str) -> None:
        self._session = session
        self._org = org
        self.charges: dict[dt.datetime, list[Charge]] = defaultdict(list)
        self.gaps: list[Gap] = []

    def add(self, path: str, invoice: Invoice, place: str) -> None:
        """Add an invoice and those linked to it, found at `place` of the answer of `path`.

        Raises:
            ProviderSchemaError: It is not what the API documents.
        """
        found = ChargeRows(self._session, path)
        for number, item in enumerate(invoice.line_items):
            where = f"{place}.lineItems[{number}]"
            found.add(self._line(path, invoice, item, where), where)
        billed = [charge.billed_cost for charge in found.charges]
        tax = _dollars(invoice.sales_tax_cents)
        # Credits that are among the lines are not subtracted again.
        subtracted = _sum(cost for cost in billed if cost < 0)
        credit = min(EXACT.subtract(-_dollars(invoice.credits_cents), subtracted), Decimal(0))
        if tax:
            found.add(self._whole(invoice, "Tax", tax), place)
        if credit:
            found.add(self._whole(invoice, "Credit", credit), place)
        if invoice.subtotal_cents is not None:
            subtotal, total = (
                _dollars(invoice.subtotal_cents),
                _sum(one for one in billed if one > 0),
            )
            if subtotal != total:
                reason = f"its lines add up to {total:f} USD, and its subtotal is {subtotal:f} USD"
                self.gaps.append(Gap(kind=f"invoice {invoice.id}", reason=reason))
        for charge in found.charges:
            self.charges[month_of(charge.charge_period_start)[0]].append(charge)
        for number, linked in enumerate(invoice.linked_invoices):
            self.add(path, linked, f"{place}.linkedInvoices[{number}]")

    def _line(self, path: str, invoice: Invoice, item: LineItem, where: str) -> Charge:
        start, end = item.start_date.astimezone(dt.UTC), item.end_date.astimezone(dt.UTC)
        if end == start:
            end += dt.timedelta(seconds=1)
        asked = invoice.start_date - _EARLIEST, invoice.end_date
        self._session.check_period(path, where, (start, end), asked, ("startDate", "endDate"))
        listed = _dollars(item.total_price_cents)
        tier = None if item.tier_from_quantity is None else str(item.tier_from_quantity)
        charge = billed_usage(
            item,
            key=(
                invoice.id,
                item.sku,
                start.isoformat(),
                end.isoformat(),
                item.group_id,
                item.cluster_name,
                item.cloud_provider,
                item.stitch_app_name,
                tier,
                item.note,
            ),
            start=start,
            end=end,
            billed=EXACT.subtract(listed, _dollars(item.discount_cents)),
            currency="USD",
            service=item.sku,
            service_category="Databases",
            vendor="MongoDB Atlas",
            account_id=invoice.org_id or self._org,
            listed=listed,
        )
        quantity = item.quantity if item.unit else None
        return replace(
            charge,
            charge_description=item.note,
            sub_account_id=item.group_id,
            sub_account_name=item.group_name,
            sub_account_type=None if item.group_id is None else "project",
            resource_name=item.cluster_name,
            resource_type=None if item.cluster_name is None else "cluster",
            sku_id=item.sku,
            consumed_quantity=quantity,
            consumed_unit=None if quantity is None else item.unit,
            invoice_id=invoice.id,
            tags=tuple(sorted((key, ",".join(it)) for key, it in (item.tags or {}).items())),
        )

    def _whole(
        self, invoice: Invoice, category: Literal["Tax", "Credit"], amount: Decimal
    ) -> Charge:
        """Return what is charged or credited for an invoice as a whole."""
        start = invoice.start_date.astimezone(dt.UTC)
        charge = billed_usage(
            _Whole(invoice.id, EXACT.scaleb(amount, Decimal(2))),
            key=(invoice.id, category),
            start=start,
            end=max(invoice.end_date.astimezone(dt.UTC), start + dt.timedelta(days=1)),
            billed=amount,
            currency="USD",
            service={"Tax": "Sales tax", "Credit": "Credits"}[category],
            service_category="Other",
            vendor="MongoDB Atlas",
            account_id=invoice.org_id or self._org,
        )
        return replace(charge, charge_category=category, invoice_id=invoice.id)


def _dollars(cents: Decimal) -> Decimal:
    return EXACT.scaleb(cents, Decimal(-2))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = EXACT.add(total, amount)
    return total
