"""Estimate what has been charged this month for what exists now.

The rule is that of vendors who bill per second and cap a month at 28 days (DigitalOcean since
2026): `min(monthly, max(0.01, seconds * monthly / (672 * 3600)))`, at least 60 seconds. The floor
is charged once, when a resource is made, so it holds in the month of its creation only.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal

from costmon.domain.period import month_of

CAP_SECONDS = 672 * 3600
MINIMUM_SECONDS = 60
MINIMUM_CHARGE = Decimal("0.01")
_MICRO = 1_000_000
_CAP_MICROS = CAP_SECONDS * _MICRO
_MINIMUM_MICROS = MINIMUM_SECONDS * _MICRO
_MICROSECOND = dt.timedelta(microseconds=1)


def month_to_date(monthly: Decimal, created_at: dt.datetime | None, now: dt.datetime) -> Decimal:
    """Return what one resource has cost in the UTC month of `now`.

    Args:
        monthly: What a full month costs.
        created_at: Aware; `None` is taken as "before this month".
        now: Aware.
    """
    return month_to_date_total(((monthly, created_at),), now)


def month_to_date_total(
    costs: Iterable[tuple[Decimal, dt.datetime | None]], now: dt.datetime
) -> Decimal:
    """Return the sum of `month_to_date` over many resources.

    The charge is linear in time between its floor and its cap, so whole microseconds are summed
    per distinct price and multiplied once: 100,000 resources have a few dozen prices.
    """
    start = month_of(now).start
    whole_micros = min((now - start) // _MICROSECOND, _CAP_MICROS)
    micros_by_price: dict[Decimal, int] = {}
    total = Decimal(0)
    for monthly, created_at in costs:
        micros = whole_micros
        if created_at is not None and created_at >= start:
            micros = (now - created_at) // _MICROSECOND
            micros = min(max(micros, _MINIMUM_MICROS), _CAP_MICROS)
            if monthly * micros < MINIMUM_CHARGE * _CAP_MICROS:
                total += min(monthly, MINIMUM_CHARGE)
                continue
        micros_by_price[monthly] = micros_by_price.get(monthly, 0) + micros
    for monthly, micros in micros_by_price.items():
        total += monthly * micros / _CAP_MICROS
    return total
