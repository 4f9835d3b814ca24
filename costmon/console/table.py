"""Render rows as a table: aligned text for a terminal, CSV, or Markdown.

This is the only renderer of tables; the commands and the console use it. Names from outside cannot
break a table: what does not print is escaped, and long text is cut.
"""

import csv
import datetime as dt
import io
import re
import shutil
import unicodedata
import zoneinfo
from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Literal

from costmon.console.text import harmless

Form = Literal["text", "csv", "markdown"]

UNKNOWN = "?"
_WIDEST = 60
_LONGEST = 300
_GAP = "  "
_TICKS = re.compile("`+")
_MARKDOWN_SIGNS = frozenset(r"\`*_{}[]<>#|")


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Collection[str] = (),
    code: Collection[str] = (),
    form: Form = "text",
) -> str:
    """Return the lines of a table, without a newline at the end.

    In text and Markdown an unknown value (`None`) is a question mark, never a zero, and a `Decimal`
    has two decimals. In CSV an unknown value is empty and numbers are exact.

    Args:
        headings: Of the columns, with the unit where there is one.
        rows: A value for each column.
        right: Headings of the columns that are aligned to the right: numbers.
        code: Headings of the columns that are code in Markdown: names.
        form: `text` fits the terminal: in a table that is wider, all columns but the last are cut
            to 60 characters.
    """
    match form:
        case "csv":
            return _csv(headings, rows)
        case "markdown":
            return _markdown(headings, rows, right, code)
        case "text":
            return _text(headings, rows, right)


def cell(value: object, *, widest: int = _WIDEST) -> str:
    """Return a value as one line that is safe to print and at most `widest` columns wide."""
    if value is None:
        return UNKNOWN
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    text = str(value)
    safe = harmless(text[: widest + 1])
    if len(text) <= widest and _width(safe) <= widest:
        return safe
    kept, width = [], 0
    for character in safe:
        width += _width(character)
        if width > widest - 3:
            break
        kept.append(character)
    return "".join((*kept, "..."))


def when(moment: str | None, timezone: str) -> str:
    """Return a time of the API as people of that time zone write it."""
    if moment is None:
        return UNKNOWN
    zone = dt.UTC if timezone == "UTC" else zoneinfo.ZoneInfo(timezone)
    return f"{dt.datetime.fromisoformat(moment).astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"


def markdown_text(text: str) -> str:
    """Return text in which Markdown sees no markup."""
    return "".join(f"\\{sign}" if sign in _MARKDOWN_SIGNS else sign for sign in harmless(text))


def _text(headings: Sequence[str], rows: Sequence[Sequence[object]], right: Collection[str]) -> str:
    cells = [list(headings), *([cell(value, widest=_LONGEST) for value in row] for row in rows)]
    widths = _widths(cells)
    if sum(widths) + len(_GAP) * (len(widths) - 1) > shutil.get_terminal_size().columns:
        # The last column may be longer: a terminal wraps it and nothing is aligned after it.
        cells[1:] = [[*map(cell, row[:-1]), *row[-1:]] for row in cells[1:]]
        widths = _widths(cells)
    lines = []
    for row in cells:
        padded = (
            _padded(text, width, right=heading in right)
            for text, width, heading in zip(row, widths, headings, strict=True)
        )
        lines.append(_GAP.join(padded).rstrip())
    return "\n".join(lines)


def _widths(cells: Sequence[Sequence[str]]) -> list[int]:
    return [max(map(_width, column)) for column in zip(*cells, strict=True)]


def _width(text: str) -> int:
    """Return the columns that a terminal needs: two for a wide letter, none for an accent."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(sign: str) -> int:
    if unicodedata.category(sign) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1


def _padded(text: str, width: int, *, right: bool) -> str:
    padding = " " * (width - _width(text))
    return padding + text if right else text + padding


def _csv(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(headings)
    for row in rows:
        writer.writerow([_exact(value) for value in row])
    return text.getvalue().removesuffix("\n")


def _exact(value: object) -> str:
    if value is None:
        return ""
    return f"{value:f}" if isinstance(value, Decimal) else harmless(str(value))


def _markdown(
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    right: Collection[str],
    code: Collection[str],
) -> str:
    lines = [
        [markdown_text(heading) for heading in headings],
        ["---:" if heading in right else "---" for heading in headings],
    ]
    for row in rows:
        texts = [cell(value, widest=_LONGEST) for value in row]
        lines.append(
            [
                _code(text) if heading in code else markdown_text(text)
                for text, heading in zip(texts, headings, strict=True)
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    """Return text as code, whatever signs of Markdown and of tables are in it."""
    text = text.replace("|", r"\|")
    ticks = max(map(len, _TICKS.findall(text)), default=0)
    if not ticks:
        return f"`{text}`"
    fence = "`" * (ticks + 1)
    return f"{fence} {text} {fence}"
