"""The tables of the ledger: what vendors say was charged.

Columns of `charge` have the names of FOCUS 1.3 Cost and Usage; ours begin with `x_`. Columns that
FOCUS has and `Charge` has not are in `x_RawJson`, where the vendor sends them. Amounts and
quantities are text with the vendor's exact digits; the view `charge_rows` shows times as text.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from costmon.store.columns import ExactDecimal, NanoAmount, UtcMicros
from costmon.store.schema import metadata
from costmon.store.text import KEY_CHARACTERS

_Key = String(KEY_CHARACTERS)
_Id = BigInteger().with_variant(Integer, "sqlite")

NO_PROJECT = "-"
"""In roll-ups, for rows without a SubAccountId."""


def focus_name(attribute: str) -> str:
    """Return the FOCUS column of an attribute of `Charge`: `BilledCost` of `billed_cost`."""
    return "".join(word.capitalize() for word in attribute.split("_"))


charge = Table(
    "charge",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("BilledCost", ExactDecimal, nullable=False),
    Column("BillingAccountId", Text, nullable=False),
    Column("BillingAccountName", Text),
    Column("BillingAccountType", Text),
    Column("BillingCurrency", _Key, nullable=False),
    Column("BillingPeriodEnd", UtcMicros, nullable=False),
    Column("BillingPeriodStart", UtcMicros, nullable=False),
    Column("ChargeCategory", _Key, nullable=False),
    Column("ChargeClass", Text),
    Column("ChargeDescription", Text),
    Column("ChargeFrequency", Text),
    Column("ChargePeriodEnd", UtcMicros, nullable=False),
    Column("ChargePeriodStart", UtcMicros, nullable=False),
    Column("ConsumedQuantity", ExactDecimal),
    Column("ConsumedUnit", Text),
    Column("ContractedCost", ExactDecimal, nullable=False),
    Column("ContractedUnitPrice", ExactDecimal),
    Column("EffectiveCost", ExactDecimal, nullable=False),
    Column("HostProviderName", Text),
    Column("InvoiceDetailId", Text),
    Column("InvoiceId", Text),
    Column("InvoiceIssuerName", Text, nullable=False),
    Column("ListCost", ExactDecimal, nullable=False),
    Column("ListUnitPrice", ExactDecimal),
    Column("PricingCategory", Text),
    Column("PricingCurrency", Text),
    Column("PricingCurrencyContractedUnitPrice", ExactDecimal),
    Column("PricingCurrencyEffectiveCost", ExactDecimal),
    Column("PricingCurrencyListUnitPrice", ExactDecimal),
    Column("PricingQuantity", ExactDecimal),
    Column("PricingUnit", Text),
    Column("RegionId", Text),
    Column("RegionName", Text),
    Column("ResourceId", Text),
    Column("ResourceName", Text),
    Column("ResourceType", Text),
    Column("ServiceCategory", Text, nullable=False),
    Column("ServiceName", _Key, nullable=False),
    Column("ServiceProviderName", Text, nullable=False),
    Column("ServiceSubcategory", Text),
    Column("SkuId", Text),
    Column("SkuMeter", Text),
    Column("SkuPriceDetails", Text),
    Column("SkuPriceId", Text),
    Column("SubAccountId", _Key),
    Column("SubAccountName", Text),
    Column("SubAccountType", Text),
    Column("Tags", Text),
    Column("x_Account", _Key, nullable=False),
    Column("x_Collector", Text, nullable=False),
    Column("x_CostBasis", _Key, nullable=False),
    Column("x_Day", Date, nullable=False),
    Column("x_DayZone", Text, nullable=False),
    Column("x_ObservedAt", UtcMicros, nullable=False),
    Column("x_Provider", _Key, nullable=False),
    Column("x_RawJson", Text),
    Column("x_Revision", Integer, nullable=False),
    Column("x_SourceRowKey", _Key, nullable=False),
    UniqueConstraint("x_Account", "x_Provider", "x_SourceRowKey"),
    Index(None, "x_Account", "x_Provider", "x_Day"),
)
"""One row for each charge, as the vendor last gave it.

`x_Day` is the vendor's day that the row counts on: the one in `x_DayZone` that its charge period
starts on, also when that lasts longer. `x_ObservedAt` is when this content was first read,
`x_Revision` how often the vendor has given other content before, plus one.
"""

charge_revision = Table(
    "charge_revision",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("source_row_key", _Key, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("observed_at", UtcMicros, nullable=False),
    Column("replaced_at", UtcMicros, nullable=False),
    Column("vanished", Boolean, nullable=False),
    Column("old_values", Text, nullable=False),
    Index(None, "replaced_at"),
)
"""What a row was before: the columns that differed, as JSON; all of them when the row vanished."""

charge_day = Table(
    "charge_day",
    metadata,
    Column("day", Date, primary_key=True),
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("service", _Key, primary_key=True),
    Column("project", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("category", _Key, primary_key=True),
    Column("basis", _Key, primary_key=True),
    Column("billed", NanoAmount, nullable=False),
    Column("effective", NanoAmount, nullable=False),
    Column("charge_count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What the charges of one of the vendor's days add up to: exactly, then rounded once, half to even.

Every other sum is a sum of these, so that parts and totals agree to the last digit.
"""

charge_month = Table(
    "charge_month",
    metadata,
    Column("month", Date, primary_key=True),
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("service", _Key, primary_key=True),
    Column("currency", _Key, primary_key=True),
    Column("basis", _Key, primary_key=True),
    Column("billed", NanoAmount, nullable=False),
    Column("effective", NanoAmount, nullable=False),
    Column("charge_count", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""What `charge_day` adds up to by calendar month, over projects and categories."""

charge_project = Table(
    "charge_project",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("project", _Key, primary_key=True),
    Column("name", Text, nullable=False),
    sqlite_with_rowid=False,
)
"""The name that each project (SubAccountId) was last given."""

charge_restatement = Table(
    "charge_restatement",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("account", _Key, nullable=False),
    Column("provider", _Key, nullable=False),
    Column("day", Date, nullable=False),
    Column("service", _Key, nullable=False),
    Column("project", _Key, nullable=False),
    Column("currency", _Key, nullable=False),
    Column("billed_delta", NanoAmount, nullable=False),
    Column("effective_delta", NanoAmount, nullable=False),
    Column("observed_at", UtcMicros, nullable=False),
    Index(None, "observed_at"),
)
"""By how much days changed after the vendor had called them complete."""

charge_window = Table(
    "charge_window",
    metadata,
    Column("account", _Key, primary_key=True),
    Column("provider", _Key, primary_key=True),
    Column("start_at", UtcMicros, primary_key=True, autoincrement=False),
    Column("end_at", UtcMicros, primary_key=True, autoincrement=False),
    Column("intake", String(16), nullable=False),
    Column("observed_at", UtcMicros, nullable=False),
    Column("complete_through", UtcMicros),
    Column("day_zone", Text, nullable=False),
    Column("charge_count", Integer, nullable=False),
    Column("gaps", Text, nullable=False),
    CheckConstraint("intake IN ('restate', 'replace')", name="intake"),
    CheckConstraint("end_at > start_at", name="order"),
)
"""Which spans of time have been read; a window takes the place of those it covers."""
