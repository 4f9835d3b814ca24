"""Facts of an inventory that nobody queries, as JSON text in one column."""

from dataclasses import replace

import msgspec

from costmon.domain.charge import ChargeWindow
from costmon.domain.resource import Balance, Gap, Inventory, KindFailure, NotPriced
from costmon.domain.totals import Totals
from costmon.store.text import storable, storable_key

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
    """Return the kinds that could not be read as JSON; `None` when there are none."""
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
    return msgspec.json.decode(text, type=tuple[Gap, ...])


def unpack_not_priced(text: str) -> tuple[NotPriced, ...]:
    """Return what `pack_not_priced` packed."""
    return msgspec.json.decode(text, type=tuple[NotPriced, ...])


def unpack_balance(text: str | None) -> Balance | None:
    """Return what `pack_balance` packed."""
    return None if text is None else msgspec.json.decode(text, type=Balance)


def unpack_failed(text: str | None) -> tuple[KindFailure, ...]:
    """Return what `pack_failed` packed."""
    return () if text is None else msgspec.json.decode(text, type=tuple[KindFailure, ...])


def unpack_details(text: str) -> Details:
    """Return what `pack_details` packed."""
    return msgspec.json.decode(text, type=Details)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
