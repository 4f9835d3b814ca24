"""What was read of another price list: rows that can be used, and the number of other rows."""

import datetime as dt
from collections import Counter
from decimal import Decimal
from typing import NamedTuple

from costmon.errors import InputError
from costmon.pricing.instances.instance import Instance, Shape, fault_of
from costmon.pricing.instances.shapes import PROVIDERS

MOST_CHARACTERS = 64 * 2**20
"""Of a list; the largest that we know has 4.5 million."""

MOST_ROWS = 500_000

ZERO = "the price is 0"
UNPRICED = "it has no price"
UNSIZED = "the type's vCPUs and memory are not known"
ACCELERATED = "the type has an accelerator"
UNASKED = "of another provider or region than asked for"


class Wanted(NamedTuple):
    """Which rows of a list to take, and what the list does not say.

    Attributes:
        provider: Only this one's rows; `None`: all.
        region: Only of this region; `None`: all.
        as_of: The day of its prices, for lists without a date of their own.
    """

    provider: str | None = None
    region: str | None = None
    as_of: dt.date | None = None


class Imported(NamedTuple):
    """What was read.

    Attributes:
        instances: Rows that can be used, in the list's order.
        skipped: Why other rows cannot be used, and how many; most frequent first.
    """

    instances: tuple[Instance, ...]
    skipped: tuple[tuple[str, int], ...]


class Gathering:
    """Collects rows of one list."""

    __slots__ = ("_as_of", "_rows", "_skipped", "_source", "_wanted")

    def __init__(self, wanted: Wanted, *, as_of: dt.date | None, source: str) -> None:
        """Begin.

        Raises:
            InputError: Neither the list nor `wanted` says of which day the prices are.
        """
        found = as_of or wanted.as_of
        if found is None:
            raise InputError(f"{source} has no date: give the date of its prices with --as-of")
        self._wanted = wanted
        self._as_of = found
        self._source = source
        self._rows: dict[tuple[str, str, str], Instance] = {}
        self._skipped: Counter[str] = Counter()

    def add(
        self, where: tuple[str, str], name: str, price: Decimal | None, shape: Shape | None
    ) -> None:
        """Take a row, or count it as skipped.

        Args:
            where: Provider and region.
            name: Of the type.
            price: US dollars an hour; `None` when the list has none.
            shape: Its size; `None` when it is not known.
        """
        provider, region = where
        if self._wanted.provider not in {None, provider} or self._wanted.region not in {
            None,
            region,
        }:
            self.skip(UNASKED)
        elif price is None:
            self.skip(UNPRICED)
        elif not price:
            self.skip(ZERO)
        elif shape is None:
            self.skip(UNSIZED)
        else:
            self._take(Instance(provider, region, name, *shape, price, self._as_of, self._source))

    def skip(self, reason: str, count: int = 1) -> None:
        """Count rows that cannot be used."""
        self._skipped[reason] += count
        self._bound()

    def done(self) -> Imported:
        """Return what was collected.

        Raises:
            InputError: No row can be used.
        """
        skipped = tuple(self._skipped.most_common())
        if not self._rows:
            reasons = "; ".join(f"{count} rows: {reason}" for reason, count in skipped)
            raise InputError(f"no row of the list can be used: {reasons or 'it has none'}")
        return Imported(tuple(self._rows.values()), skipped)

    def _take(self, row: Instance) -> None:
        fault = fault_of(row)
        if fault is not None:
            self.skip(f"its {fault.field} is not {fault.accepted}")
            return
        key = (row.provider, row.region, row.name)
        known = self._rows.get(key)
        if known is not None and known.hourly_usd != row.hourly_usd:
            self.skip("the same type is more expensive elsewhere in the list")
        if known is None or known.hourly_usd < row.hourly_usd:
            self._rows[key] = row
        self._bound()

    def _bound(self) -> None:
        if len(self._rows) + self._skipped.total() > MOST_ROWS:
            raise InputError(f"the list has more than {MOST_ROWS} rows: import one region")


def bounded(text: str) -> str:
    """Return the text of a list.

    Raises:
        InputError: It is too long for one.
    """
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"a price list has at most {MOST_CHARACTERS} characters")
    return text


def provider_of(wanted: Wanted, source: str) -> str:
    """Return the provider of a list that does not name it.

    Raises:
        InputError: `wanted` has no provider.
    """
    if wanted.provider is None:
        raise InputError(
            f"{source} does not name its provider: give --provider {', '.join(PROVIDERS)}"
        )
    return wanted.provider
