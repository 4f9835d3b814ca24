"""Exchange rates that come with costmon: a dated fallback for currencies without a rate."""

from collections.abc import Mapping
from decimal import Decimal

from costmon.domain.fx import Rate, Rates
from costmon.pricing.csv_rows import csv_rows, shipped_text

BASE = "EUR"
_COLUMNS = ("currency", "for_one_eur", "as_of", "source")


def rates(own: Mapping[str, Rate] | None = None) -> Rates:
    """Return the rates of `data/fx.csv` against the euro, those of the user before them.

    Args:
        own: The user's rates by currency: euros for one unit.
    """
    shipped = {
        row.text("currency"): Rate(
            Decimal(1) / row.decimal("for_one_eur"), row.day("as_of"), row.text("source")
        )
        for row in csv_rows(shipped_text("fx.csv"), _COLUMNS, _COLUMNS)
    }
    return Rates(BASE, {**shipped, **(own or {})})
