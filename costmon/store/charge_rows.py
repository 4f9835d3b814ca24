"""Turn charges into rows of `charge` and back into groups: plain values, as drivers take them.

A window may have 40,000 rows of 60 columns, so the rows go to the driver as tuples, see `bulk`.
"""

import datetime as dt
import functools
import operator
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from costmon.domain.charge import Charge
from costmon.store.charge_schema import NO_PROJECT, charge, focus_name
from costmon.store.columns import ExactDecimal, UtcMicros, from_micros, to_micros, to_text
from costmon.store.text import FREE_CHARACTERS, storable

RAW_CHARACTERS = 65_536
"""Longest raw row that is kept."""

_OURS = {"source_row_key": "x_SourceRowKey", "basis": "x_CostBasis", "raw": "x_RawJson"}
_LIMITS = {"x_RawJson": RAW_CHARACTERS}


def _column_of(attribute: str) -> str:
    return _OURS.get(attribute) or focus_name(attribute)


_ATTRIBUTES = [name for name in Charge.__dataclass_fields__ if name != "tags"]
_TYPES = {name: charge.c[_column_of(name)].type for name in _ATTRIBUTES}
_DECIMALS = [name for name in _ATTRIBUTES if isinstance(_TYPES[name], ExactDecimal)]
_TIMES = [name for name in _ATTRIBUTES if isinstance(_TYPES[name], UtcMicros)]
_TEXTS = [name for name in _ATTRIBUTES if name not in {*_DECIMALS, *_TIMES}]
_TEXT_LIMITS = [
    _LIMITS.get(_column_of(name), getattr(_TYPES[name], "length", None) or FREE_CHARACTERS)
    for name in _TEXTS
]

CONTENT = (*map(_column_of, (*_DECIMALS, *_TIMES, *_TEXTS)), "Tags", "x_DayZone")
"""What is compared to tell whether a row has changed."""
_PLACES = {name: place for place, name in enumerate(CONTENT)}
_TIME_COLUMNS = frozenset(map(_column_of, _TIMES))
KEY = _PLACES["x_SourceRowKey"]
START = _PLACES["ChargePeriodStart"]

Content = tuple[Any, ...]
"""The values of `CONTENT`, as the driver takes and gives them."""

_get_decimals = operator.attrgetter(*_DECIMALS)
_get_times = operator.attrgetter(*_TIMES)
_get_texts = operator.attrgetter(*_TEXTS)
_micros_of = functools.lru_cache(maxsize=4096)(to_micros)


class Group(NamedTuple):
    """What charges of one account are added up by."""

    day: dt.date
    service: str
    project: str
    currency: str
    category: str
    basis: str


_GROUP_PLACES = [
    _PLACES[name]
    for name in (
        "ServiceName",
        "SubAccountId",
        "BillingCurrency",
        "ChargeCategory",
        "x_CostBasis",
    )
]


def content_of(row: Charge, day_zone: str) -> Content:
    """Return the row as it is stored."""
    texts = [
        text
        if text is None or (len(text) <= limit and text.isascii() and "\0" not in text)
        else storable(text, limit)
        for text, limit in zip(_get_texts(row), _TEXT_LIMITS, strict=True)
    ]
    return (
        *[None if number is None else to_text(number) for number in _get_decimals(row)],
        *map(_micros_of, _get_times(row)),
        *texts,
        _tags(row.tags),
        day_zone,
    )


def day_of(content: Content, day_zone: str) -> dt.date:
    """Return the vendor's day that a row counts on: the one that its period starts on."""
    return _day_at(content[START], day_zone)


def group_of(content: Content, day: dt.date) -> Group:
    """Return the group that a row is added up in."""
    service, project, currency, category, basis = [content[place] for place in _GROUP_PLACES]
    return Group(
        day, service, NO_PROJECT if project is None else project, currency, category, basis
    )


def project_of(content: Content) -> tuple[str, str] | None:
    """Return id and name of the row's project; `None` when the vendor gives no name."""
    project, name = content[_PLACES["SubAccountId"]], content[_PLACES["SubAccountName"]]
    return None if project is None or name is None else (project, name)


def old_values(old: Content, new: Content | None) -> str:
    """Return as JSON what was there and is no longer: all that was, when there is nothing new."""
    values = {
        name: from_micros(before).isoformat() if name in _TIME_COLUMNS else before
        for place, (name, before) in enumerate(zip(CONTENT, old, strict=True))
        if (before is not None if new is None else before != new[place])
    }
    return msgspec.json.encode(values).decode()


@functools.lru_cache(maxsize=4096)
def _day_at(micros: int, zone: str) -> dt.date:
    return from_micros(micros).astimezone(ZoneInfo(zone)).date()


def _tags(tags: tuple[tuple[str, str], ...]) -> str | None:
    if not tags:
        return None
    pairs = {storable(name): storable(value) for name, value in sorted(tags)}
    return msgspec.json.encode(pairs).decode()
