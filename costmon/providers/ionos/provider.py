"""IONOS Cloud, read with a token.

Source: https://api.ionos.com/docs/billing/v3/ (3.9.0, as IONOS's own SDK for Go has it)
Units: major units of the contract's currency, texts; quantities in the unit of each meter.
Lag: a day's use is there on the day after it; an invoice comes in the month after.
Needs: a token of the contract's owner or of an administrator.
"""

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import quote

from msgspec import Meta, Struct

from costmon.domain.amount import MOST_QUANTITY, is_number
from costmon.domain.charge import Charge, ChargeWindow
from costmon.domain.resource import Gap
from costmon.domain.usage import UsageReading
from costmon.errors import ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.base import Provider
from costmon.providers.figures import ChargeRows, Poll, Span, billed_usage
from costmon.providers.reading import EXACT, Answers, midnight, months

SLUG = "ionos"
CONTRACTS = "/cloudapi/v6/contracts"

_RESTATED = dt.timedelta(days=35)
"""So that the month before is read again until its invoice is there."""
_DAY = dt.timedelta(days=1)
_INVOICED_WITHIN = dt.timedelta(days=45)
_NOTHING = Decimal(0)
_CURRENCY = re.compile("[A-Za-z]{3}")


class Amount(Struct):
    """A quantity in its unit; of money the unit is the currency."""

    quantity: Decimal
    unit: str | None = None


M = TypeVar("M", bound="Meter")


class Contract(Struct, rename="camel"):
    """What is told of a contract."""

    contract_number: int | str


class ContractItem(Struct):
    """One contract."""

    properties: Contract


class Contracts(Struct):
    """GET /cloudapi/v6/contracts."""

    items: list[ContractItem]


class Product(Struct, rename="camel"):
    """A meter and its price; a commitment costs its price whatever is used."""

    meter_id: str
    unit: str | None = None
    unit_cost: Amount | None = None
    deprecated: bool | None = None


class Products(Struct):
    """GET /billing/{contract}/products."""

    products: list[Product]


class Meter(Struct, rename="camel"):
    """What was used of a meter; on an invoice `amount` is the money."""

    meter_id: str
    quantity: Amount
    meter_desc: str | None = None


class Datacenter(Struct, Generic[M]):
    """A virtual data center, or a bucket."""

    meters: list[M]
    id: str | None = None
    name: str | None = None


class Used(Struct):
    """GET /billing/{contract}/usage and .../utilization/daily/{date}."""

    datacenters: list[Datacenter[Meter]]


class Invoiced(Struct):
    """An invoice of the list."""

    id: str
    date: str


class Invoices(Struct):
    """GET /billing/{contract}/invoices."""

    invoices: list[Invoiced]


class BilledMeter(Meter, rename="camel", kw_only=True):
    """What was billed for a meter."""

    amount: Amount
    rate: Amount | None = None


class Rebate(Struct):
    """What is taken off for a data center."""

    amount: Amount | None = None


class BilledDatacenter(Datacenter[BilledMeter]):
    """What was billed for a data center, before the rebate."""

    rebate: Rebate | None = None


class InvoiceDates(Struct, rename="camel"):
    """When an invoice is for."""

    start_date: Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}")]


class Invoice(Struct):
    """GET /billing/{contract}/invoices/{id}."""

    metadata: InvoiceDates
    datacenters: list[BilledDatacenter]
    total: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What becomes a row.

    Attributes:
        where: Its place in the answer.
        datacenter: Of which it is a part; `None` for a line of the whole invoice.
        meter: What was counted.
        words: The same for people.
        used: How much; `None` for what is no meter.
        cost: In `currency`.
        currency: ISO 4217.
        raw: The vendor's own line.
    """

    where: str
    datacenter: Datacenter[Any] | None
    meter: str
    words: str | None
    used: Amount | None
    cost: Decimal
    currency: str
    raw: Struct


class Ionos(Provider):
    """One contract."""

    def __init__(self, outbound: Outbound, contract: str | None) -> None:
        """Read `contract` through `outbound`; `None`: the only one there is."""
        self._answers = Answers(SLUG, outbound)
        self._contract = contract

    def charges(
        self, account: str, now: dt.datetime, known_through: dt.datetime | None
    ) -> Iterator[ChargeWindow]:
        """Return a window for each month that may still change; at first for 12 months more.

        A month is what its invoices say; until there is one, its use at the contract's prices.

        Raises:
            ProviderError: See `costmon.errors`.
        """
        base = self._base()
        listed, refused = self._listed(base)
        invoices: dict[str, Invoice] = {}
        products: dict[str, Product] = {}
        for start, end in months(now, known_through, _RESTATED):
            charges: list[Charge] = []
            gaps = list(refused)
            for one in _candidates(listed, start, end):
                path = f"{base}/invoices/{quote(one.id, safe='')}"
                if path not in invoices:
                    invoices[path] = self._answers.read(path, Invoice)
                if invoices[path].metadata.start_date[:7] == f"{start:%Y-%m}":
                    lines = self._billed(path, invoices[path])
                    charges += self._rows(path, lines, account, (start, end), one.id)
            if not charges:
                path = f"{base}/usage"
                used = self._answers.read(path, Used, {"period": f"{start:%Y-%m}"})
                if not products and any(one.meters for one in used.datacenters):
                    found = self._answers.read(f"{base}/products", Products).products
                    products = {product.meter_id: product for product in found}
                lines = self._priced(path, used, products, gaps)
                charges += self._rows(path, lines, account, (start, end), None)
            # Rows are for a month: no day has an amount of its own.
            yield Poll(SLUG, account, now).window(
                start, end, charges, gaps=gaps, counted_through=min(end, midnight(now))
            )

    def usage(self, account: str, now: dt.datetime) -> UsageReading:
        """Return what was used of each meter on the last day that is over."""
        start, end = midnight(now) - _DAY, midnight(now)
        path = f"{self._base()}/utilization/daily/{start:%Y-%m-%d}"
        sums: dict[tuple[str, str], Decimal] = {}
        for where, _, meter in _meters(self._answers.read(path, Used).datacenters):
            key = (meter.meter_id, meter.quantity.unit or "Units")
            used = self._number(path, f"{where}.quantity.quantity", meter.quantity)
            sums[key] = EXACT.add(sums.get(key, _NOTHING), used)
        ids = [meter for meter, _ in sums]
        span = Span(start=start, end=end, resets_at=end)
        quantities = (
            span.quantity(
                f"used_on_day:{meter if ids.count(meter) == 1 else f'{meter}/{unit}'}", unit, used
            )
            for (meter, unit), used in sums.items()
        )
        complete_through = end if sums else None
        return Poll(SLUG, account, now).usage(quantities, complete_through=complete_through)

    def _base(self) -> str:
        """Return where the contract's billing is."""
        contract = self._contract
        if contract is None:
            found = self._answers.read(CONTRACTS, Contracts).items
            if len(found) != 1:
                detail = f"the token sees {len(found)} contracts; set IONOS_CONTRACT to one"
                raise self._answers.fault(CONTRACTS, detail, "$.items")
            contract = str(found[0].properties.contract_number)
        return f"/billing/{quote(contract, safe='')}"

    def _listed(self, base: str) -> tuple[Sequence[Invoiced], tuple[Gap, ...]]:
        try:
            return self._answers.read(f"{base}/invoices", Invoices).invoices, ()
        except ProviderPermissionError:
            reason = "not visible with this token (administrators of a reseller's sub-contract)"
            return (), (Gap(kind="invoices", reason=reason),)

    def _billed(self, path: str, invoice: Invoice) -> Iterator[Line]:
        """Return the lines of an invoice, and what its total has beside them."""
        left, currency = _NOTHING, None
        for where, one, meter in _meters(invoice.datacenters):
            cost, currency = self._money(path, f"{where}.amount", meter.amount)
            left = EXACT.add(left, cost)
            yield Line(
                where=where,
                datacenter=one,
                meter=meter.meter_id,
                words=meter.meter_desc,
                used=meter.quantity,
                cost=cost,
                currency=currency,
                raw=meter,
            )
        for number, one in enumerate(invoice.datacenters):
            if one.rebate is None or one.rebate.amount is None:
                continue
            where = f"$.datacenters[{number}].rebate.amount"
            cost, currency = self._money(path, where, one.rebate.amount)
            # It is taken off, whichever sign it is written with.
            left = EXACT.subtract(left, abs(cost))
            yield Line(
                where=where,
                datacenter=one,
                meter="rebate",
                words="Rebate",
                used=None,
                cost=-abs(cost),
                currency=currency,
                raw=one.rebate,
            )
        total, of_total = self._money(path, "$.total", invoice.total)
        if currency not in {None, of_total}:
            raise self._answers.fault(path, "lines in another currency than the total", "$.total")
        if total != left:
            yield Line(
                where="$.total",
                datacenter=None,
                meter="rest",
                words="not in the invoice's lines",
                used=None,
                cost=EXACT.subtract(total, left),
                currency=of_total,
                raw=invoice.total,
            )

    def _priced(
        self, path: str, used: Used, products: Mapping[str, Product], gaps: list[Gap]
    ) -> Iterator[Line]:
        """Return a line for each meter that has a price; the others are added to `gaps`."""
        for where, one, meter in _meters(used.datacenters):
            quantity = self._number(path, f"{where}.quantity.quantity", meter.quantity)
            product = products.get(meter.meter_id)
            price = None if product is None else product.unit_cost
            unit = meter.quantity.unit
            if product is None or price is None:
                reason = "used, and the contract names no price for it: not in the charges"
            elif product.unit and unit and product.unit != unit:
                reason = f"used in {unit}, and its price is for {product.unit}: not in the charges"
            else:
                where_price = f"{where} (price of {meter.meter_id})"
                each, currency = self._money(path, where_price, price)
                yield Line(
                    where=where,
                    datacenter=one,
                    meter=meter.meter_id,
                    words=meter.meter_desc,
                    used=meter.quantity,
                    cost=EXACT.multiply(quantity, each),
                    currency=currency,
                    raw=meter,
                )
                continue
            gap = Gap(kind=f"meter {meter.meter_id}", reason=reason)
            if quantity and gap not in gaps:
                gaps.append(gap)

    def _rows(
        self,
        path: str,
        lines: Iterator[Line],
        account: str,
        month: tuple[dt.datetime, dt.datetime],
        invoice: str | None,
    ) -> tuple[Charge, ...]:
        rows = ChargeRows(self._answers, path)
        for line in lines:
            of = line.datacenter
            used = None if line.used is None else line.used.quantity
            row = billed_usage(
                line.raw,
                key=(
                    f"{month[0]:%Y-%m}",
                    invoice,
                    of.id if of else None,
                    line.meter,
                    line.currency,
                ),
                start=month[0],
                end=month[1],
                billed=line.cost,
                currency=line.currency,
                service=line.words or line.meter,
                service_category="Other",
                vendor="IONOS Cloud",
                account_id=account,
            )
            row = replace(
                row,
                basis="list_price" if invoice is None else "billed",
                charge_category="Credit" if line.meter == "rebate" else row.charge_category,
                invoice_id=invoice,
                sub_account_id=of.id if of else None,
                sub_account_name=of.name if of else None,
                sub_account_type="datacenter" if of and of.id else None,
                sku_id=line.meter,
                sku_meter=line.words,
                consumed_quantity=used,
                consumed_unit=None if line.used is None else line.used.unit or "Units",
            )
            rows.add(row, line.where)
        return rows.charges

    def _money(self, path: str, where: str, amount: Amount) -> tuple[Decimal, str]:
        if not is_number(amount.quantity):
            raise self._answers.fault(path, "not an amount of money", where)
        if _CURRENCY.fullmatch(amount.unit or "") is None:
            raise self._answers.fault(path, "an amount that is in no currency", f"{where}.unit")
        return amount.quantity, str(amount.unit).upper()

    def _number(self, path: str, where: str, amount: Amount) -> Decimal:
        if not is_number(amount.quantity, MOST_QUANTITY):
            raise self._answers.fault(path, "not a quantity", where)
        return amount.quantity


def _candidates(
    listed: Sequence[Invoiced], start: dt.datetime, end: dt.datetime
) -> Sequence[Invoiced]:
    """Return the invoices that may be for a month, by the day on which they were written."""
    first, last = f"{start:%Y-%m-%d}", f"{end + _INVOICED_WITHIN:%Y-%m-%d}"
    return [one for one in listed if first <= one.date[:10] <= last]


def _meters(datacenters: Sequence[Datacenter[M]]) -> Iterator[tuple[str, Datacenter[M], M]]:
    for number, one in enumerate(datacenters):
        for place, meter in enumerate(one.meters):
            yield f"$.datacenters[{number}].meters[{place}]", one, meter
