"""What a vendor says was charged: rows with the names of FOCUS 1.3 Cost and Usage.

Attributes are the FOCUS columns in snake_case. The two columns that FOCUS deprecates (ProviderName,
PublisherName) are left out; those without an attribute stay in `raw`.

Source: https://focus.finops.org/focus-specification/ (version 1.3)
"""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from costmon.domain.amount import HIGHEST, MOST_QUANTITY, is_number
from costmon.domain.resource import Basis, Gap
from costmon.errors import ChargeError

ChargeCategory = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
ChargeClass = Literal["Correction"]
ChargeFrequency = Literal["One-Time", "Recurring", "Usage-Based"]
PricingCategory = Literal["Standard", "Committed", "Dynamic", "Other"]
Intake = Literal["restate", "replace"]

_MOST_QUANTITY = Decimal(MOST_QUANTITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One row of a vendor's charges, usually one service on one day.

    Amounts keep every digit that the vendor wrote. A vendor that gives only one of the four costs
    has it in all four.

    Attributes:
        source_row_key: Identifies the row within the account, the same at every read: an amount
            under a known key restates it. Made of requested dimensions only.
        charge_period_start: First instant charged for, aware UTC.
        charge_period_end: First instant after it, aware UTC.
        billing_period_start: Start of the bill that it is on, aware UTC.
        billing_period_end: First instant after that bill's period, aware UTC.
        billed_cost: What is invoiced; 0 where an allowance or a commitment covers it.
        effective_cost: Amortised, after discounts.
        list_cost: At list price.
        contracted_cost: At the contract's price, before commitment discounts.
        billing_currency: ISO 4217, upper case.
        basis: What kind of number `billed_cost` is.
        charge_category: FOCUS ChargeCategory.
        service_name: The vendor's own name of the service.
        service_category: FOCUS ServiceCategory, such as `Compute`; `Other` when it fits none.
        service_provider_name: Who offers the service, as people write it.
        invoice_issuer_name: Who sends the bill.
        billing_account_id: The vendor's id of the paying account, as text.
        charge_class: `Correction` for a closed billing period; else `None`.
        charge_description: The vendor's words.
        charge_frequency: How often it recurs; `None` when the vendor does not say.
        service_subcategory: FOCUS ServiceSubcategory.
        host_provider_name: Whose infrastructure it runs on, when that is another.
        billing_account_name: As people know the account.
        billing_account_type: What the vendor calls such an account: `team`.
        sub_account_id: The vendor's project, workspace or team.
        sub_account_name: Its name.
        sub_account_type: What the vendor calls such a thing: `project`.
        resource_id: What was charged for, where the vendor says.
        resource_name: Its name.
        resource_type: Its kind.
        region_id: The vendor's region.
        region_name: Its name.
        sku_id: The vendor's id of what is sold.
        sku_meter: What is measured, in words.
        sku_price_id: The vendor's id of the price.
        pricing_category: FOCUS PricingCategory.
        pricing_quantity: How much was priced.
        pricing_unit: In which unit; `None` exactly when there is no quantity.
        consumed_quantity: How much was used; differs from what was priced by allowances.
        consumed_unit: In which unit.
        list_unit_price: Price of one pricing unit, by list.
        contracted_unit_price: Price of one pricing unit, by contract.
        pricing_currency: What the price is in when that is not the currency billed: `credits`.
        pricing_currency_list_unit_price: Price of one pricing unit in it, by list.
        pricing_currency_contracted_unit_price: Price of one pricing unit in it, by contract.
        pricing_currency_effective_cost: The effective cost in it.
        sku_price_details: What else decides the price, as JSON text.
        invoice_id: Of the invoice it is on, once there is one.
        invoice_detail_id: Of the line of that invoice.
        tags: The vendor's tags, as sorted pairs.
        raw: The vendor's row as JSON text without secrets; `None` when it is not kept.
    """

    source_row_key: str
    charge_period_start: dt.datetime
    charge_period_end: dt.datetime
    billing_period_start: dt.datetime
    billing_period_end: dt.datetime
    billed_cost: Decimal
    effective_cost: Decimal
    list_cost: Decimal
    contracted_cost: Decimal
    billing_currency: str
    basis: Basis
    charge_category: ChargeCategory
    service_name: str
    service_category: str
    service_provider_name: str
    invoice_issuer_name: str
    billing_account_id: str
    charge_class: ChargeClass | None = None
    charge_description: str | None = None
    charge_frequency: ChargeFrequency | None = None
    service_subcategory: str | None = None
    host_provider_name: str | None = None
    billing_account_name: str | None = None
    billing_account_type: str | None = None
    sub_account_id: str | None = None
    sub_account_name: str | None = None
    sub_account_type: str | None = None
    resource_id: str | None = None
    resource_name: str | None = None
    resource_type: str | None = None
    region_id: str | None = None
    region_name: str | None = None
    sku_id: str | None = None
    sku_meter: str | None = None
    sku_price_id: str | None = None
    pricing_category: PricingCategory | None = None
    pricing_quantity: Decimal | None = None
    pricing_unit: str | None = None
    consumed_quantity: Decimal | None = None
    consumed_unit: str | None = None
    list_unit_price: Decimal | None = None
    contracted_unit_price: Decimal | None = None
    pricing_currency: str | None = None
    pricing_currency_list_unit_price: Decimal | None = None
    pricing_currency_contracted_unit_price: Decimal | None = None
    pricing_currency_effective_cost: Decimal | None = None
    sku_price_details: str | None = None
    invoice_id: str | None = None
    invoice_detail_id: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    raw: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeWindow:
    """All charges of one account whose period starts in [start, end): all of them, or none.

    Attributes:
        account: The account's name.
        provider: The vendor's slug.
        observed_at: When the read began, aware UTC.
        start: First instant asked for, aware UTC.
        end: First instant not asked for, aware UTC.
        intake: `restate`: rows are kept by their key, a changed one is a revision, one that is not
            in the answer stays. `replace`: the rows of the window become exactly these.
        day_zone: IANA zone of the vendor's days: `UTC`, `America/Los_Angeles`.
        charges: In the vendor's order.
        complete_through: Before this instant the vendor adds nothing any more but corrections,
            aware UTC; `None` when it does not say.
        gaps: What this credential or plan cannot see.
        only_unread: Whether spans that an earlier window has covered stay as they are: rows are
            taken only outside of them.
        counted_through: Everything before this instant is in the rows, though not by its own day: a
            row may be for a month. `None`: as `complete_through`.

    Raises:
        ChargeError: The window or a row of it contradicts what is said here: two rows have one key,
            a period starts outside the window, a time is naive, a currency or an amount is not one.
    """

    account: str
    provider: str
    observed_at: dt.datetime
    start: dt.datetime
    end: dt.datetime
    intake: Intake
    day_zone: str
    charges: tuple[Charge, ...] = field(repr=False)
    complete_through: dt.datetime | None
    gaps: tuple[Gap, ...]
    only_unread: bool = False
    counted_through: dt.datetime | None = None

    def __post_init__(self) -> None:
        moments = (
            self.observed_at,
            self.start,
            self.end,
            self.complete_through,
            self.counted_through,
        )
        if any(moment is not None and moment.tzinfo is None for moment in moments):
            raise ChargeError(self.account, "a time of the window has no time zone")
        if self.end <= self.start:
            raise ChargeError(self.account, f"the window ends ({self.end}) before it starts")
        try:
            ZoneInfo(self.day_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ChargeError(self.account, f"{self.day_zone!r} is not an IANA zone") from None
        keys: set[str] = set()
        for charge in self.charges:
            fault = _fault(charge)
            if fault is None and not self.start <= charge.charge_period_start < self.end:
                fault = f"its period starts at {charge.charge_period_start}, outside the window"
            if fault is None and charge.source_row_key in keys:
                fault = "two rows have this key: what sets them apart must be part of it"
            if fault is not None:
                raise ChargeError(self.account, f"charge {charge.source_row_key[:80]!r}: {fault}")
            keys.add(charge.source_row_key)


def _fault(charge: Charge) -> str | None:
    """Return why the row cannot be kept; `None` when it can."""
    start, end = charge.charge_period_start, charge.charge_period_end
    bill_start, bill_end = charge.billing_period_start, charge.billing_period_end
    if (
        start.tzinfo is None
        or end.tzinfo is None
        or bill_start.tzinfo is None
        or bill_end.tzinfo is None
    ):
        return "a time has no time zone"
    if end < start or bill_end < bill_start:
        return "a period ends before it starts"
    currency = charge.billing_currency
    if not (len(currency) == 3 and currency.isascii() and currency.isupper()):  # noqa: PLR2004 - ISO 4217
        return f"{currency[:20]!r} is not an ISO 4217 currency code such as 'USD'"
    checked: Decimal | None = None
    for cost in (
        charge.billed_cost,
        charge.effective_cost,
        charge.list_cost,
        charge.contracted_cost,
    ):
        # A vendor that gives one cost has the same object in several.
        if cost is not checked and not is_number(cost):
            return f"a cost is not a number from -{HIGHEST} to {HIGHEST}"
        checked = cost
    for other in (
        charge.pricing_quantity,
        charge.consumed_quantity,
        charge.list_unit_price,
        charge.contracted_unit_price,
        charge.pricing_currency_list_unit_price,
        charge.pricing_currency_contracted_unit_price,
        charge.pricing_currency_effective_cost,
    ):
        if other is not None and not is_number(other, _MOST_QUANTITY):
            return "a quantity or price is not a number"
    return None if charge.source_row_key else "its key is empty"
