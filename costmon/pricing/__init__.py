"""Quantities times prices, and dated price lists; standard library only.

The names are looked up when they are first used: `costmon.guard`, which must start quickly, needs
`costmon.pricing.aws` alone and not the 14 ms that dataclasses take.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costmon.pricing.costs import (
        calculate_daily_cost,
        calculate_hourly_cost,
        calculate_monthly_cost,
    )
    from costmon.pricing.month import month_to_date
    from costmon.pricing.table import PriceTable

__all__ = [
    "PriceTable",
    "calculate_daily_cost",
    "calculate_hourly_cost",
    "calculate_monthly_cost",
    "month_to_date",
]

_HOME = {
    "PriceTable": "costmon.pricing.table",
    "calculate_daily_cost": "costmon.pricing.costs",
    "calculate_hourly_cost": "costmon.pricing.costs",
    "calculate_monthly_cost": "costmon.pricing.costs",
    "month_to_date": "costmon.pricing.month",
}

if not TYPE_CHECKING:  # a checker would take any name for an offered one

    def __getattr__(name: str) -> object:
        from importlib import import_module

        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        found: object = getattr(import_module(home), name)
        globals()[name] = found
        return found
