"""A REST API that is read by a definition instead of code: a `[[custom]]` of costmon.toml."""

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Basis

PLACEHOLDER = re.compile(r"\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<form>[a-z_]+))?\}")
"""In a path, a parameter or a header: `{start:date}`, `{ACME_ORG}`."""

MOMENTS = ("start", "end", "last", "month")
FORMS = ("date", "unix", "unix_ms")

SETTLING = dt.timedelta(days=2)
"""How long after its end a day counts as complete (default of a source)."""

Period = Literal["month", "day", "now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a listing goes on.

    Attributes:
        param: The parameter that has the cursor or the number of the page; empty with `link`.
        cursor: Expression for the cursor of the next page.
        pages: Expression for the number of pages; they are counted from `first`.
        link: Expression for the address of the next page, of which only the query is used.
        more: Expression that is true when there is a further page.
        items: Expression for what a page lists, when that is not what the rows are.
        first: The number of the first page.
    """

    param: str = ""
    cursor: str | None = None
    pages: str | None = None
    link: str | None = None
    more: str | None = None
    items: str | None = None
    first: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One GET of a source, and what comes of its answer.

    Attributes:
        where: Its place in the file: `custom[0].charges[0]`, or `linode.charges[0]` in a definition
            that comes with costmon.
        path: From the base URL on, with placeholders.
        params: The query, with placeholders; a name may repeat.
        rows: Expression for the list of rows.
        columns: Expressions by the column of FOCUS or the part of a quantity.
        key: Expression for what sets a row apart; `None`: all its columns that are no numbers.
        scale: What numbers of money, or of use, are multiplied by.
        paging: How the listing goes on; `None`: it is one answer.
        basis: What kind of number the amounts are.
        period: What a quantity is counted for.
        estimated: Whether a quantity is the vendor's own estimate.
        is_shipped: Whether the definition comes with costmon.
    """

    where: str
    path: str
    params: tuple[tuple[str, str], ...]
    rows: str
    columns: Mapping[str, str]
    key: str | None = None
    scale: Decimal = Decimal(1)
    paging: Paging | None = None
    basis: Basis = "billed"
    period: Period = "month"
    estimated: bool = False
    is_shipped: bool = False

    @property
    def is_dated(self) -> bool:
        """Return whether it asks for a time, hence for earlier ones, too."""
        texts = (self.path, *(value for _, value in self.params))
        return any(
            found["name"] in MOMENTS for text in texts for found in PLACEHOLDER.finditer(text)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One API with one set of credentials.

    Attributes:
        name: The account's name.
        title: The vendor's name for people.
        url: The base URL, no slash at the end.
        headers: What is sent besides, with placeholders for variables that hold secrets.
        basic: The variables of user and password for HTTP basic; `None`: no such header.
        variables: The variables of the environment by the names that placeholders have.
        charges: What is asked for charges.
        usage: What is asked for use.
        days: How far charges go back; `None`: they are read by the month.
        settling: How long after its end a day is complete.
        gaps: What the source cannot see, by kind.
    """

    name: str
    title: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    basic: tuple[str, str] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    charges: tuple[Request, ...] = ()
    usage: tuple[Request, ...] = ()
    days: int | None = None
    settling: dt.timedelta = SETTLING
    gaps: Mapping[str, str] = field(default_factory=dict)

    @property
    def readings(self) -> tuple[ReadingKind, ...]:
        """Return what it can answer."""
        found: list[ReadingKind] = ["charges"] if self.charges else []
        return (*found, "usage") if self.usage else tuple(found)

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the names of the variables that only headers have."""
        found = dict.fromkeys(self.basic or ())
        for value in self.headers.values():
            found |= dict.fromkeys(one["name"] for one in PLACEHOLDER.finditer(value))
        return tuple(found)

    @property
    def settings(self) -> tuple[str, ...]:
        """Return the variables that paths and parameters use, so they hold no secrets."""
        texts = [
            text
            for request in (*self.charges, *self.usage)
            for text in (request.path, *(value for _, value in request.params))
        ]
        names = (one["name"] for text in texts for one in PLACEHOLDER.finditer(text))
        return tuple(dict.fromkeys(name for name in names if name not in MOMENTS))
