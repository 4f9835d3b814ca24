"""History: cycles, resources, rate intervals, roll-ups, fences, alert memory.

Money is an INTEGER of nano-units (1e-9), time an INTEGER of microseconds since 1970 UTC. The view
`cost_history` shows both as text, for people with a database shell.

Revision ID: 0001
Revises: nothing, this is the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_KEY = sa.String(200)
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SQLITE_AMOUNT = (
    "(CASE WHEN {0} < 0 THEN '-' ELSE '' END"
    " || printf('%d.%09d', abs({0}) / 1000000000, abs({0}) % 1000000000))"
)
# Multiplying is exact; dividing numerics keeps 16 digits, which large amounts exceed.
_POSTGRESQL_AMOUNT = "({0} * 0.000000001::numeric)::text"
_POSTGRESQL_TIME = (
    "to_char(to_timestamp(observed_at / 1000000) AT TIME ZONE 'UTC',"
    """ 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
)
_VIEWS = {
    "sqlite": (
        "strftime('%Y-%m-%dT%H:%M:%SZ', observed_at / 1000000, 'unixepoch')",
        _SQLITE_AMOUNT,
    ),
    "postgresql": (
        _POSTGRESQL_TIME,
        _POSTGRESQL_AMOUNT,
    ),
}


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "poll_cycle",
        sa.Column("id", _ID, nullable=False),
        sa.Column("cycle_id", _KEY, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("duration_s", sa.Double, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32)),
        sa.Column("message", sa.Text),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("account_monthly", sa.BigInteger),
        sa.Column("account_currency", _KEY),
        sa.Column("total_currency", _KEY),
        sa.Column("total_monthly", sa.BigInteger),
        sa.Column("total_daily", sa.BigInteger),
        sa.Column("total_hourly", sa.BigInteger),
        sa.Column("droplet_count", sa.Integer),
        sa.Column("resource_count", sa.Integer),
        sa.Column("unpriced_count", sa.Integer),
        sa.Column("gaps", sa.Text),
        sa.Column("not_priced", sa.Text),
        sa.Column("balance", sa.Text),
        sa.CheckConstraint("outcome IN ('good', 'failed')", name=op.f("ck_poll_cycle_outcome")),
        sa.PrimaryKeyConstraint("id", name="pk_poll_cycle"),
        sa.UniqueConstraint("cycle_id", name="uq_poll_cycle_cycle_id"),
    )
    op.create_index("ix_poll_cycle_observed_at", "poll_cycle", ["observed_at"])
    op.create_table(
        "account",
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("cycle_id", _KEY, nullable=False),
        sa.Column("observed_at", sa.BigInteger, nullable=False),
        sa.Column("accrued_until", sa.BigInteger, nullable=False),
        sa.Column("gaps", sa.Text, nullable=False),
        sa.Column("not_priced", sa.Text, nullable=False),
        sa.Column("balance", sa.Text),
        sa.PrimaryKeyConstraint("account", "provider", name="pk_account"),
    )
    op.create_table(
        "resource",
        sa.Column("id", _ID, nullable=False, autoincrement=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("vendor_id", _KEY, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("region", _KEY),
        sa.Column("size", sa.Text),
        sa.Column("status", sa.Text),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("basis", sa.String(16), nullable=False),
        sa.Column("unpriced", sa.Text),
        sa.Column("waste", sa.Text),
        sa.Column("details", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_resource"),
        sa.UniqueConstraint(
            "account",
            "provider",
            "kind",
            "vendor_id",
            name="uq_resource_account_provider_kind_vendor_id",
        ),
    )
    op.create_table(
        "rate_interval",
        sa.Column("resource_id", _ID, nullable=False, autoincrement=False),
        sa.Column("valid_from", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("valid_to", sa.BigInteger),
        sa.Column("monthly", sa.BigInteger),
        sa.Column("currency", _KEY, nullable=False),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_to >= valid_from", name=op.f("ck_rate_interval_order")
        ),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["resource.id"], name="fk_rate_interval_resource_id"
        ),
        sa.PrimaryKeyConstraint("resource_id", "valid_from", name="pk_rate_interval"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_rate_interval_valid_to", "rate_interval", ["valid_to"])
    op.create_table(
        "daily_rollup",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("kind", _KEY, nullable=False),
        sa.Column("region", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("accrued", sa.BigInteger, nullable=False),
        sa.Column("remainder", sa.BigInteger, nullable=False),
        sa.Column("last_monthly", sa.BigInteger, nullable=False),
        sa.Column("resource_count", sa.Integer, nullable=False),
        sa.Column("unpriced_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "account", "provider", "kind", "region", "currency", name="pk_daily_rollup"
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "daily_coverage",
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("observed_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day", "account", "provider", name="pk_daily_coverage"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fence",
        sa.Column("name", _KEY, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_fence"),
    )
    op.create_table(
        "alert_memory",
        sa.Column("condition", _KEY, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("condition", name="pk_alert_memory"),
    )
    _create_view(op.get_bind().dialect.name)


def downgrade() -> None:
    """Drop everything."""
    if op.get_bind().dialect.name in _VIEWS:
        op.execute("DROP VIEW cost_history")
    for table in (
        "alert_memory",
        "fence",
        "daily_coverage",
        "daily_rollup",
        "rate_interval",
        "resource",
        "account",
        "poll_cycle",
    ):
        op.drop_table(table)


def _create_view(dialect: str) -> None:
    """Create `cost_history` where its SQL is known; nothing of costmon reads it."""
    if dialect not in _VIEWS:
        return
    polled_at, amount = _VIEWS[dialect]
    columns = ", ".join(
        f"{amount.format(name)} AS {name}"
        for name in ("total_monthly", "total_daily", "total_hourly")
    )
    # The driver sees no parameters, so a percent sign is only a percent sign.
    op.get_bind().exec_driver_sql(
        f"CREATE VIEW cost_history AS SELECT id, {polled_at} AS polled_at, {columns},"
        " droplet_count FROM poll_cycle WHERE total_monthly IS NOT NULL"
    )
