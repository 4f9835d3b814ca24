"""Ask what a definition says, page after page, and find its rows by JMESPath.

Nothing but GET is sent, to the one host of the base URL; pages and rows have a limit.
Source of the language: https://jmespath.org/specification.html
"""

import base64
import datetime as dt
import functools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, urlsplit

import jmespath
from jmespath.exceptions import JMESPathError

from costmon.domain.amount import is_number
from costmon.domain.source import PLACEHOLDER, Paging, Request, Source
from costmon.errors import (
    ProviderAuthError,
    ProviderError,
    ProviderPermissionError,
    ProviderSchemaError,
)
from costmon.outbound import Outbound
from costmon.providers.reading import schema_fault

SLUG = "custom"
MOST_PAGES = 500
MOST_ROWS = 50_000
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)

Pairs = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an answer.

    Attributes:
        path: What was asked.
        where: Its place: `rows[3]`.
        content: What the answer says.
        page: The number of its page, from 0 on.
    """

    path: str
    where: str
    content: object
    page: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A JMESPath expression of a definition.

    Attributes:
        path: Whose answer it is evaluated on, for errors.
        key: Its place in the file: `custom[0].charges[0].rows`.
        text: The expression.
        is_shipped: Whether the definition comes with costmon.
    """

    path: str
    key: str
    text: str
    is_shipped: bool

    @classmethod
    def of(cls, request: Request, path: str, key: str, text: str) -> "Expression":
        """Return an expression of a request, whose answer is that of `path`."""
        return cls(path, f"{request.where}.{key}", text, request.is_shipped)

    def find(self, content: object, where: str) -> object:
        """Return what it finds in JSON that is at `where`; `None`: nothing.

        Raises:
            ProviderSchemaError: It cannot be evaluated on this.
        """
        try:
            found: object = _compiled(self.text).search(content)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            reason = type(error).__name__
        else:
            return found
        # Raised out here, because the library's error quotes the answer.
        raise self.fault(f"cannot be evaluated ({reason})", where)

    def number(self, content: object, where: str, most: int) -> Decimal | None:
        """Return an exact number; `None` if the value is missing.

        Raises:
            ProviderSchemaError: What is there is no number, or has lost digits.
        """
        found = self.find(content, where)
        if found is None:
            return None
        if isinstance(found, bool | float) or not isinstance(found, int | Decimal | str):
            # A float comes of functions such as to_number and sum, which lose digits.
            raise self.fault("finds no number, or one that a function made", where)
        if not _NUMBER.fullmatch(str(found)) or not is_number(number := Decimal(found), most):
            raise self.fault("finds no number", where)
        return number

    def word(self, content: object, where: str) -> str | None:
        """Return a text, also of a number; `None` if it is missing or empty.

        Raises:
            ProviderSchemaError: What is there is a list or an object.
        """
        found = self.find(content, where)
        if found is None or found == "":
            return None
        if isinstance(found, bool | float) or not isinstance(found, int | Decimal | str):
            raise self.fault("finds no text", where)
        return str(found)

    def fault(self, what: str, where: str) -> ProviderSchemaError:
        """Make the error of an answer that it does not fit."""
        hint = "see what it finds with `costmon check --dry-run`, and change the definition"
        if self.is_shipped:
            hint = (
                "the vendor may have changed its API; look for a newer costmon, or write a "
                "definition of your own"
            )
        return ProviderSchemaError(
            provider=SLUG,
            endpoint=f"GET {self.path}",
            detail=f"{self.key} = {self.text!r} {what}",
            hint=hint,
            path=where,
        )


class Api:
    """One source during one read."""

    def __init__(
        self,
        source: Source,
        outbound: Outbound,
        secrets: Mapping[str, str],
        settings: Mapping[str, str],
    ) -> None:
        """Ask through `outbound`, which sends no credentials of its own.

        Args:
            source: What is asked.
            outbound: The client for its base URL.
            secrets: What headers are made of, by the names of placeholders.
            settings: What paths and parameters are made of, by the names of placeholders.
        """
        self._outbound = outbound
        self._source = source
        self._settings = settings
        self._headers = _headers(source, secrets)
        self._pages: dict[tuple[str, Pairs], list[Any]] = {}

    def rows(self, request: Request, start: dt.datetime, end: dt.datetime) -> list[Row]:
        """Return the rows of all pages for the time from `start` to `end`.

        Raises:
            ProviderSchemaError: The answer is no JSON, the definition finds no list in it, or the
                listing is incomplete.
            ProviderError: It could not be fetched.
        """
        values = {**_moments(start, end), **self._settings}
        path = _filled(request.path, {key: quote(text, safe="") for key, text in values.items()})
        params = tuple((name, _filled(text, values)) for name, text in request.params)
        found: list[Row] = []
        rows = Expression.of(request, path, "rows", request.rows)
        for number, page in enumerate(self._all(path, params, request)):
            listed = rows.find(page, "rows")
            if not isinstance(listed, list):
                raise rows.fault("finds no list", "rows")
            found += [
                Row(path, f"rows[{at}]", row, number) for at, row in enumerate(listed, len(found))
            ]
            if len(found) > MOST_ROWS:
                raise schema_fault(SLUG, path, f"incomplete: more than {MOST_ROWS} rows")
        return found

    def _all(self, path: str, params: Pairs, request: Request) -> list[object]:
        """Return all pages; those that another request of this read has asked for are kept."""
        known = self._pages.get((path, params))
        if known is None:
            known = self._pages[path, params] = list(self._asked(path, params, request))
        return known

    def _asked(self, path: str, params: Pairs, request: Request) -> Iterator[object]:
        paging = request.paging
        if paging is None:
            yield self._get(path, params, first=True)
            return
        seen: set[str | int] = set()
        following = params
        if paging.pages is not None:
            following = (*params, (paging.param, paging.first))
        for number in range(MOST_PAGES):
            page = self._get(path, following, first=not number)
            yield page
            cursor = _next(path, paging, request, page, number)
            if cursor is None:
                return
            if cursor in seen:
                raise schema_fault(SLUG, path, "incomplete: the cursor to the next page repeats")
            seen.add(cursor)
            following = (*params, (paging.param, cursor))
            if paging.link is not None:
                following = tuple(parse_qsl(urlsplit(str(cursor)).query))
        raise schema_fault(SLUG, path, f"incomplete: more than {MOST_PAGES} pages")

    def _get(self, path: str, params: Pairs, *, first: bool) -> object:
        try:
            body = self._outbound.get(path, params, headers=self._headers)
        except (ProviderAuthError, ProviderPermissionError) as error:
            refusal = self._explained(error)
            if isinstance(error, ProviderPermissionError) and not first:
                # Not something that cannot be seen, but half of it.
                detail = "incomplete: a page is refused, the first was not"
                refusal = schema_fault(SLUG, path, detail)
        else:
            return self._parsed(path, body)
        # Raised out here, without the context.
        raise refusal

    def _explained(self, error: ProviderError) -> ProviderError:
        """Name the variables of what was refused."""
        source = self._source
        names = " and ".join(source.variables.get(name, name) for name in source.secrets)
        if not names:
            return error
        if isinstance(error, ProviderAuthError):
            return error.explained(hint=f"check {names}: complete, not expired and not revoked")
        hint = f"allow {names} to read this"
        if any(request.is_shipped for request in (*source.charges, *source.usage)):
            hint += "; what it needs is in docs/providers/custom.md"
        return error.explained(hint=hint)

    @staticmethod
    def _parsed(path: str, body: bytes) -> object:
        try:
            found: object = json.loads(body, parse_float=Decimal, parse_constant=_no_number)
        except (ValueError, RecursionError, ArithmeticError) as error:
            detail = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
        else:
            return found
        raise schema_fault(SLUG, path, f"not JSON ({detail})", "$")


def _next(
    path: str, paging: Paging, request: Request, page: object, number: int
) -> str | int | None:
    """Return the cursor, the number or the address of the page after this one."""

    def expression(key: str, text: str | None) -> Expression:
        return Expression.of(request, path, f"paging.{key}", text or "`null`")

    if paging.pages is not None:
        pages = expression("pages", paging.pages)
        count = pages.find(page, "pages")
        if isinstance(count, bool) or not isinstance(count, int):
            raise pages.fault("finds no number", "pages")
        return paging.first + number + 1 if number + 1 < count else None
    key = "link" if paging.cursor is None else "cursor"
    text = expression(key, paging.cursor or paging.link)
    cursor = text.find(page, key)
    more = expression("more", paging.more).find(page, "more")
    if cursor is None or cursor == "":
        if more:
            raise schema_fault(SLUG, path, "incomplete: there is more, and no cursor to it", key)
        return None
    if isinstance(cursor, bool) or not isinstance(cursor, str | int):
        raise text.fault("finds no text", key)
    # Some vendors give a cursor on the last page, too, and after it a page without items.
    listed = expression("items", paging.items or request.rows).find(page, "items")
    return cursor if listed and (paging.more is None or more) else None


@functools.lru_cache(maxsize=1_000)
def _compiled(text: str) -> Any:  # noqa: ANN401 - the library has no types
    return jmespath.compile(text)


def _no_number(constant: str) -> NoReturn:
    msg = f"{constant} is not a number"
    raise json.JSONDecodeError(msg, "", 0)


def _headers(source: Source, secrets: Mapping[str, str]) -> Mapping[str, str]:
    found = {name: _filled(text, secrets) for name, text in source.headers.items()}
    if source.basic is not None:
        user, password = (secrets[name] for name in source.basic)
        both = base64.b64encode(f"{user}:{password}".encode()).decode()
        found["Authorization"] = f"Basic {both}"
    return found


def _moments(start: dt.datetime, end: dt.datetime) -> Mapping[str, str]:
    # The last day that is asked for, where a vendor takes it as included.
    last = (end - dt.timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    found = {"month": f"{start:%Y-%m}"}
    for name, moment in (("start", start), ("end", end), ("last", max(last, start))):
        found |= {
            name: f"{moment:%Y-%m-%dT%H:%M:%SZ}",
            f"{name}:date": f"{moment:%Y-%m-%d}",
            f"{name}:unix": str(int(moment.timestamp())),
            f"{name}:unix_ms": str(int(moment.timestamp()) * 1000),
        }
    return found


def _filled(text: str, values: Mapping[str, str]) -> str:
    return PLACEHOLDER.sub(lambda found: values[found[0][1:-1]], text)
