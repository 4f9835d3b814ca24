"""Exchange rates: dated, named wherever they are used, never assumed."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple


class Rate(NamedTuple):
    """What one unit of a currency is worth in the base currency of the rates.

    Attributes:
        value: Units of the base currency for one unit of this one.
        as_of: Of which day.
        source: Who says so.
    """

    value: Decimal
    as_of: dt.date
    source: str


class Converted(NamedTuple):
    """An amount in another currency.

    Attributes:
        amount: Not rounded.
        note: The rate and its date, as people write it; `None` where nothing was converted.
    """

    amount: Decimal
    note: str | None


class Rates(NamedTuple):
    """Rates of currencies against one base.

    Attributes:
        base: ISO 4217; its own rate is 1.
        rates: By ISO 4217.
    """

    base: str
    rates: Mapping[str, Rate]

    def convert(self, amount: Decimal, currency: str, target: str) -> Converted | None:
        """Return the amount in `target`; `None` when a rate is missing."""
        if currency == target:
            return Converted(amount, None)
        given, wanted = self._rate(currency), self._rate(target)
        if given is None or wanted is None:
            return None
        value = given.value / wanted.value
        older = min((rate for rate in (given, wanted) if rate.source), key=lambda rate: rate.as_of)
        note = f"1 {currency} = {value:.5g} {target} ({older.source}, {older.as_of.isoformat()})"
        return Converted(amount * value, note)

    def _rate(self, currency: str) -> Rate | None:
        if currency == self.base:
            return Rate(Decimal(1), dt.date.max, "")
        return self.rates.get(currency)
