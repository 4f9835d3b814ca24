"""Find a price by region and meter; what is not listed is refused, never taken to be free."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from types import MappingProxyType

from costmon.errors import AmountError, PriceUnknownError
from costmon.pricing.aws.compute import LAMBDA
from costmon.pricing.aws.dynamodb import DYNAMODB
from costmon.pricing.aws.exact import quantity_of
from costmon.pricing.aws.row import PriceRow
from costmon.pricing.aws.s3 import S3
from costmon.pricing.aws.tiers import Tier
from costmon.pricing.aws.transfer import BETWEEN_REGIONS, IN, NEIGHBOURS, OUT
from costmon.pricing.aws.usage import PER_UNIT

Price = str | int | Decimal
Override = Price | Sequence[tuple[int, Price]]
"""One price for all use, or (above, price) pairs from 0 on, in published units."""


class Prices:
    """An immutable price list in US dollars.

    Attributes:
        rows: By (region, meter).
    """

    __slots__ = ("rows",)

    def __init__(self, rows: Iterable[PriceRow]) -> None:
        self.rows: Mapping[tuple[str, str], PriceRow] = MappingProxyType(
            {(row.region, row.meter): row for row in rows}
        )

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
                not listed becomes known by it.
            as_of: When they were agreed.
            source: Where, such as a contract's name.

        Raises:
            PriceUnknownError: A key names no meter.
            AmountError: A price or a border is none.
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
        raise AmountError(f"{key}={given!r}"[:80], "tiers that begin at 0 and ascend")
    return steps


def _price(key: str, given: Price) -> Decimal:
    try:
        return Decimal(quantity_of(key, Decimal(given)))
    except (InvalidOperation, TypeError, ValueError):
        raise AmountError(f"{key}={given!r}"[:80], "a price such as '0.09'") from None


AWS = Prices((*OUT, *IN, *LAMBDA, *DYNAMODB, *S3))


def between_regions(source: str, target: str) -> Decimal:
    """Return US dollars for a GB from one region to another; tiers and free use there are none.

    Raises:
        PriceUnknownError: One of the two is not listed.
    """
    for region in (source, target):
        if region not in BETWEEN_REGIONS:
            raise PriceUnknownError(f"transfer to or from {region}"[:100], tuple(BETWEEN_REGIONS))
    if source == target:
        return Decimal(0)
    return NEIGHBOURS.get(frozenset((source, target)), BETWEEN_REGIONS[source])
