"""Decode a vendor's answers, follow its pages, and cut time into windows: what providers share.

An answer that is not what the vendor documents is a `ProviderSchemaError` that says where it is
wrong (`$.data[0].amount`). msgspec reads numbers and texts into `Decimal` with all their digits;
`is_number` tells which of them can be calculated with.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Context, Decimal
from typing import Protocol, TypeVar

import msgspec

from costmon.domain import amount
from costmon.domain.amount import HIGHEST, MOST_QUANTITY
from costmon.errors import ProviderError, ProviderPermissionError, ProviderSchemaError
from costmon.outbound import Outbound, Params

is_number = amount.is_number
EXACT = Context(prec=200)
"""For arithmetic with amounts: the default context keeps 28 digits."""
PAST_MONTHS = 12
_MOST_PAGES = 2_000
_SHORTEST = dt.timedelta(minutes=1)
_HINT = "the vendor may have changed its API; look for a newer costmon"
_WHERE = re.compile(r" - at `(?P<path>[^`]*)`$")
_OF_FIELD = re.compile(
    r"(?:missing required field|not a quantity:|not an amount of money:) `(?P<field>[^`]*)`"
)
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)


class Numbers(msgspec.Struct):
    """A part of an answer whose numbers can all be calculated with.

    A field whose name has the word quantity may be as large as anything that is counted; the others
    are money. One that is not such a number is a `ProviderSchemaError` when it is decoded.
    """

    def __post_init__(self) -> None:
        """Look at every field.

        Raises:
            ValueError: It is not finite, too large, or has too many digits.
        """
        written = self.__struct_encode_fields__
        for name, field in zip(self.__struct_fields__, written, strict=True):
            value = getattr(self, name)
            if not isinstance(value, Decimal):
                continue
            if "quantity" in name and not is_number(value, MOST_QUANTITY):
                msg = f"not a quantity: `{field}`"
                raise ValueError(msg)
            if "quantity" not in name and not is_number(value, HIGHEST):
                msg = f"not an amount of money: `{field}`"
                raise ValueError(msg)


class CursorPage(Protocol):
    """A page of a listing that goes on with a cursor; rename the fields of others to these."""

    @property
    def has_more(self) -> bool:
        """Return whether another page follows."""
        ...

    @property
    def next_page(self) -> str | None:
        """Return the cursor to it."""
        ...


A = TypeVar("A")
P = TypeVar("P", bound=CursorPage)


class Answers:
    """Asks one host of a vendor and decodes what it answers."""

    def __init__(
        self,
        provider: str,
        outbound: Outbound,
        meaning: Callable[[ProviderError], ProviderError] = lambda error: error,
    ) -> None:
        """Ask through `outbound`.

        Args:
            provider: The vendor's slug, for errors.
            outbound: The client.
            meaning: Returns what the vendor means by a request that failed, where its status does
                not tell; or the same error.
        """
        self._provider = provider
        self._outbound = outbound
        self._meaning = meaning

    def read(
        self,
        path: str,
        answer: type[A],
        params: Params = (),
        headers: Mapping[str, str] | None = None,
    ) -> A:
        """Return one decoded answer; `headers` are sent besides those of the client.

        Raises:
            ProviderSchemaError: It is not what the API documents.
            ProviderError: It could not be fetched.
        """
        try:
            body = self._outbound.get(path, params, headers=headers)
        except ProviderError as error:
            refusal = self._meaning(error)
        else:
            return decode(self._provider, path, body, answer)
        # Raised out here: what an error comes from may hold parts of the answer.
        raise refusal

    def post(
        self, path: str, body: bytes, answer: type[A], headers: Mapping[str, str] | None = None
    ) -> A:
        """Return the decoded answer of a POST that only reads; raises as `read`."""
        try:
            posted = self._outbound.post(path, body, headers=headers)
        except ProviderError as error:
            refusal = self._meaning(error)
        else:
            return decode(self._provider, path, posted, answer, method="POST")
        raise refusal

    def pages(
        self,
        path: str,
        page: type[P],
        params: tuple[tuple[str, str | int], ...],
        *,
        cursor: str = "page",
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[P]:
        """Return page after page of a whole listing.

        What was read is of use only if the iterator ends without an error.

        Args:
            path: The listing.
            page: What a page looks like.
            params: What is asked on every page.
            cursor: The parameter that has the cursor of the page before.
            headers: What is sent besides the client's own headers.

        Raises:
            ProviderSchemaError: A page is not what the API documents; also when it promises more
                and has no cursor, or one that was there before: "incomplete".
            ProviderError: A page could not be fetched.
        """
        seen: set[str] = set()
        following: tuple[tuple[str, str | int], ...] = ()
        while True:
            try:
                found = self.read(path, page, (*params, *following), headers)
            except ProviderPermissionError:
                if not following:
                    raise
                found = None
            if found is None:
                # Not something that cannot be seen, but half of it; raised without the context.
                raise self.fault(path, "incomplete: a page is refused, though the first was not")
            yield found
            if not found.has_more:
                return
            if not found.next_page or found.next_page in seen or len(seen) >= _MOST_PAGES:
                raise self.fault(path, _incomplete(found.next_page, seen), "$.next_page")
            seen.add(found.next_page)
            following = ((cursor, found.next_page),)

    def check_period(
        self,
        path: str,
        where: str,
        period: tuple[dt.datetime, dt.datetime],
        asked: tuple[dt.datetime, dt.datetime],
        fields: tuple[str, str],
    ) -> None:
        """Make sure that the period of what is at `where` begins in the time that was asked for.

        Raises:
            ProviderSchemaError: It does not, or ends before it begins; `fields` have its ends.
        """
        if not asked[0] <= period[0] < asked[1]:
            raise self.fault(path, "a period that was not asked for", f"{where}.{fields[0]}")
        if period[1] <= period[0]:
            raise self.fault(path, "a period that ends before it starts", f"{where}.{fields[1]}")

    def fault(
        self, path: str, detail: str, where: str | None = None, *, method: str = "GET"
    ) -> ProviderSchemaError:
        """Make the error for an answer of `path` that is wrong at `where`."""
        return schema_fault(self._provider, path, detail, where, method=method)


def schema_fault(
    provider: str, path: str, detail: str, where: str | None = None, *, method: str = "GET"
) -> ProviderSchemaError:
    """Make the error for an answer of `path` that is wrong at `where` (`$.droplets[0].id`)."""
    return ProviderSchemaError(
        provider=provider, endpoint=f"{method} {path}", detail=detail, hint=_HINT, path=where
    )


def decode(provider: str, path: str, body: bytes, answer: type[A], *, method: str = "GET") -> A:
    """Return what JSON says.

    msgspec names types and positions in its texts, never values, so no part of the answer gets
    out; any other error is named by its class only, because its text quotes the input.

    Raises:
        ProviderSchemaError: It is not what the API documents, and where.
    """
    try:
        return _decoded(body, answer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        known = isinstance(error, msgspec.DecodeError)
        text = str(error) if known else type(error).__name__
    # Raised out here, because a UnicodeDecodeError holds the whole body.
    found = _WHERE.search(text)
    where = found["path"] if found else "$"
    detail = _WHERE.sub("", text)
    of_field = _OF_FIELD.search(detail)
    if of_field:
        where = f"{where}.{of_field['field']}"
    raise schema_fault(provider, path, detail, where, method=method)


def midnight(moment: dt.datetime) -> dt.datetime:
    """Return the beginning of its UTC day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def month_of(moment: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return the beginning and the end of its UTC month."""
    start = midnight(moment).replace(day=1)
    return start, (start + dt.timedelta(days=32)).replace(day=1)


def months(
    now: dt.datetime, known_through: dt.datetime | None, restated: dt.timedelta
) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """Return the UTC months to ask for, the current one first, which ends now.

    Args:
        now: When the poll began, aware UTC; in the first minute of a month there is nothing to ask
            for in it, and the month before is the first.
        known_through: What is stored; `None`: nothing, so 12 months before the current one follow.
        restated: For how long the vendor may still change what it has said.
    """
    start, end = month_of(now)[0], now
    oldest = start
    for _ in range(PAST_MONTHS):
        oldest = month_of(oldest - dt.timedelta(days=1))[0]
    if known_through is not None:
        oldest = max(oldest, month_of(known_through - restated)[0])
    if now - start < _SHORTEST:
        start, end = month_of(now - dt.timedelta(days=1))
        oldest = min(oldest, start)
    while start >= oldest:
        yield start, end
        start, end = month_of(start - dt.timedelta(days=1))[0], start


def _incomplete(cursor: str | None, seen: set[str]) -> str:
    if not cursor:
        return "incomplete: there is more, and no cursor to it"
    if cursor in seen:
        return "incomplete: the cursor to the next page repeats"
    return f"incomplete: more than {_MOST_PAGES} pages"


def _decoded(body: bytes, answer: type[A]) -> A:
    try:
        return msgspec.json.decode(body, type=answer)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # A name may hold half of a surrogate pair, which JSON can write and no text can hold.
        mended = _LONE_SURROGATE.sub(rb"\\ufffd", body)
        if mended == body:
            raise
        return msgspec.json.decode(mended, type=answer)
