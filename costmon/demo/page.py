"""Cut a list into pages as the vendor does: from 1, at most 200 rows, links to neighbours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

_DEFAULT_ROWS = 20
MOST_ROWS = 200


class PageError(ValueError):
    """The page or its length is not one that the vendor serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which rows are asked for.

    Attributes:
        number: Counted from 1.
        rows: Rows on each page.
    """

    number: int
    rows: int


def parse_page(query: Mapping[str, str]) -> Page:
    """Read `page` and `per_page`.

    Raises:
        PageError: One of them is not a number in range.
    """
    return Page(
        number=_whole(query, "page", default=1, most=None),
        rows=_whole(query, "per_page", default=_DEFAULT_ROWS, most=MOST_ROWS),
    )


def _whole(query: Mapping[str, str], name: str, *, default: int, most: int | None) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or int(text) < 1:
        msg = f"{name} must be a number from 1"
        raise PageError(msg)
    if most is not None and int(text) > most:
        msg = f"{name} cannot be more than {most}"
        raise PageError(msg)
    return int(text)


def cut(rows: Sequence[Any], page: Page) -> Sequence[Any]:
    """Return the rows of one page; none when it lies behind the last one."""
    start = (page.number - 1) * page.rows
    return rows[start : start + page.rows]


def links(total: int, page: Page, *, url: str, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the `links` and `meta` of one page.

    Args:
        total: Rows on all pages.
        page: This page.
        url: Absolute address of the list, without a query.
        query: What was asked; everything but the page number goes into the links.
    """
    last = max(-(-total // page.rows), 1)

    def address(number: int) -> str:
        return f"{url}?{urlencode({**query, 'page': number, 'per_page': page.rows})}"

    pages: dict[str, str] = {}
    if page.number > 1:
        pages |= {"first": address(1), "prev": address(page.number - 1)}
    if page.number < last:
        pages |= {"next": address(page.number + 1), "last": address(last)}
    return {"links": {"pages": pages} if pages else {}, "meta": {"total": total}}
