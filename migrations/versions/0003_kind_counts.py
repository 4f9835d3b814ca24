"""Count the resources of a cycle by kind, not only droplets; `cost_history` keeps its columns.

Of cycles from before only the number of droplets is known.

Revision ID: 0003
Revises: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_CYCLE = sa.table(
    "poll_cycle", sa.column("droplet_count", sa.Integer), sa.column("kind_counts", sa.Text)
)
# How each database reads the count of droplets from `kind_counts`.
_DROPLETS = {
    "sqlite": "coalesce(json_extract(kind_counts, '$.droplet'), 0)",
    "postgresql": "coalesce((kind_counts::json ->> 'droplet')::integer, 0)",
}
_TIMES = {
    "sqlite": "strftime('%Y-%m-%dT%H:%M:%SZ', observed_at / 1000000, 'unixepoch')",
    "postgresql": (
        "to_char(to_timestamp(observed_at / 1000000) AT TIME ZONE 'UTC',"
        """ 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
    ),
}
_AMOUNTS = {
    "sqlite": (
        "(CASE WHEN {0} < 0 THEN '-' ELSE '' END"
        " || printf('%d.%09d', abs({0}) / 1000000000, abs({0}) % 1000000000))"
    ),
    "postgresql": "({0} * 0.000000001::numeric)::text",
}


def upgrade() -> None:
    """Replace the count of droplets by counts by kind."""
    dialect = op.get_bind().dialect.name
    _drop_view(dialect)
    op.add_column("poll_cycle", sa.Column("kind_counts", sa.Text))
    known = sa.literal('{"droplet":') + sa.cast(_CYCLE.c.droplet_count, sa.String(20)) + "}"
    op.execute(_CYCLE.update().where(_CYCLE.c.droplet_count.is_not(None)).values(kind_counts=known))
    op.drop_column("poll_cycle", "droplet_count")
    _create_view(dialect, f"CASE WHEN kind_counts IS NOT NULL THEN {_DROPLETS.get(dialect)} END")


def downgrade() -> None:
    """Keep the count of droplets; those of other kinds are lost."""
    dialect = op.get_bind().dialect.name
    _drop_view(dialect)
    op.add_column("poll_cycle", sa.Column("droplet_count", sa.Integer))
    if dialect in _DROPLETS:
        _run(
            f"UPDATE poll_cycle SET droplet_count = {_DROPLETS[dialect]}"
            " WHERE kind_counts IS NOT NULL"
        )
    op.drop_column("poll_cycle", "kind_counts")
    _create_view(dialect, "droplet_count")


def _drop_view(dialect: str) -> None:
    if dialect in _TIMES:
        op.execute("DROP VIEW cost_history")


def _create_view(dialect: str, droplets: str) -> None:
    """Create `cost_history` where its SQL is known; nothing of costmon reads it."""
    if dialect not in _TIMES:
        return
    amounts = ", ".join(
        f"{_AMOUNTS[dialect].format(name)} AS {name}"
        for name in ("total_monthly", "total_daily", "total_hourly")
    )
    _run(
        f"CREATE VIEW cost_history AS SELECT id, {_TIMES[dialect]} AS polled_at, {amounts},"
        f" {droplets} AS droplet_count FROM poll_cycle WHERE total_monthly IS NOT NULL"
    )


def _run(statement: str) -> None:
    """Execute SQL as it is: the driver sees no parameters, so a percent sign is only one."""
    op.get_bind().exec_driver_sql(statement)
