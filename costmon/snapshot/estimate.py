"""What resources have cost so far this month, each distinct price and age computed once."""

import datetime as dt
from decimal import Decimal

from costmon.domain.money import shown
from costmon.domain.period import month_of
from costmon.domain.resource import Resource
from costmon.pricing import month_to_date


class MonthToDate:
    """Estimate by the vendor's rule, remembering what it computed.

    Nearly all resources are older than the month and share a few prices: of 100,000 droplets only
    the new ones cost a computation, the others one look-up.

    Attributes:
        now: Up to when is estimated, aware UTC.
    """

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self._month_start = month_of(now).start
        self._known: dict[tuple[Decimal, dt.datetime | None], tuple[Decimal, Decimal]] = {}

    def of(self, resource: Resource) -> Decimal | None:
        """Return the estimate in the resource's currency; `None` when its price is unknown."""
        estimate = self._both(resource)
        return None if estimate is None else estimate[0]

    def shown(self, resource: Resource) -> Decimal | None:
        """Return the estimate rounded as it is shown."""
        estimate = self._both(resource)
        return None if estimate is None else estimate[1]

    def _both(self, resource: Resource) -> tuple[Decimal, Decimal] | None:
        monthly = resource.monthly_cost
        if monthly is None:
            return None
        created_at = resource.created_at
        if created_at is not None and created_at < self._month_start:
            created_at = None
        key = (monthly, created_at)
        known = self._known.get(key)
        if known is None:
            estimate = month_to_date(monthly, created_at, self.now)
            known = self._known[key] = (estimate, shown(estimate))
        return known
