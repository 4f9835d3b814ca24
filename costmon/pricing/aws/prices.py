"""What AWS lists for transfer, Lambda, DynamoDB and S3, by region and meter.

The prices are in `costmon/pricing/data/aws_*.csv` and are read when one is first needed. What is
not listed is refused, never taken to be free.
"""

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Literal, NamedTuple

from costmon.errors import AmountError, PriceUnknownError
from costmon.pricing.aws.exact import quantity_of
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.aws.usage import PER_UNIT

Confidence = Literal["listed", "recalled", "derived", "manual"]
"""How a price is known, from best to worst, except for the user's own:

`listed`: compared with figures of AWS's price list that others published with its date.
`recalled`: of the public price page, but not compared again on `as_of`.
`derived`: calculated from an older list price and an announced reduction; expect a rounding.
`manual`: given by the user.
"""


class PriceRow(NamedTuple):
    """What one meter costs in one region.

    Attributes:
        region: AWS's code, such as `eu-west-1`.
        meter: A field of `Usage`.
        tiers: Ascending, the first from 0; in published units and US dollars.
        as_of: The date of the price list; `listed` ones were compared with it.
        source: Where it is published.
        confidence: How sure we are.
    """

    region: str
    meter: str
    tiers: tuple[Tier, ...]
    as_of: dt.date
    source: str
    confidence: Confidence


Price = str | int | Decimal
Override = Price | Sequence[tuple[int, Price]]
"""One price for all use, or (above, price) pairs from 0 on, in published units."""


class Prices:
    """An immutable price list in US dollars.

    Args:
        rows: The prices, or a function that returns them and is called when one is first needed.
    """

    __slots__ = ("_read", "_rows")

    def __init__(self, rows: Iterable[PriceRow] | Callable[[], Iterable[PriceRow]]) -> None:
        self._read = rows if callable(rows) else tuple(rows).__iter__
        self._rows: Mapping[tuple[str, str], PriceRow] | None = None

    @property
    def rows(self) -> Mapping[tuple[str, str], PriceRow]:
        """Return the prices by (region, meter)."""
        if self._rows is None:
            self._rows = MappingProxyType({(row.region, row.meter): row for row in self._read()})
        return self._rows

    def row(self, region: str, meter: str) -> PriceRow:
        """Return a price with its tiers, source and date.

        Raises:
            PriceUnknownError: It is not listed; the error says which regions have one.
        """
        found = self.rows.get((region, meter))
        if found is None:
            raise PriceUnknownError(f"{meter} in {region}"[:100], self.regions(meter))
        return found

    def regions(self, meter: str) -> tuple[str, ...]:
        """Return the regions that have a price of a meter."""
        return tuple(sorted(where for where, what in self.rows if what == meter))

    def overridden(
        self, own: Mapping[str, Override], *, as_of: dt.date, source: str = "your own prices"
    ) -> "Prices":
        """Return a list in which the user's prices win.

        Args:
            own: By `region:meter`, such as `{"eu-west-1:transfer_out": "0.05"}`; a region that is
                not listed becomes known.
            as_of: When they were agreed.
            source: Where, such as a contract's name.

        Raises:
            PriceUnknownError: A key names no meter.
            AmountError: A price or the beginning of a tier is not valid.
        """
        added = []
        for key, price in own.items():
            region, _, meter = key.partition(":")
            if meter not in PER_UNIT or not region:
                raise PriceUnknownError(
                    repr(key)[:60], tuple(f"REGION:{name}" for name in PER_UNIT)
                )
            added.append(PriceRow(region, meter, _steps(key, price), as_of, source, "manual"))
        return Prices((*self.rows.values(), *added))


def _steps(key: str, given: object) -> tuple[Tier, ...]:
    if isinstance(given, str | int | Decimal):
        return (Tier(Decimal(0), _price(key, given)),)
    if not isinstance(given, Sequence):
        raise AmountError(
            f"{key}={given!r}"[:80], "a price such as '0.09', or (above, price) pairs"
        )
    steps = tuple(
        Tier(Decimal(quantity_of(key, above)), _price(key, price)) for above, price in given
    )
    borders = [step.above for step in steps]
    if not steps or borders[0] != 0 or borders != sorted(set(borders)):
        raise AmountError(f"{key}={given!r}"[:80], "tiers that start at 0 and ascend")
    return steps


def _price(key: str, given: Price) -> Decimal:
    try:
        return Decimal(quantity_of(key, Decimal(given)))
    except (InvalidOperation, TypeError, ValueError):
        raise AmountError(f"{key}={given!r}"[:80], "a price such as '0.09'") from None


_CONFIDENCES: Mapping[str, Confidence] = {
    "listed": "listed",
    "recalled": "recalled",
    "derived": "derived",
}
_WHERE_FROM = ("as_of", "source", "confidence")
_COLUMNS = ("region", "meter", "above", "usd", *_WHERE_FROM)
_BETWEEN_COLUMNS = ("region", "to_region", "usd", *_WHERE_FROM)


def _shipped() -> Iterable[PriceRow]:
    """Return the prices that costmon ships; the tiers of a meter are rows one after another."""
    from costmon.pricing.csv_rows import csv_rows, shipped_text

    found: dict[tuple[str, str], PriceRow] = {}
    for row in csv_rows(shipped_text("aws_services.csv"), _COLUMNS, _COLUMNS):
        region, meter = row.text("region"), row.text("meter")
        confidence = _CONFIDENCES.get(row.text("confidence"))
        if confidence is None:
            row.refuse("confidence", ", ".join(_CONFIDENCES))
        if meter not in PER_UNIT:
            row.refuse("meter", ", ".join(PER_UNIT))
        tier = Tier(row.decimal("above"), row.decimal("usd"))
        before = found.get((region, meter))
        tiers = (tier,) if before is None else (*before.tiers, tier)
        found[region, meter] = PriceRow(
            region, meter, tiers, row.day("as_of"), row.text("source"), confidence
        )
    return found.values()


AWS = Prices(_shipped)


@functools.cache
def _between() -> Mapping[tuple[str, str], Decimal]:
    """Return US dollars for a GB by region and target; an empty target is any other region."""
    from costmon.pricing.csv_rows import csv_rows, shipped_text

    rows = csv_rows(shipped_text("aws_between_regions.csv"), _BETWEEN_COLUMNS, _BETWEEN_COLUMNS)
    return {(row.text("region"), row.text("to_region")): row.decimal("usd") for row in rows}


def between_regions(source: str, target: str) -> Decimal:
    """Return US dollars for a GB from one region to another, which has no tiers or free use.

    Raises:
        PriceUnknownError: One of the two is not listed.
    """
    between = _between()
    for region in (source, target):
        if (region, "") not in between:
            known = tuple(where for where, to in between if not to)
            raise PriceUnknownError(f"transfer to or from {region}"[:100], known)
    if source == target:
        return Decimal(0)
    return between.get((source, target), between[source, ""])
