"""Keep alerts until every channel has taken them.

Revision ID: 0006
Revises: 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the outbox."""
    op.create_table(
        "alert_outbox",
        sa.Column("alert_id", sa.String(200), nullable=False),
        sa.Column("channel", sa.String(200), nullable=False),
        sa.Column("alert", sa.Text, nullable=False),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("alert_id", "channel", name="pk_alert_outbox"),
    )
    op.create_index("ix_alert_outbox_ended_at", "alert_outbox", ["ended_at"])


def downgrade() -> None:
    """Forget which alerts were to be delivered."""
    op.drop_table("alert_outbox")
