"""Add up what resources cost, and what they have cost so far this month."""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.period import month_of
from costmon.domain.resource import Resource
from costmon.pricing import month_to_date

_MOMENT = dt.timedelta(microseconds=1)


class MonthToDate:
    """Estimate by the vendor's rule, each distinct price and age once.

    Attributes:
        now: Up to when is estimated, aware UTC.
    """

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self._month_start = month_of(now).start
        self._known: dict[tuple[Decimal, dt.datetime | None], Decimal] = {}

    def of(self, monthly: Decimal, created_at: dt.datetime | None) -> Decimal:
        """Return the estimate for one resource, in the currency of its price."""
        if created_at is not None and created_at < self._month_start:
            created_at = None  # it has cost the whole month so far, however old it is
        key = (monthly, created_at)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = month_to_date(monthly, created_at, self.now)
        return known


class Sums:
    """Sums over an inventory, by currency and exact.

    Equal prices of equal age are counted and then multiplied: adding up 100,000 decimals would take
    longer than everything else that is done with them.

    Attributes:
        monthly: What all priced resources cost in a full month.
        so_far: What they have cost this month, by the vendor's rule.
        at_end: What they will have cost when the month ends, by the same rule.
    """

    def __init__(self, resources: Iterable[Resource], now: dt.datetime) -> None:
        self.monthly: dict[str, Decimal] = {}
        self.so_far: dict[str, Decimal] = {}
        self.at_end: dict[str, Decimal] = {}
        month = month_of(now)
        estimates, at_end = MonthToDate(now), MonthToDate(month.end - _MOMENT)
        for currency, monthly, created_at, count in _counted(resources, month.start):
            so_far = estimates.of(monthly, created_at)
            _add(self.at_end, currency, at_end.of(monthly, created_at) * count)
            _add(self.monthly, currency, monthly * count)
            _add(self.so_far, currency, so_far * count)


def _counted(
    resources: Iterable[Resource], month_start: dt.datetime
) -> list[tuple[str, Decimal, dt.datetime | None, int]]:
    prices: dict[int, Decimal] = {}
    # By the identity of a price: hashing a decimal costs more than all the rest.
    counts: dict[tuple[str, int, dt.datetime | None], int] = {}
    for resource in resources:
        monthly = resource.monthly_cost
        if monthly is None:
            continue
        created_at = resource.created_at
        if created_at is not None and created_at < month_start:
            created_at = None
        key = (resource.currency, id(monthly), created_at)
        if key in counts:
            counts[key] += 1
        else:
            counts[key] = 1
            prices[id(monthly)] = monthly
    return [
        (currency, prices[price], created_at, count)
        for (currency, price, created_at), count in counts.items()
    ]


def _add(sums: dict[str, Decimal], currency: str, amount: Decimal) -> None:
    sums[currency] = sums.get(currency, Decimal()) + amount
