"""Check and trim what the vendor sent before it becomes a value of ours."""

import datetime as dt
from decimal import Decimal

from msgspec import DecodeError, Raw, json

from costmon.providers.digitalocean.errors import schema_fault

CURRENCY = "USD"
# Far above every list price, and within what history can store.
_MOST = Decimal(1_000_000_000)
MOST_TEXT = 1_000
_EARLIEST_YEAR, _LATEST_YEAR = 2, 9998


def amount(value: Decimal, path: str, where: str) -> Decimal:
    """Return a price or a quantity that can be calculated with, to 28 digits.

    Raises:
        ProviderSchemaError: It is negative, not finite, or absurdly large.
    """
    if value.is_finite() and 0 <= value <= _MOST:
        return +value
    raise schema_fault(path, "expected an amount between 0 and 1,000,000,000", where)


def price_of(raw: bytes | Raw) -> Decimal | None:
    """Return a price as it was written; `None` when it is null, empty, negative or not one."""
    try:
        value = json.decode(raw, type=Decimal)
    except (DecodeError, UnicodeDecodeError):
        return None
    return +value if value.is_finite() and 0 <= value <= _MOST else None


quantity = price_of
"""The same of a number of units, such as GiB, whose price depends on it."""


def text(value: str) -> str:
    """Return a name as it is, shortened with an ellipsis when it is absurdly long.

    NUL becomes U+FFFD: it is the one character that PostgreSQL cannot store in a text.
    """
    if len(value) > MOST_TEXT:
        value = value[:MOST_TEXT] + "…"
    return value.replace("\x00", "\ufffd") if "\x00" in value else value


def maybe_text(value: str | None) -> str | None:
    """Return `text` of what is there."""
    return None if value is None else text(value)


def moment(value: dt.datetime) -> dt.datetime:
    """Return an aware datetime in UTC; years 1 and 9999 may have no UTC and stay as they are."""
    if value.tzinfo is dt.UTC or not _EARLIEST_YEAR <= value.year <= _LATEST_YEAR:
        return value
    return value.astimezone(dt.UTC)


def maybe_moment(value: dt.datetime | None) -> dt.datetime | None:
    """Return `moment` of what is there."""
    return None if value is None else moment(value)
