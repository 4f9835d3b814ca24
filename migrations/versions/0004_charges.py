"""The ledger: what vendors say was charged, how that has changed, and what it adds up to.

Columns of `charge` have the names of FOCUS 1.3 Cost and Usage. The view `charge_rows` shows its
times as text, for people with a database shell.

Revision ID: 0004
Revises: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KEY = sa.String(200)
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TIMES = frozenset(
    {
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "x_ObservedAt",
    }
)
_TIME_TEXTS = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%SZ', {0} / 1000000, 'unixepoch')",
    "postgresql": (
        "to_char(to_timestamp({0} / 1000000) AT TIME ZONE 'UTC',"
        """ 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    ),
}


def upgrade() -> None:
    """Create the tables and the view."""
    charge = op.create_table(
        "charge",
        sa.Column("id", _ID, nullable=False),
        sa.Column("BilledCost", sa.Text, nullable=False),
        sa.Column("BillingAccountId", sa.Text, nullable=False),
        sa.Column("BillingAccountName", sa.Text),
        sa.Column("BillingAccountType", sa.Text),
        sa.Column("BillingCurrency", _KEY, nullable=False),
        sa.Column("BillingPeriodEnd", sa.BigInteger, nullable=False),
        sa.Column("BillingPeriodStart", sa.BigInteger, nullable=False),
        sa.Column("ChargeCategory", _KEY, nullable=False),
        sa.Column("ChargeClass", sa.Text),
        sa.Column("ChargeDescription", sa.Text),
        sa.Column("ChargeFrequency", sa.Text),
        sa.Column("ChargePeriodEnd", sa.BigInteger, nullable=False),
        sa.Column("ChargePeriodStart", sa.BigInteger, nullable=False),
        sa.Column("ConsumedQuantity", sa.Text),
        sa.Column("ConsumedUnit", sa.Text),
        sa.Column("ContractedCost", sa.Text, nullable=False),
        sa.Column("ContractedUnitPrice", sa.Text),
        sa.Column("EffectiveCost", sa.Text, nullable=False),
        sa.Column("HostProviderName", sa.Text),
        sa.Column("InvoiceDetailId", sa.Text),
        sa.Column("InvoiceId", sa.Text),
        sa.Column("InvoiceIssuerName", sa.Text, nullable=False),
        sa.Column("ListCost", sa.Text, nullable=False),
        sa.Column("ListUnitPrice", sa.Text),
        sa.Column("PricingCategory", sa.Text),
        sa.Column("PricingCurrency", sa.Text),
        sa.Column("PricingCurrencyContractedUnitPrice", sa.Text),
        sa.Column("PricingCurrencyEffectiveCost", sa.Text),
        sa.Column("PricingCurrencyListUnitPrice", sa.Text),
        sa.Column("PricingQuantity", sa.Text),
        sa.Column("PricingUnit", sa.Text),
        sa.Column("RegionId", sa.Text),
        sa.Column("RegionName", sa.Text),
        sa.Column("ResourceId", sa.Text),
        sa.Column("ResourceName", sa.Text),
        sa.Column("ResourceType", sa.Text),
        sa.Column("ServiceCategory", sa.Text, nullable=False),
        sa.Column("ServiceName", _KEY, nullable=False),
        sa.Column("ServiceProviderName", sa.Text, nullable=False),
        sa.Column("ServiceSubcategory", sa.Text),
        sa.Column("SkuId", sa.Text),
        sa.Column("SkuMeter", sa.Text),
        sa.Column("SkuPriceDetails", sa.Text),
        sa.Column("SkuPriceId", sa.Text),
        sa.Column("SubAccountId", _KEY),
        sa.Column("SubAccountName", sa.Text),
        sa.Column("SubAccountType", sa.Text),
        sa.Column("Tags", sa.Text),
        sa.Column("x_Account", _KEY, nullable=False),
        sa.Column("x_Collector", sa.Text, nullable=False),
        sa.Column("x_CostBasis", _KEY, nullable=False),
        sa.Column("x_Day", sa.Date, nullable=False),
        sa.Column("x_DayZone", sa.Text, nullable=False),
        sa.Column("x_ObservedAt", sa.BigInteger, nullable=False),
        sa.Column("x_Provider", _KEY, nullable=False),
        sa.Column("x_RawJson", sa.Text),
        sa.Column("x_Revision", sa.Integer, nullable=False),
        sa.Column("x_SourceRowKey", _KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_charge"),
        sa.UniqueConstraint(
            "x_Account",
            "x_Provider",
            "x_SourceRowKey",
            name="uq_charge_x_Account_x_Provider_x_SourceRowKey",
        ),
    )
    op.create_index(
        "ix_charge_x_Account_x_Provider_x_Day", "charge", ["x_Account", "x_Provider", "x_Day"]
    )
    op.create_table(
        "charge_revision",
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("source_row_key", _KEY, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("replaced_at", sa.BigInteger, nullable=False),
        sa.Column("vanished", sa.Boolean, nullable=False),
        sa.Column("old_values", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint(
            "account", "provider", "source_row_key", "revision", name="pk_charge_revision"
        ),
    )
    op.create_index("ix_charge_revision_replaced_at", "charge_revision", ["replaced_at"])
    op.create_table(
        "charge_day",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("service", _KEY, nullable=False),
        sa.Column("project", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("category", _KEY, nullable=False),
        sa.Column("basis", _KEY, nullable=False),
        sa.Column("billed", sa.BigInteger, nullable=False),
        sa.Column("effective", sa.BigInteger, nullable=False),
        sa.Column("charge_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "day",
            "account",
            "provider",
            "service",
            "project",
            "currency",
            "category",
            "basis",
            name="pk_charge_day",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "charge_month",
        sa.Column("month", sa.Date, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("service", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("basis", _KEY, nullable=False),
        sa.Column("billed", sa.BigInteger, nullable=False),
        sa.Column("effective", sa.BigInteger, nullable=False),
        sa.Column("charge_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "month", "account", "provider", "service", "currency", "basis", name="pk_charge_month"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "charge_project",
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("project", _KEY, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("account", "provider", "project", name="pk_charge_project"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "charge_restatement",
        sa.Column("id", _ID, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("service", _KEY, nullable=False),
        sa.Column("project", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("billed_delta", sa.BigInteger, nullable=False),
        sa.Column("effective_delta", sa.BigInteger, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_charge_restatement"),
    )
    op.create_index("ix_charge_restatement_observed_at", "charge_restatement", ["observed_at"])
    op.create_table(
        "charge_window",
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("start_at", sa.BigInteger, nullable=False),
        sa.Column("end_at", sa.BigInteger, nullable=False),
        sa.Column("intake", sa.String(16), nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("complete_through", sa.BigInteger),
        sa.Column("day_zone", sa.Text, nullable=False),
        sa.Column("charge_count", sa.Integer, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.CheckConstraint(
            "intake IN ('restate', 'replace')", name=op.f("ck_charge_window_intake")
        ),
        sa.CheckConstraint("end_at > start_at", name=op.f("ck_charge_window_order")),
        sa.PrimaryKeyConstraint(
            "account", "provider", "start_at", "end_at", name="pk_charge_window"
        ),
    )
    _create_view([column.name for column in charge.columns])


def downgrade() -> None:
    """Drop them; vendors can be asked again, but not for what they said before."""
    if op.get_bind().dialect.name in _TIME_TEXTS:
        op.execute("DROP VIEW charge_rows")
    for table in (
        "charge_window",
        "charge_restatement",
        "charge_project",
        "charge_month",
        "charge_day",
        "charge_revision",
        "charge",
    ):
        op.drop_table(table)


def _create_view(names: list[str]) -> None:
    """Create `charge_rows` where its SQL is known; nothing of costmon reads it."""
    text = _TIME_TEXTS.get(op.get_bind().dialect.name)
    if text is None:
        return
    columns = ", ".join(
        f"{text.format(_quoted(name))} AS {_quoted(name)}" if name in _TIMES else _quoted(name)
        for name in names
    )
    # The driver sees no parameters, so a percent sign is only a percent sign.
    op.get_bind().exec_driver_sql(f"CREATE VIEW charge_rows AS SELECT {columns} FROM charge")


def _quoted(name: str) -> str:
    return f'"{name}"'
