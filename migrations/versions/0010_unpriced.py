"""Count the calls to models without a known price, by scope.

Revision ID: 0010
Revises: 0009.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and count the rows that there are."""
    op.create_table(
        "guard_unpriced",
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("currency", sa.String(200), nullable=False),
        sa.Column("spent", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("scope", "currency", name="pk_guard_unpriced"),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO guard_unpriced (scope, currency, spent, requests, failed) "
        "SELECT scope, currency, SUM(spent), SUM(requests), SUM(failed) "
        "FROM guard_spend WHERE activity = 'unpriced_call' GROUP BY scope, currency"
    )


def downgrade() -> None:
    """Forget which calls had no price; their cost stays in the totals."""
    op.drop_table("guard_unpriced")
