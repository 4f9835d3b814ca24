"""What a vendor says was charged: rows with the names of FOCUS 1.3 Cost and Usage.

Attributes are the FOCUS columns in snake_case; `focus_name` of the store turns them back. The two
columns that FOCUS deprecates (ProviderName, PublisherName) are left out.

Source: https://focus.finops.org/focus-specification/ (version 1.3)
"""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from costmon.domain.resource import Basis, Gap

ChargeCategory = Literal["Usage", "Purchase", "Tax", "Credit", "Adjustment"]
ChargeClass = Literal["Correction"]
ChargeFrequency = Literal["One-Time", "Recurring", "Usage-Based"]
PricingCategory = Literal["Standard", "Committed", "Dynamic", "Other"]
Intake = Literal["restate", "replace"]


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
        invoice_id: Of the invoice it is on, once there is one.
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
    invoice_id: str | None = None
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
    """

    account: str
    provider: str
    observed_at: dt.datetime
    start: dt.datetime
    end: dt.datetime
    intake: Intake
    day_zone: str
    charges: tuple[Charge, ...]
    complete_through: dt.datetime | None
    gaps: tuple[Gap, ...]
