"""Say what the simulated vendor has billed this month, as late as a vendor says it.

The bill is more than what the lasting droplets cost: bursts that are gone by now, storage, transfer
and tax are on it too. That difference is what costmon shows beside its own estimate.
"""

import datetime as dt
from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Decimal

from costmon.demo.holdings import Balance, Droplet
from costmon.domain.period import month_of

_CAP_S = 672 * 3600
_BACKUP_SHARE = {None: Decimal(0), "weekly": Decimal("0.2"), "daily": Decimal("0.3")}
_OTHER_KINDS_MONTHLY = Decimal("45.70")
_BURSTS_MONTHLY = Decimal("39.00")
_STEP = dt.timedelta(hours=6)
_LAG = dt.timedelta(hours=2)


def balance_at(moment: dt.datetime, *, lasting: Iterable[Droplet]) -> Balance:
    """Return the bill as it would be read at `moment`: two to eight hours old.

    Args:
        moment: When it is asked for, aware UTC.
        lasting: The droplets that do not come and go.
    """
    month = month_of(moment)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    behind = moment - _LAG - midnight
    generated_at = max(midnight + (behind // _STEP) * _STEP, month.start)
    used = _accrued(_OTHER_KINDS_MONTHLY + _BURSTS_MONTHLY, month.start, generated_at)
    for droplet in lasting:
        monthly = droplet.size.monthly * (1 + _BACKUP_SHARE[droplet.backups])
        used += _accrued(monthly, max(month.start, droplet.created_at), generated_at)
    return Balance(
        month_to_date_usage=used.quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN),
        generated_at=generated_at,
    )


def _accrued(monthly: Decimal, since: dt.datetime, until: dt.datetime) -> Decimal:
    seconds = max(int((until - since).total_seconds()), 0)
    return min(monthly, monthly * seconds / _CAP_S)
