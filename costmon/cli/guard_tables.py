"""Output that several actions of `costmon guard` share."""

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from costmon.console.table import UNKNOWN, table, when
from costmon.domain.money import shown_exact

UNLIMITED = "none"


def amount(given: Decimal | str | None) -> str:
    """Return an amount with every digit that it has; unknown is not zero."""
    return UNKNOWN if given is None else shown_exact(Decimal(given))


def moment(given: dt.datetime | str | None, timezone: str) -> str:
    """Return a time as people of a time zone write it; nothing for never."""
    if given is None:
        return ""
    return when(given if isinstance(given, str) else given.isoformat(), timezone)


def scope_rows(gauges: Sequence[Mapping[str, Any]], timezone: str) -> str:
    """Return the table of how budgets stand."""
    return table(
        ("scope", "period", "limit", "spent", "held", "remaining", "resets"),
        [
            (
                gauge["scope"],
                gauge["period"],
                UNLIMITED if gauge["limit"] is None else amount(gauge["limit"]),
                amount(gauge["spent"]),
                amount(gauge["held"]),
                "" if gauge["limit"] is None else amount(gauge["remaining"]),
                moment(gauge["resets_at"], timezone),
            )
            for gauge in gauges
        ],
        right=("limit", "spent", "held", "remaining"),
    )


def unpriced_rows(rows: Iterable[tuple[str, int, str]]) -> str:
    """Return the table of calls to models without a known price: scope, calls, charged."""
    return table(
        ("calls without a price", "calls", "charged, estimated"),
        list(rows),
        right=("calls", "charged, estimated"),
    )


def to_json(value: object) -> str:
    """Return values as JSON: amounts as exact text, times as RFC 3339."""
    return json.dumps(value, default=_plain)


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
