"""Keep what was accrued while nothing was observed apart from what was observed.

Roll-ups that exist keep their amounts: what of them was observed is not known.

Revision ID: 0009
Revises: 0008.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "history_gap",
        sa.Column("account", sa.String(200), nullable=False),
        sa.Column("provider", sa.String(200), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(200), nullable=False),
        sa.Column("region", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(200), nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("monthly", sa.BigInteger, nullable=False),
        sa.Column("resource_count", sa.Integer, nullable=False),
        sa.Column("unpriced_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint(
            "account",
            "provider",
            "started_at",
            "kind",
            "region",
            "currency",
            name="pk_history_gap",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_history_gap_ended_at", "history_gap", ["ended_at"])


def downgrade() -> None:
    """Forget what was not observed, and its cost."""
    op.drop_table("history_gap")
