"""Write a bill split by endpoint as CSV, in the split cost allocation format of FOCUS 1.3.

The rows belong in a separate table: next to the bill's own row, costs would count twice. Columns
that 1.3 deprecates are left out; unknown values are `NULL`. A projection is not a bill: its costs
are list prices, and nothing is billed.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Literal, NamedTuple

from costmon import __version__
from costmon.meter.projection.allocation import Allocation, Part

Basis = Literal["billed", "list_price"]

NULL = "NULL"
NOT_INVOICED = "not invoiced (projected by costmon)"
"""The issuer of projected costs."""

_ALLOCATED = (
    "AllocatedMethodId",
    "AllocatedMethodDetails",
    "AllocatedResourceId",
    "AllocatedResourceName",
    "AllocatedTags",
)
COLUMNS = (
    *("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"),
    *("BillingAccountId", "BillingAccountName", "BillingCurrency"),
    *("BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart", "ChargePeriodEnd"),
    *("ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ServiceName", "ServiceCategory", "ServiceSubcategory"),
    *("ServiceProviderName", "HostProviderName", "InvoiceIssuerName"),
    *("PricingQuantity", "PricingUnit", "ConsumedQuantity", "ConsumedUnit"),
    *("RegionId", "RegionName", "ResourceId", "ResourceName", "ResourceType", "Tags"),
    *_ALLOCATED,
    *("x_CostBasis", "x_ObservedAt", "x_Collector", "x_CollectorVersion"),
)
_PROVIDERS = {
    "AWS": ("Amazon Web Services", "Amazon Elastic Compute Cloud"),
    "GCP": ("Google Cloud", "Compute Engine"),
    "AZURE": ("Microsoft Azure", "Virtual Machines"),
}


class Charge(NamedTuple):
    """What the bill is for.

    Attributes:
        service: The application.
        provider: `AWS`, `GCP` or `AZURE`.
        region: The provider's name of the region.
        month: First day of the month.
        account: The billing account.
        currency: ISO 4217 code.
        basis: `list_price` if the bill is a projection; else `billed`.
        observed_at: When the endpoints were measured last; timezone-aware.
    """

    service: str
    provider: str
    region: str
    month: dt.date
    account: str
    currency: str
    basis: Basis
    observed_at: dt.datetime


def text_of(allocation: Allocation, charge: Charge) -> str:
    """Return the rows as CSV with a header; the unallocated cost is last."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows_of(allocation, charge))
    return text.getvalue()


def rows_of(allocation: Allocation, charge: Charge) -> Iterator[dict[str, str]]:
    """Yield a row for each endpoint and one for the rest; their costs add up to the bill."""
    issuer, product = _PROVIDERS[charge.provider]
    start, end = _moment(charge.month), _moment(_next_month(charge.month))
    shared = {
        "BillingAccountId": charge.account,
        "BillingAccountName": NULL,
        "BillingCurrency": charge.currency,
        "BillingPeriodStart": start,
        "BillingPeriodEnd": end,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeCategory": "Usage",
        "ChargeClass": NULL,
        "ChargeFrequency": "Usage-Based",
        "ServiceName": product,
        "ServiceCategory": "Compute",
        "ServiceSubcategory": "Virtual Machines",
        "ServiceProviderName": issuer,
        "HostProviderName": issuer,
        "InvoiceIssuerName": issuer,
        "RegionId": charge.region,
        "RegionName": charge.region,
        "ResourceId": charge.service,
        "ResourceName": charge.service,
        "ResourceType": "Application",
        "Tags": "{}",
        "x_CostBasis": charge.basis,
        "x_ObservedAt": f"{charge.observed_at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
        "x_Collector": "costmon.meter",
        "x_CollectorVersion": __version__,
    }
    if charge.basis == "list_price":
        shared |= {"InvoiceIssuerName": NOT_INVOICED, "Tags": '{"costmon:projection": true}'}
    for part in allocation.rows:
        yield {**shared, **_own(part, charge), **part.focus()}


def _own(part: Part, charge: Charge) -> dict[str, str]:
    # Only one of the four is known; it may or may not include discounts.
    costs = dict.fromkeys(COLUMNS[:4], _decimal(part.cost))
    said = f"{charge.service}: {part.name}, by CPU time and traffic"
    if charge.basis == "list_price":
        # A projection for imagined users has a list price; nobody has billed it.
        costs |= {"BilledCost": "0.0", "EffectiveCost": "0.0"}
        said = f"Projection, not billed: {said}"
    quantity = _decimal(part.vcpu_hours)
    return {
        **costs,
        "ChargeDescription": said,
        "PricingQuantity": quantity,
        "PricingUnit": "vCPU-Hours",
        "ConsumedQuantity": quantity,
        "ConsumedUnit": "vCPU-Hours",
    }


def _decimal(amount: Decimal) -> str:
    """Return a number with a decimal point, so that readers do not infer an integer column."""
    text = f"{amount:f}"
    return text if "." in text else f"{text}.0"


def _moment(day: dt.date) -> str:
    return f"{day:%Y-%m-%d}T00:00:00Z"


def _next_month(day: dt.date) -> dt.date:
    return (day.replace(day=28) + dt.timedelta(days=4)).replace(day=1)
