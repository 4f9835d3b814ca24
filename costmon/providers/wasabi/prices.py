"""What a TB costs at Wasabi: by list, dated, or by the user's own contract.

Source: https://docs.wasabi.com/docs/may-2026-wasabi-pricing, read 2026-11-21
"""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal

KEY = "storage:tb"
CURRENCY = "USD"
TB = 1024**4
"""Wasabi's TB, in bytes: 1 TB is 1024 GB."""
_LISTED = (
    (dt.date(2026, 7, 1), Decimal("7.99")),
    (dt.date.min, Decimal("6.99")),
)


class StoragePrices:
    """The price of a TB for a month, on a day."""

    def __init__(self, own: Mapping[str, Decimal]) -> None:
        """Let the user's price, if there is one, hold for all days.

        Raises:
            ValueError: It is negative or not finite.
        """
        self._own = own.get(KEY)
        if self._own is not None and not (self._own.is_finite() and self._own >= 0):
            msg = f"{KEY} = {self._own} is not a price"
            raise ValueError(msg)

    def on(self, day: dt.date) -> Decimal:
        """Return the price that holds on a day."""
        if self._own is not None:
            return self._own
        return next(price for since, price in _LISTED if since <= day)
