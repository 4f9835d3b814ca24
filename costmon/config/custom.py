"""Read the `[[custom]]` tables: REST APIs that are read by a definition instead of code.

Definitions that come with costmon are in `sources/`; `use` names one of them.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from importlib import resources
from importlib.util import find_spec
from types import MappingProxyType
from typing import get_args

from costmon.config import parsers
from costmon.config.parsers import Refused
from costmon.config.tables import TableEntry, TableReader, shown, text_of
from costmon.domain.amount import amount_of
from costmon.domain.poll import ReadingKind
from costmon.domain.resource import Basis
from costmon.domain.source import (
    FORMS,
    MOMENTS,
    PLACEHOLDER,
    SETTLING,
    Paging,
    Period,
    Request,
    Source,
)
from costmon.errors import InputError

NEEDED_COLUMNS = ("BilledCost", "BillingCurrency", "ServiceName")
NUMBER_COLUMNS = (
    "BilledCost",
    "EffectiveCost",
    "ListCost",
    "ContractedCost",
    "ConsumedQuantity",
    "PricingQuantity",
)
DATE_COLUMNS = ("ChargePeriodStart", "ChargePeriodEnd")
COLUMNS = (
    *NEEDED_COLUMNS,
    *NUMBER_COLUMNS[1:],
    *DATE_COLUMNS,
    "BillingAccountId",
    "BillingAccountName",
    "ChargeCategory",
    "ChargeDescription",
    "ConsumedUnit",
    "InvoiceId",
    "PricingUnit",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "SkuId",
    "SkuMeter",
    "SubAccountId",
    "SubAccountName",
)
"""Columns of FOCUS that a definition can fill."""
NEEDED_PARTS = ("quota", "unit", "used")
PARTS = (*NEEDED_PARTS, "limit", "project")
"""Parts of a quantity."""

CUSTOM_KEYS = (
    "name",
    "use",
    "title",
    "url",
    "headers",
    "basic",
    "variables",
    "days",
    "complete_after",
    "gaps",
    "charges",
    "usage",
    "charges_interval",
    "usage_interval",
)
_OWN_KEYS = ("name", "use", "variables", "url", "charges_interval", "usage_interval")
"""What may stand beside `use`; the rest is the definition's."""
_REQUEST_KEYS = ("path", "params", "rows", "columns", "paging", "scale")
_CHARGE_KEYS = (*_REQUEST_KEYS, "key", "basis")
_USAGE_KEYS = (*_REQUEST_KEYS, "period", "estimated")
_PAGING_KEYS = ("param", "cursor", "pages", "link", "more", "items", "first")
_NAME = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%{}/-]*", re.ASCII)
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}", re.ASCII)
_SECRET_HEADERS = ("authorization", "cookie", "key", "token", "secret", "auth", "password")
_LONGEST = 500
_MOST_REQUESTS = 20
_MOST_DAYS = 366
_text = text_of(_LONGEST)
_INTERVAL = parsers.duration(0.1, 30 * 86_400)
_SETTLING = parsers.duration(0, 60 * 86_400)


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomEntry:
    """One `[[custom]]`, its variables not yet read.

    Attributes:
        where: Its place in the file, such as `custom[0]`.
        source: What is read.
        intervals: Seconds between two reads, by the readings for which it says so.
    """

    where: str
    source: Source
    intervals: Mapping[ReadingKind, float]

    @property
    def variables(self) -> Mapping[str, str]:
        """Return the variables that hold secrets, by the names that headers have."""
        return self._named(self.source.secrets)

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the variables that hold no secrets, by the names that paths have."""
        return self._named(self.source.settings)

    def _named(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: self.source.variables.get(name, name) for name in names}


def shipped() -> tuple[str, ...]:
    """Return the names of the definitions that come with costmon."""
    files = resources.files("costmon.config").joinpath("sources").iterdir()
    return tuple(sorted(file.name[:-5] for file in files if file.name.endswith(".toml")))


@cache
def _definition(name: str) -> Mapping[str, object]:
    file = resources.files("costmon.config").joinpath("sources", f"{name}.toml")
    return MappingProxyType(tomllib.loads(file.read_text("utf-8"), parse_float=Decimal))


def read_custom(read: TableReader, tables: object) -> tuple[CustomEntry, ...]:
    """Return the entries that are right, in their order; every one that is not is a fault."""
    found: list[CustomEntry] = []
    for number, table in enumerate(read.listed("custom", tables)):
        before = len(read.faults)
        entry = _Entry(read, f"custom[{number}]", table).entry()
        if entry is not None and len(read.faults) == before:
            found.append(entry)
    return tuple(found)


class _Entry(TableEntry):
    """One table."""

    def entry(self) -> CustomEntry | None:
        """Return the entry; `None`, and faults, when it is not right."""
        used = self.value("use", _shipped)
        if "use" in self.table:
            for key in self.table:
                if key in CUSTOM_KEYS and key not in _OWN_KEYS:
                    accepted = (
                        f"nothing: the definition says it; beside `use`: {', '.join(_OWN_KEYS)}"
                    )
                    self.refuse(key, accepted)
            if used is None:
                return None
            self.table = {**_definition(used), **self.table}
        self.read.known_keys(self.where, self.table, CUSTOM_KEYS, "key of [[custom]]")
        name = self.value("name", _name) if "name" in self.table else used
        if name is None:
            self.refuse("name", "a name for the account, in 1 to 40 of a-z, 0-9 and -")
        url = self.value("url", _url, needed=_EXAMPLES["url"])
        charges = tuple(self._requests("charges", COLUMNS, NEEDED_COLUMNS, _CHARGE_KEYS))
        usage = tuple(self._requests("usage", PARTS, NEEDED_PARTS, _USAGE_KEYS))
        if used is not None:
            charges, usage = (
                tuple(
                    replace(one, where=one.where.replace(self.where, used, 1), is_shipped=True)
                    for one in requests
                )
                for requests in (charges, usage)
            )
        if not self.table.keys() & {"charges", "usage"}:
            self.refuse("charges", "[[custom.charges]], or [[custom.usage]]: what is to be read")
        settling = self.value("complete_after", _settling)
        source = Source(
            name=name or "",
            title=self.value("title", _text) or (name or ""),
            url=url or "",
            headers=self._headers(),
            basic=self.value("basic", _pair),
            variables=self._variables(),
            charges=charges,
            usage=usage,
            days=self.value("days", _days),
            settling=SETTLING if settling is None else settling,
            gaps=self._texts("gaps"),
        )
        self._check(source)
        intervals: dict[ReadingKind, float] = {}
        for kind, requests in (("charges", charges), ("usage", usage)):
            seconds = self.value(f"{kind}_interval", _interval)
            if seconds is not None and requests:
                intervals[kind] = seconds  # type: ignore[index]  # one of the two kinds
        return CustomEntry(where=self.where, source=source, intervals=MappingProxyType(intervals))

    def _check(self, source: Source) -> None:
        for request in source.charges:
            if source.days is not None and "ChargePeriodStart" not in request.columns:
                where = f"{request.where}.columns.ChargePeriodStart"
                self.read.refuse(where, "", "an expression for the day: it is needed with `days`")
        for name in sorted(set(source.secrets) & set(source.settings)):
            accepted = (
                f"another variable than {name}, which is in a header: what is in a path or "
                "parameter is logged, so it must not be a secret"
            )
            self.refuse("headers", accepted)
        names = {*source.secrets, *source.settings}
        for name in source.variables:
            if name not in names:
                accepted = f"one of the variables of the definition: {', '.join(sorted(names))}"
                self.refuse(f"variables.{name}", accepted)

    def _requests(
        self, kind: str, columns: Sequence[str], needed: Sequence[str], keys: Sequence[str]
    ) -> Iterator[Request]:
        if kind not in self.table:
            return
        tables = self.read.listed(f"{self.where}.{kind}", self.table[kind])
        if len(tables) > _MOST_REQUESTS:
            self.refuse(kind, f"at most {_MOST_REQUESTS} tables [[custom.{kind}]]")
        for number, table in enumerate(tables):
            where = f"{self.where}.{kind}[{number}]"
            self.read.known_keys(where, table, keys, f"key of [[custom.{kind}]]")
            part = _Entry(self.read, where, table)
            request = part._request(columns, needed)
            if request is not None:
                yield request

    def _request(self, columns: Sequence[str], needed: Sequence[str]) -> Request | None:
        path = self.value("path", _path, needed=_EXAMPLES["path"])
        rows = self.value("rows", expression, needed=_EXAMPLES["rows"])
        mapped = self._columns(columns, needed)
        scale = self.value("scale", _scale)
        request = Request(
            where=self.where,
            path=path or "/",
            params=tuple(self._params()),
            rows=rows or "@",
            columns=mapped,
            key=self.value("key", expression),
            scale=Decimal(1) if scale is None else scale,
            paging=self._paging(),
            basis=self.value("basis", _basis) or "billed",
            period=self.value("period", _period) or "month",
            estimated=self.value("estimated", _flag) or False,
        )
        return request if path is not None and rows is not None else None

    def _columns(self, columns: Sequence[str], needed: Sequence[str]) -> Mapping[str, str]:
        table = self.read.table(f"{self.where}.columns", self.table.get("columns", {}))
        self.read.known_keys(f"{self.where}.columns", table, columns, "column")
        part = _Entry(self.read, f"{self.where}.columns", table)
        for name in needed:
            if name not in table:
                part.refuse(name, _EXAMPLES[name])
        found = {name: part.value(name, expression) for name in table if name in columns}
        for quantity, unit in (
            ("ConsumedQuantity", "ConsumedUnit"),
            ("PricingQuantity", "PricingUnit"),
        ):
            if (quantity in found) != (unit in found):
                part.refuse(unit, f"both {quantity} and {unit}, or none of them")
        return MappingProxyType({name: text for name, text in found.items() if text is not None})

    def _paging(self) -> Paging | None:
        if "paging" not in self.table:
            return None
        where = f"{self.where}.paging"
        table = self.read.table(where, self.table["paging"])
        self.read.known_keys(where, table, _PAGING_KEYS, "key of paging")
        part = _Entry(self.read, where, table)
        styles = [key for key in ("cursor", "pages", "link") if key in table]
        if len(styles) != 1:
            part.refuse("cursor", "one of cursor, pages and link, and no other")
        if "link" not in table and "param" not in table:
            part.refuse("param", "the parameter that asks for a page, such as page")
        value = part.value
        first = value("first", _count)
        return Paging(
            param=value("param", _text) or "",
            cursor=value("cursor", expression),
            pages=value("pages", expression),
            link=value("link", expression),
            more=value("more", expression),
            items=value("items", expression),
            first=1 if first is None else first,
        )

    def _params(self) -> Iterator[tuple[str, str]]:
        where = f"{self.where}.params"
        for name, value in self.read.table(where, self.table.get("params", {})).items():
            for text in value if isinstance(value, list) else [value]:
                if not isinstance(text, str) or len(text) > _LONGEST or not _placed(text):
                    self.read.refuse(f"{where}.{name}", shown(text), _PLACES)
                else:
                    yield name, text

    def _headers(self) -> Mapping[str, str]:
        found = self._texts("headers")
        for name, text in found.items():
            where = f"{self.where}.headers.{name}"
            names = [one["name"] for one in PLACEHOLDER.finditer(text)]
            if _HEADER.fullmatch(name) is None or not (text.isascii() and text.isprintable()):
                self.read.refuse(where, "...", "a header's name, and a text in ASCII")
            elif not names and any(word in name.lower() for word in _SECRET_HEADERS):
                # Somebody may have put the token itself here: do not show it.
                accepted = 'the name of a variable instead of its value: "Bearer {ACME_TOKEN}"'
                self.read.refuse(where, "...", accepted)
            elif any(_VARIABLE.fullmatch(one) is None for one in names):
                self.read.refuse(where, text, "variables in braces, such as {ACME_TOKEN}")
        return found

    def _variables(self) -> Mapping[str, str]:
        found = self._texts("variables")
        for name, variable in found.items():
            if _VARIABLE.fullmatch(variable) is None:
                where = f"{self.where}.variables.{name}"
                self.read.refuse(where, "...", f"the name of a variable such as {name}_TEAM_B")
        return found

    def _texts(self, key: str) -> Mapping[str, str]:
        where = f"{self.where}.{key}"
        table = self.read.table(where, self.table.get(key, {}))
        found = {}
        for name, value in table.items():
            if isinstance(value, str) and value.strip() and len(value) <= _LONGEST:
                found[name] = value
            else:
                self.read.refuse(f"{where}.{name}", "...", "a text in quotes")
        return MappingProxyType(found)


_PLACES = (
    "a text in quotes, in braces only {start}, {end}, {last}, {month}, with :date, :unix or "
    ":unix_ms, and variables such as {ACME_ORG}"
)
_EXAMPLES = {
    "url": 'a base URL such as "https://api.acme.example/v1"',
    "path": 'a path from the base URL on, such as "/usage"',
    "rows": "a JMESPath expression for the list of rows: `data`; `[@]` when there is only one",
    "BilledCost": "a JMESPath expression for the amount, such as `cost`",
    "BillingCurrency": "a JMESPath expression, or a constant in single quotes: \"'USD'\"",
    "ServiceName": "a JMESPath expression, or a constant in single quotes: \"'Acme'\"",
    "quota": "a JMESPath expression, or a constant in single quotes: \"'requests'\"",
    "unit": "a JMESPath expression, or a constant in single quotes: \"'Requests'\"",
    "used": "a JMESPath expression for the number, such as `count`",
}


def expression(value: object) -> str:
    """Accept a JMESPath expression.

    Raises:
        Refused: It is not valid, or too long.
    """
    text = value if isinstance(value, str) else ""
    if not text.strip() or len(text) > _LONGEST:
        msg = f"a JMESPath expression in quotes, at most {_LONGEST} characters"
        raise Refused(msg)
    if find_spec("jmespath") is None:
        return text  # only the service evaluates it
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        jmespath.compile(text)
    except JMESPathError as error:
        reason = str(error).splitlines()[0][:100]
        msg = f"a JMESPath expression ({reason}); constants are in single quotes: \"'USD'\""
        raise Refused(msg) from None
    return text


def _shipped(value: object) -> str:
    if value not in shipped():
        msg = f"one of {', '.join(shipped())}; without `use`, the keys of a definition"
        raise Refused(msg)
    return str(value)


def _name(value: object) -> str:
    if not isinstance(value, str) or _NAME.fullmatch(value) is None:
        raise Refused("1 to 40 of a-z, 0-9 and -")
    return value


def _url(value: object) -> str:
    return parsers.api_url(_text(value))


def _path(value: object) -> str:
    text = value if isinstance(value, str) else ""
    if _PATH.fullmatch(text) is None or ".." in text or len(text) > _LONGEST or not _placed(text):
        msg = f"{_EXAMPLES['path']}, without query (that is `params`); {_PLACES}"
        raise Refused(msg)
    return text


def _placed(text: str) -> bool:
    """Tell whether all braces are placeholders that are known."""
    for found in PLACEHOLDER.finditer(text):
        name, form = found["name"], found["form"]
        if name in MOMENTS:
            if form is not None and (form not in FORMS or name == "month"):
                return False
        elif _VARIABLE.fullmatch(name) is None or form is not None:
            return False
    return not set("{}") & set(PLACEHOLDER.sub("", text))


def _pair(value: object) -> tuple[str, str]:
    match value:
        case [str(user), str(password)] if _VARIABLE.fullmatch(user) and _VARIABLE.fullmatch(
            password
        ):
            return user, password
    raise Refused('two variables, of the user and the password: ["ACME_KEY", "ACME_SECRET"]')


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in range(2):
        raise Refused("0 or 1")
    return value


def _days(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _MOST_DAYS:
        msg = f"a number of days from 1 to {_MOST_DAYS}"
        raise Refused(msg)
    return value


def _scale(value: object) -> Decimal:
    try:
        scale = amount_of(value)  # type: ignore[arg-type]  # it refuses anything but an amount
    except InputError:
        scale = Decimal(0)
    if not scale:
        raise Refused('what numbers are multiplied by, such as "0.01" for cents, or "1e-9"')
    return scale


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise Refused("true or false")
    return value


def _interval(value: object) -> float:
    return _INTERVAL(str(value) if not isinstance(value, bool) else "")


def _settling(value: object) -> dt.timedelta:
    return dt.timedelta(seconds=_SETTLING(str(value) if not isinstance(value, bool) else ""))


def _basis(value: object) -> Basis:
    known: tuple[Basis, ...] = ("billed", "metered", "list_price")
    for basis in known:
        if value == basis:
            return basis
    raise Refused("billed, metered or list_price")


def _period(value: object) -> Period:
    known: tuple[Period, ...] = get_args(Period)
    for period in known:
        if value == period:
            return period
    raise Refused("month, day or now")
