"""Say what the simulated vendor bills: this month so far, as late as a vendor says it, and before.

The bill is more than what the lasting droplets cost: bursts that are gone by now, storage and
databases are on it too. That difference is what costmon shows beside its own estimate.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal

from costmon.demo.draw import draw_id
from costmon.demo.holdings import Balance, Bill, BillLine, Droplet
from costmon.domain.period import Period, month_of

_CAP_S = 672 * 3600
_CENT = Decimal("0.01")
_BACKUP_SHARE = {None: Decimal(0), "weekly": Decimal("0.2"), "daily": Decimal("0.3")}
_OTHERS = (
    # Product, words, and what a month costs.
    ("Droplets", "web-worker (s-1vcpu-512mb-10gb), 31 of them", Decimal("39.00")),
    ("Database Clusters", "shop-db (db-s-1vcpu-1gb)", Decimal("15.00")),
    ("Load Balancers", "shop-front (2 nodes)", Decimal("24.00")),
    ("Volumes", "shop-uploads, migration-scratch", Decimal("6.70")),
)
_EARLIER_BILLS = 11
_STEP = dt.timedelta(hours=6)
_LAG = dt.timedelta(hours=2)


def bills_at(moment: dt.datetime, *, seed: int, lasting: Sequence[Droplet]) -> tuple[Bill, ...]:
    """Return the bill of this month as it would be read at `moment`, then those of months before.

    Args:
        moment: When it is asked for, aware UTC; this month's bill is two to eight hours old.
        seed: Chooses the ids.
        lasting: The droplets that do not come and go.
    """
    month = month_of(moment)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    behind = moment - _LAG - midnight
    generated_at = max(midnight + (behind // _STEP) * _STEP, month.start)
    bills = [_bill(seed, month, generated_at, lasting, updated_at=generated_at)]
    for _ in range(_EARLIER_BILLS):
        month = month_of(month.start - dt.timedelta(days=1))
        bills.append(_bill(seed, month, month.end, lasting, updated_at=None))
    return tuple(bills)


def balance_of(bill: Bill, moment: dt.datetime) -> Balance:
    """Return what the balance says of this month's bill."""
    return Balance(
        month_to_date_usage=bill.amount, generated_at=bill.updated_at or month_of(moment).start
    )


def _bill(
    seed: int,
    month: Period,
    until: dt.datetime,
    lasting: Iterable[Droplet],
    *,
    updated_at: dt.datetime | None,
) -> Bill:
    lines = [
        BillLine(
            product="Droplets",
            resource_id=str(droplet.id),
            description=f"{droplet.name} ({droplet.size.slug})",
            amount=_accrued(
                droplet.size.monthly * (1 + _BACKUP_SHARE[droplet.backups]),
                max(month.start, droplet.created_at),
                until,
            ),
            start=max(month.start, droplet.created_at),
            end=until,
        )
        for droplet in lasting
        if droplet.created_at < until
    ]
    lines += (
        BillLine(
            product=product,
            resource_id=None,
            description=words,
            amount=_accrued(monthly, month.start, until),
            start=month.start,
            end=until,
        )
        for product, words, monthly in _OTHERS
    )
    return Bill(
        id=draw_id(seed, "bill", month.start),
        period=f"{month.start:%Y-%m}",
        lines=tuple(line for line in lines if line.start < line.end),
        updated_at=updated_at,
    )


def _accrued(monthly: Decimal, since: dt.datetime, until: dt.datetime) -> Decimal:
    seconds = max(int((until - since).total_seconds()), 0)
    used = min(monthly, monthly * seconds / _CAP_S)
    return used.quantize(_CENT, rounding=ROUND_HALF_EVEN)
