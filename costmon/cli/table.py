"""Render rows as an aligned table that no name from outside can break."""

import datetime as dt
import zoneinfo
from collections.abc import Collection, Sequence
from decimal import Decimal

from costmon.console.text import harmless

_WIDEST = 60
UNKNOWN = "?"


def table(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Collection[str] = ()
) -> str:
    """Return the lines of a table; `None` shows as an unknown, never as a zero.

    Args:
        headings: Of the columns.
        rows: A value for each column.
        right: Headings of the columns of numbers.
    """
    cells = [list(headings), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = []
    for row in cells:
        padded = (
            text.rjust(width) if heading in right else text.ljust(width)
            for text, width, heading in zip(row, widths, headings, strict=True)
        )
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def cell(value: object, *, widest: int = _WIDEST) -> str:
    """Return a value as one harmless line of bounded width."""
    if value is None:
        return UNKNOWN
    text = f"{value:.2f}" if isinstance(value, Decimal) else harmless(str(value))
    return text if len(text) <= widest else f"{text[: widest - 3]}..."


def when(moment: str | None, timezone: str) -> str:
    """Return a time of the API as people of that time zone write it."""
    if moment is None:
        return UNKNOWN
    zone = dt.UTC if timezone == "UTC" else zoneinfo.ZoneInfo(timezone)
    return f"{dt.datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
