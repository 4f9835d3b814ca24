"""What is known of each reading of an account over a restart: one row each."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, Row, and_, delete, insert, select

from costmon.domain.poll import ReadingKey, ReadingKind, StoredReading
from costmon.domain.resource import Gap
from costmon.domain.usage import Quantity, UsageReading
from costmon.store.packing import readable
from costmon.store.schema import reading_state
from costmon.store.text import storable, storable_key


def write_reading(connection: Connection, stored: StoredReading) -> None:
    """Write a row inside the caller's transaction, in place of the one that was there."""
    table = reading_state.c
    account, provider = storable_key(stored.key.account), storable_key(stored.key.provider)
    connection.execute(
        delete(reading_state).where(
            and_(
                table.account == account,
                table.provider == provider,
                table.reading == stored.key.reading,
            )
        )
    )
    connection.execute(
        insert(reading_state).values(
            account=account,
            provider=provider,
            reading=stored.key.reading,
            next_poll_at=stored.next_poll_at,
            last_success_at=stored.last_success_at,
            complete_through=stored.complete_through,
            content=None if stored.usage is None else _packed(stored.usage),
        )
    )


def read_readings(connection: Connection) -> Mapping[ReadingKey, StoredReading]:
    """Return all rows."""
    rows = connection.execute(select(reading_state))
    return {stored.key: stored for stored in readable(rows, "reading_state", _stored)}


def _stored(row: Row[Any]) -> StoredReading:
    return StoredReading(
        key=ReadingKey(row.account, row.provider, cast("ReadingKind", row.reading)),
        next_poll_at=row.next_poll_at,
        last_success_at=row.last_success_at,
        complete_through=row.complete_through,
        usage=None if row.content is None else msgspec.json.decode(row.content, type=UsageReading),
    )


def _packed(usage: UsageReading) -> str:
    """Return a usage as JSON, its amounts as exact text."""
    clean = replace(
        usage,
        quantities=tuple(_clean(quantity) for quantity in usage.quantities),
        gaps=tuple(Gap(kind=storable(it.kind), reason=storable(it.reason)) for it in usage.gaps),
    )
    return msgspec.json.encode(clean).decode()


def _clean(quantity: Quantity) -> Quantity:
    project = quantity.project
    return replace(
        quantity,
        quota=storable(quantity.quota),
        unit=storable(quantity.unit),
        project=None if project is None else storable(project),
    )
