"""Run migrations inside a transaction that the caller has begun.

costmon hands over a connection (`costmon.store.migrate`); developers give a URL on alembic's own
command line: `alembic -x url=sqlite:///PATH revision --autogenerate -m "..."`.
"""

from alembic import context

from costmon.store.database import locate
from costmon.store.engine import make_engine
from costmon.store.schema import VERSION_TABLE, metadata


def run() -> None:
    """Migrate over the connection that was handed over, or over a new one."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        url = context.get_x_argument(as_dictionary=True)["url"]
        with make_engine(locate(str(url)), "migrate").begin() as opened:
            migrate(opened)
    else:
        migrate(connection)


def migrate(connection: object) -> None:
    """Run what alembic was asked for."""
    context.configure(
        connection=connection,  # type: ignore[arg-type]  # alembic keeps attributes untyped
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
