"""Refuse the commits of a writer that has been replaced.

Python cannot kill a hung thread, so its successor claims the writer's name in the database and
gets a higher number. A writer checks its own number inside every transaction, under a lock that
lasts until the commit: a newer claim either waits for that commit or makes it impossible.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from costmon.errors import StoreFencedError
from costmon.store.schema import fence


@dataclass(frozen=True, slots=True, kw_only=True)
class FenceToken:
    """The right to write under a name, until somebody else claims it.

    Attributes:
        name: The writer's name, such as `persister`.
        number: Issued by the database; a higher one wins.
    """

    name: str
    number: int


def claim(connection: Connection, name: str) -> FenceToken:
    """Issue the next token for `name`; all older ones are invalid from the commit on.

    Waits for a transaction of the present holder that is under way.
    """
    number = _advance(connection, name)
    if number is None:
        try:
            with connection.begin_nested():
                connection.execute(insert(fence).values(name=name, token=1))
            number = 1
        except IntegrityError:
            # Somebody else's first claim was faster; its row can be advanced now.
            number = _advance(connection, name)
            if number is None:
                raise
    return FenceToken(name=name, number=number)


def verify(connection: Connection, token: FenceToken) -> None:
    """Hold the name until this transaction ends.

    Raises:
        StoreFencedError: The name has been claimed again since, or was never claimed here.
    """
    newest = connection.execute(
        select(fence.c.token).where(fence.c.name == token.name).with_for_update()
    ).scalar()
    if newest != token.number:
        msg = (
            f"{token.name} with token {token.number} has been replaced (newest: {newest});"
            " nothing was written"
        )
        raise StoreFencedError(msg)


def hold_all(connection: Connection) -> None:
    """Block all fenced writers until this transaction ends."""
    connection.execute(select(fence.c.token).order_by(fence.c.name).with_for_update()).all()


def _advance(connection: Connection, name: str) -> int | None:
    newest: int | None = connection.execute(
        select(fence.c.token).where(fence.c.name == name).with_for_update()
    ).scalar()
    if newest is None:
        return None
    connection.execute(update(fence).where(fence.c.name == name).values(token=newest + 1))
    return newest + 1
