"""Karpenter's generated Go files: prices by region and type, and when they were generated."""

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from costmon.errors import InputError
from costmon.pricing.instances.formats.imported import bounded

_GENERATED = re.compile(r"^// generated at (\d{4}-\d\d-\d\d)T", re.ASCII | re.MULTILINE)
_PACKAGE = re.compile(r"^package pricing$", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*")
# `"eastus": {`, or `["eastus"] = map[string]float64{`, or `"m5.large": 0.096`.
_ENTRY = re.compile(
    r'"([^"\n]{1,80})"(?:\]\s*=\s*map\[[^\]\n]{1,40}\]float64\s*\{|\s*:\s*(?:\{|([^\s,}]{1,40})))'
)
_PRICE = re.compile(r"\d{1,9}(?:\.\d{1,20})?", re.ASCII)


class Priced(NamedTuple):
    """One price of a file.

    Attributes:
        region: In which it stands.
        name: Of the type.
        hourly_usd: US dollars an hour, 0 or more.
    """

    region: str
    name: str
    hourly_usd: Decimal


def generated_on(text: str) -> dt.date | None:
    """Return the day that a file names; `None` when it names none.

    Raises:
        InputError: It is not such a file, or its date is not valid.
    """
    if not _PACKAGE.search(bounded(text)):
        raise InputError(
            "the file is not a generated price list: Go's `package pricing` is missing"
        )
    found = _GENERATED.search(text)
    if found is None:
        return None
    try:
        return dt.date.fromisoformat(found[1])
    except ValueError:
        raise InputError(
            f"the price list was generated on {found[1]}, which is not a valid date"
        ) from None


def prices_in(text: str) -> Iterator[Priced]:
    """Yield the prices of a file that `generated_on` has taken for one.

    Raises:
        InputError: A price is not a number, or is outside of any region.
    """
    region = None
    for entry in _ENTRY.finditer(_COMMENT.sub("", text)):
        name, price = entry.groups()
        if price is None:
            region = name
        elif not _PRICE.fullmatch(price):
            raise InputError(f"the price of {name} in {region} is {price!r}, which is not a number")
        elif region is None:
            raise InputError(f"the price of {name} is outside of any region")
        else:
            yield Priced(region, name, Decimal(price))
