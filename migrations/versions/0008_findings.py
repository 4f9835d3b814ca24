"""Keep spend in buckets by series, the states of detection, and its findings.

Revision ID: 0008
Revises: 0007.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "spend_bucket",
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("unit", sa.String(200), nullable=False),
        sa.Column("ends_at", sa.BigInteger, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("late", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "unit", "ends_at", name="pk_spend_bucket"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_spend_bucket_ends_at", "spend_bucket", ["ends_at"])
    op.create_table(
        "spend_watch",
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("unit", sa.String(200), nullable=False),
        sa.Column("began_at", sa.BigInteger),
        sa.Column("fed_until", sa.BigInteger, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("scope", "unit", name="pk_spend_watch"),
    )
    op.create_table(
        "finding",
        sa.Column("id", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_finding"),
    )
    op.create_index("ix_finding_opened_at", "finding", ["opened_at"])
    op.create_index("ix_finding_state", "finding", ["state"])


def downgrade() -> None:
    """Forget what detection knows."""
    op.drop_table("finding")
    op.drop_table("spend_watch")
    op.drop_table("spend_bucket")
