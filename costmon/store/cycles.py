"""Write the one row that every cycle gets, good or failed."""

import datetime as dt
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from costmon.domain.money import from_nano, to_nano
from costmon.domain.poll import Observation
from costmon.domain.resource import Inventory
from costmon.store.columns import LARGEST_NANO
from costmon.store.packing import pack_balance, pack_gaps, pack_kinds, pack_not_priced
from costmon.store.schema import poll_cycle
from costmon.store.text import storable, storable_key

_ZERO = Decimal(0)


def is_recorded(connection: Connection, cycle_id: str) -> bool:
    """Return whether a cycle has its row; nobody adds it meanwhile, for the fence is held."""
    row = connection.execute(
        select(poll_cycle.c.id).where(poll_cycle.c.cycle_id == storable_key(cycle_id))
    )
    return row.first() is not None


def write_cycle(connection: Connection, observation: Observation) -> None:
    """Insert the row of a cycle that is not recorded yet."""
    report, failure, totals = observation.report, observation.failure, observation.totals
    values: dict[str, object] = {
        "cycle_id": storable_key(report.cycle_id),
        "account": storable_key(report.account),
        "provider": storable_key(report.provider),
        "started_at": report.started_at,
        "observed_at": _observed_at(observation),
        "duration_s": report.duration_s,
        "outcome": "good" if observation.inventory else "failed",
        "requests": report.requests,
    }
    if failure is not None:
        values |= {"reason": failure.reason, "message": storable(failure.message)}
    if observation.inventory is not None:
        values |= _inventory_columns(observation.inventory)
    if totals is not None:
        values |= {
            "total_currency": storable_key(totals.currency),
            "total_monthly": _rounded(totals.monthly),
            "total_daily": _rounded(totals.daily),
            "total_hourly": _rounded(totals.hourly),
            "kind_counts": pack_kinds(totals),
            "resource_count": totals.resource_count,
            "unpriced_count": totals.unpriced_count,
        }
    connection.execute(insert(poll_cycle).values(**values))


def _observed_at(observation: Observation) -> dt.datetime:
    if observation.inventory is not None:
        return observation.inventory.observed_at
    if observation.failure is not None:
        return observation.failure.failed_at
    return observation.report.started_at


def _inventory_columns(inventory: Inventory) -> dict[str, object]:
    sums: dict[str, Decimal] = {}
    for it in inventory.resources:
        cost = it.monthly_cost
        if cost is not None and cost.is_finite():
            sums[it.currency] = sums.get(it.currency, _ZERO) + cost
    columns: dict[str, object] = {
        "gaps": pack_gaps(inventory),
        "not_priced": pack_not_priced(inventory),
        "balance": pack_balance(inventory),
    }
    # Currencies are never added: an account that mixes them has its sums in the roll-ups only.
    if len(sums) == 1:
        ((currency, monthly),) = sums.items()
        columns |= {
            "account_currency": storable_key(currency),
            "account_monthly": _rounded(monthly),
        }
    return columns


def _rounded(amount: Decimal) -> Decimal | None:
    """Round to nano-units, half to even; `None` for what no 64 bits hold, rather than no cycle."""
    if not amount.is_finite():
        return None
    nano = to_nano(amount)
    return from_nano(nano) if abs(nano) <= LARGEST_NANO else None
