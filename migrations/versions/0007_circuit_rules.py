"""Keep which rule opened a circuit, how often in a row, and until when it is half-open.

Revision ID: 0007
Revises: 0006.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; circuits so far were opened by hand."""
    with op.batch_alter_table("circuit") as batch:
        batch.add_column(sa.Column("rule", sa.String(200)))
        batch.add_column(sa.Column("cause", sa.String(16)))
        batch.add_column(sa.Column("openings", sa.Integer, nullable=False, server_default="0"))
        batch.add_column(sa.Column("trial_ends_at", sa.BigInteger))


def downgrade() -> None:
    """Forget it: what is open stays open until it expires."""
    with op.batch_alter_table("circuit") as batch:
        for name in ("trial_ends_at", "openings", "cause", "rule"):
            batch.drop_column(name)
