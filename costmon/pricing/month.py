"""Estimate what has been charged this month for what exists now.

The rule is that of vendors who bill per second and cap a month at 28 days (DigitalOcean since
2026): `min(monthly, max(0.01, seconds * monthly / (672 * 3600)))`, at least 60 seconds. The floor
is charged once, when a resource is made, so it holds in the month of its creation only.
"""

import datetime as dt
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
    start = month_of(now).start
    if created_at is None or created_at < start:
        micros = min((now - start) // _MICROSECOND, _CAP_MICROS)
        return monthly * micros / _CAP_MICROS
    micros = max((now - created_at) // _MICROSECOND, _MINIMUM_MICROS)
    if micros >= _CAP_MICROS:
        return monthly
    return min(monthly, max(MINIMUM_CHARGE, monthly * micros / _CAP_MICROS))
