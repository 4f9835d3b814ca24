"""Read answers of the DigitalOcean API: single ones, and listings page by page."""

from collections.abc import Collection, Iterator, Mapping
from itertools import pairwise
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qs, urlsplit

from costmon.errors import ProviderPermissionError
from costmon.outbound import Outbound
from costmon.providers.digitalocean.answers import Links, Totals
from costmon.providers.digitalocean.errors import SLUG, schema_fault
from costmon.providers.reading import Answers

PAGE_SIZE = 200
MOST_PAGES = 2_000
# A page may promise more than its total says while resources come and go.
_PAGES_TO_SPARE = 10
_SHOWN_HOST = 100


class Listing(Protocol):
    """A page, whatever it lists."""

    links: Links | None
    meta: Totals | None

    @property
    def items(self) -> Collection[Any]:
        """Return what is on the page."""
        ...


A = TypeVar("A")
L = TypeVar("L", bound=Listing)


class Reader:
    """Sends requests through one HTTP client and decodes the responses."""

    def __init__(self, outbound: Outbound, hosts: Collection[str]) -> None:
        """Use `outbound`; `hosts` are those that a page may name besides the one asked."""
        self._answers = Answers(SLUG, outbound)
        self._hosts = {outbound.host.lower(), *hosts}

    def read(self, path: str, answer: type[A], params: Mapping[str, str | int] | None = None) -> A:
        """Return one decoded answer.

        Raises:
            ProviderSchemaError: It is not what the API documents.
            ProviderError: It could not be fetched.
        """
        return self._answers.read(path, answer, params or {})

    def pages(
        self,
        path: str,
        listing: type[L],
        params: Mapping[str, str | int] | None = None,
        page_size: int = PAGE_SIZE,
    ) -> Iterator[L]:
        """Return page after page of a whole listing; the same item may come twice.

        Pages are counted here and `next` is never followed, only checked. When the total falls
        between two pages, something listed earlier is gone and the rest has moved up, past the
        edge of pages already read: those are read once more, so that nothing is skipped.

        Raises:
            ProviderSchemaError: A page is not what the API documents, or contradicts itself.
            ProviderError: A page could not be fetched.
        """
        asked = {**(params or {}), "per_page": page_size}
        number, seen, known_total, allowed = 1, 0, None, MOST_PAGES
        while True:
            page = self._page(path, listing, asked, number)
            total = page.meta.total if page.meta else None
            if number == 1:
                _check_first(path, page, total)
                allowed = _most_pages(len(page.items), total)
            if total is not None and known_total is not None and total < known_total:
                moved = -(-(known_total - total) // page_size)
                for earlier in range(max(1, number - moved), number):
                    yield self._page(path, listing, asked, earlier)
            known_total = total
            yield page
            seen += len(page.items)
            promised = self._promises_next(path, page, number)
            if not promised and (total is None or seen >= total or not page.items):
                return
            number += 1
            if number > allowed:
                raise schema_fault(path, f"more than {allowed} pages", "$.links.pages.next")

    def whole(self, path: str, listing: type[L]) -> tuple[L, ...]:
        """Return all pages of a listing of money, in which nothing may be there twice.

        Raises:
            ProviderSchemaError: As for `pages`; also when the listing changed while it was read.
            ProviderError: A page could not be fetched.
        """
        pages = tuple(self.pages(path, listing))
        totals = {page.meta.total for page in pages if page.meta is not None}
        found = sum(len(page.items) for page in pages)
        if len(totals) > 1 or totals - {None, found}:
            shown = ", ".join(sorted(str(total) for total in totals))
            detail = f"incomplete: {found} items, and a total of {shown}"
            raise schema_fault(path, detail, "$.meta.total")
        if any(one.items == other.items for one, other in pairwise(pages)):
            raise schema_fault(path, "incomplete: a page is the same as the one before")
        return pages

    def _page(self, path: str, listing: type[L], asked: Mapping[str, str | int], number: int) -> L:
        try:
            return self.read(path, listing, {**asked, "page": number})
        except ProviderPermissionError:
            if number == 1:
                raise
            # Not a missing permission, but half of a list: the inventory would be incomplete.
            fault = schema_fault(
                path, f"page {number} was refused, although the first page was not"
            )
        raise fault

    def _promises_next(self, path: str, page: Listing, number: int) -> bool:
        following = page.links.pages.next if page.links and page.links.pages else None
        if not following:
            return False
        where = "$.links.pages.next"
        try:
            parts = urlsplit(following)
            host = parts.netloc.lower()
            named = parse_qs(parts.query).get("page")
        except ValueError:
            raise schema_fault(path, "the URL of the next page is not valid", where) from None
        if host and host not in self._hosts:
            shown = host.rpartition("@")[2][:_SHOWN_HOST]
            raise schema_fault(path, f"the URL of the next page is on another host, {shown}", where)
        if named != [str(number + 1)]:
            raise schema_fault(path, f"page {number} is not followed by {number + 1}", where)
        if not page.items:
            raise schema_fault(path, f"page {number} is empty but has a next page", where)
        return True


def _check_first(path: str, page: Listing, total: int | None) -> None:
    if total and not page.items:
        raise schema_fault(path, f"the first of {total} items is missing", "$.meta.total")


def _most_pages(items: int, total: int | None) -> int:
    if total is None:
        return MOST_PAGES
    return min(MOST_PAGES, -(-total // max(1, items)) + _PAGES_TO_SPARE)
