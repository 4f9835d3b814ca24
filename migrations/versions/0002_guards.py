"""What guards report, and what they go by: spend, budgets, circuits, and who changed them.

Revision ID: 0002
Revises: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = sa.String(200)
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "guard_spend",
        sa.Column("store", _KEY, nullable=False),
        sa.Column("hour", sa.BigInteger, nullable=False),
        sa.Column("scope", _KEY, nullable=False),
        sa.Column("activity", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("expired", sa.BigInteger, nullable=False),
        sa.Column("bytes_in", sa.BigInteger, nullable=False),
        sa.Column("bytes_out", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("store", "hour", "scope", "activity", name="pk_guard_spend"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_guard_spend_hour", "guard_spend", ["hour"])
    op.create_table(
        "guard_total",
        sa.Column("scope", _KEY, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "currency", name="pk_guard_total"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "guard_seen",
        sa.Column("guard", _KEY, nullable=False),
        sa.Column("store", _KEY, nullable=False),
        sa.Column("app", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.BigInteger, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("confirmed", sa.BigInteger),
        sa.Column("gap_at", sa.BigInteger),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("guard", name="pk_guard_seen"),
    )
    op.create_index("ix_guard_seen_seen_at", "guard_seen", ["seen_at"])
    op.create_table(
        "budget",
        sa.Column("scope", _KEY, nullable=False),
        sa.Column("period", _KEY, nullable=False),
        sa.Column("limit_amount", sa.BigInteger, nullable=False),
        sa.Column("currency", _KEY, nullable=False),
        sa.Column("warn", sa.BigInteger),
        sa.Column("block", sa.BigInteger),
        sa.Column("author", sa.Text),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "period", name="pk_budget"),
    )
    op.create_table(
        "circuit",
        sa.Column("scope", _KEY, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.CheckConstraint("state IN ('open', 'closed')", name=op.f("ck_circuit_state")),
        sa.PrimaryKeyConstraint("scope", name="pk_circuit"),
    )
    op.create_table(
        "audit",
        sa.Column("id", _ID, nullable=False),
        sa.Column("change_id", _KEY, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scope", _KEY, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sa.UniqueConstraint("change_id", name="uq_audit_change_id"),
    )


def downgrade() -> None:
    """Drop them; what guards reported and people decided is lost."""
    for table in ("audit", "circuit", "budget", "guard_seen", "guard_total", "guard_spend"):
        op.drop_table(table)
