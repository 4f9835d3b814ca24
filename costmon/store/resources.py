"""Resources as rows of the table, and back: each field has the column of its name.

`id` is the column `vendor_id`. The rate, `monthly_cost`, is in the intervals, with its currency.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Row, String, Text

from costmon.domain.resource import Resource
from costmon.store.packing import pack_details, unpack_details
from costmon.store.schema import resource
from costmon.store.text import KEY_CHARACTERS, storable, storable_key

_COLUMNS = {
    field: "vendor_id" if field == "id" else field
    for field in Resource._fields
    if field != "monthly_cost"
}
_READ = {**_COLUMNS, "monthly_cost": "monthly", "currency": "rate_currency"}


def row_values(seen: Resource) -> dict[str, object]:
    """Return what the table holds of a resource whose text is storable."""
    values = {column: getattr(seen, field) for field, column in _COLUMNS.items()}
    return values | {"details": pack_details(seen.details)}


def resource_of(row: Row[Any]) -> Resource:
    """Return the resource of a row; `monthly` and `rate_currency` are those of its interval."""
    values = {field: row._mapping[column] for field, column in _READ.items()}  # noqa: SLF001 - SQLAlchemy documents it
    return Resource(**values | {"details": unpack_details(row.details)})


def cleaned(seen: Resource) -> Resource:
    """Return a resource as it comes back from the store, its cost apart."""
    return Resource._make(
        value if clean is None or value is None else clean(value)
        for clean, value in zip(_CLEANERS, seen, strict=True)
    )


def _cleaned_details(details: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    return tuple((storable(name), storable(value)) for name, value in details)


def _cleaner(field: str) -> Callable[[Any], Any] | None:
    """Return what makes a field's value storable; `None` when it is so already."""
    if field == "details":
        return _cleaned_details
    kind = resource.c[_COLUMNS[field]].type if field in _COLUMNS else None
    if isinstance(kind, Text):
        return storable
    # Shorter columns hold words of our own.
    is_key = isinstance(kind, String) and kind.length == KEY_CHARACTERS
    return storable_key if is_key else None


_CLEANERS = tuple(map(_cleaner, Resource._fields))
