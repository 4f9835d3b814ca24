"""Remember when each reading of an account is due again, and which kinds could not be read.

Revision ID: 0005
Revises: 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_KEY = sa.String(200)


def upgrade() -> None:
    """Create the table; no reading is known to have been read yet."""
    op.create_table(
        "reading_state",
        sa.Column("account", _KEY, nullable=False),
        sa.Column("provider", _KEY, nullable=False),
        sa.Column("reading", sa.String(16), nullable=False),
        sa.Column("next_poll_at", sa.BigInteger, nullable=False),
        sa.Column("last_success_at", sa.BigInteger, nullable=False),
        sa.Column("complete_through", sa.BigInteger),
        sa.Column("content", sa.Text),
        sa.CheckConstraint(
            "reading IN ('inventory', 'charges', 'usage')", name=op.f("ck_reading_state_reading")
        ),
        sa.PrimaryKeyConstraint("account", "provider", "reading", name="pk_reading_state"),
    )
    op.add_column("account", sa.Column("failed", sa.Text))


def downgrade() -> None:
    """Forget it: everything is read at the next start."""
    op.drop_column("account", "failed")
    op.drop_table("reading_state")
