"""Quantities times prices, and dated price lists; standard library only."""

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
