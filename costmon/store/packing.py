"""Facts of an inventory that nobody queries, as JSON text in one column."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import msgspec
import structlog

from costmon.domain.charge import ChargeWindow
from costmon.domain.resource import Balance, Gap, Inventory, KindFailure, NotPriced
from costmon.domain.totals import Totals
from costmon.store.set_aside import UNREADABLE
from costmon.store.text import storable, storable_key

V = TypeVar("V")
D = TypeVar("D")
_UNREADABLE_TEXT = "what history has kept of it cannot be read"
_log = structlog.get_logger("costmon.store")

Details = tuple[tuple[str, str], ...]


def pack_gaps(reading: Inventory | ChargeWindow) -> str:
    """Return the kinds that could not be seen as JSON."""
    return _json(
        tuple(Gap(kind=storable(it.kind), reason=storable(it.reason)) for it in reading.gaps)
    )


def pack_not_priced(inventory: Inventory) -> str:
    """Return the kinds that cannot be priced as JSON."""
    return _json(
        tuple(
            NotPriced(kind=storable(it.kind), reason=storable(it.reason))
            for it in inventory.not_priced
        )
    )


def pack_balance(inventory: Inventory) -> str | None:
    """Return the vendor's own figure as JSON, its amount as exact text."""
    return None if inventory.balance is None else _json(inventory.balance)


def pack_failed(inventory: Inventory) -> str | None:
    """Return the kinds that could not be read as JSON; `None`: none."""
    if not inventory.failed:
        return None
    return _json(
        tuple(
            replace(it, kind=storable(it.kind), message=storable(it.message))
            for it in inventory.failed
        )
    )


def pack_kinds(totals: Totals) -> str | None:
    """Return the counts by kind as a JSON object; `None` when they are not known."""
    if not totals.kinds and totals.resource_count:
        return None
    return _json({storable_key(kind): count for kind, count in totals.kinds})


def pack_details(details: Details) -> str:
    """Return a resource's further facts as JSON; they are storable already."""
    return _json(details)


def unpack_gaps(text: str) -> tuple[Gap, ...]:
    """Return what `pack_gaps` packed."""
    return _decoded(text, tuple[Gap, ...], (Gap(kind="unknown", reason=_UNREADABLE_TEXT),))


def unpack_not_priced(text: str) -> tuple[NotPriced, ...]:
    """Return what `pack_not_priced` packed."""
    unknown = (NotPriced(kind="unknown", reason=_UNREADABLE_TEXT),)
    return _decoded(text, tuple[NotPriced, ...], unknown)


def unpack_balance(text: str | None) -> Balance | None:
    """Return what `pack_balance` packed."""
    return None if text is None else _decoded(text, Balance, None)


def unpack_failed(text: str | None) -> tuple[KindFailure, ...]:
    """Return what `pack_failed` packed."""
    return () if text is None else _decoded(text, tuple[KindFailure, ...], ())


def unpack_details(text: str) -> Details:
    """Return what `pack_details` packed."""
    return _decoded(text, Details, ())


def readable(rows: Iterable[object], table: str, make: Callable[[Any], V]) -> Iterator[V]:
    """Yield what `make` makes of each row; one that cannot be read is logged and left out."""
    for row in rows:
        try:
            made = make(row)
        except UNREADABLE as error:
            _log.error("store.row_unreadable", table=table, error=type(error).__name__)
        else:
            yield made


def _decoded(text: str, kind: type[V], instead: D) -> V | D:
    """Decode JSON; a text that cannot be read is left out instead of ending the start."""
    try:
        return msgspec.json.decode(text, type=kind)
    except UNREADABLE as error:
        _log.error("store.value_unreadable", kind=str(kind), error=type(error).__name__)
        return instead


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
