"""Write good cycles into resources, rate intervals and roll-ups.

The open intervals of each account are kept in memory, because comparing 10,000 resources with the
database every few minutes would cost more than writing what changed. The memory is checked inside
every transaction against the account's last good cycle and read again when it is not that one:
after a rollback, a commit whose answer was lost, or another writer.
"""

from collections.abc import Collection, Iterable, Sequence

import structlog
from sqlalchemy import (
    BigInteger,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)

from costmon.clock import Clock
from costmon.domain.money import to_nano
from costmon.domain.poll import PollReport
from costmon.domain.resource import Inventory
from costmon.store.accrual import group_of
from costmon.store.bulk import write_intervals
from costmon.store.columns import from_micros, to_micros
from costmon.store.gaps import Span, cut_gaps, span_between, write_gap
from costmon.store.intervals import AccountState, Held, Key, Plan, compare, plan
from costmon.store.inventories import open_resources
from costmon.store.packing import pack_balance, pack_failed, pack_gaps, pack_not_priced
from costmon.store.resources import row_values
from costmon.store.rollups import add_days
from costmon.store.schema import account, poll_cycle, rate_interval, resource
from costmon.store.text import storable_key

_LOOKUP = 400
"""Ids in one query: SQLite's oldest limit is 999 parameters."""


class Ledger:
    """The memory of one writer; belongs to one token and one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._log = structlog.get_logger("costmon.store")
        self._states: dict[tuple[str, str], AccountState] = {}

    def write(
        self, connection: Connection, inventory: Inventory, report: PollReport
    ) -> AccountState | None:
        """Write a good cycle inside the caller's transaction.

        Returns:
            What to `keep` once it is committed; `None` when the cycle is older than the newest one
            of its account (it waited in the journal): intervals are not rewritten for it.
        """
        owner = (storable_key(inventory.account), storable_key(inventory.provider))
        cycle_id = storable_key(report.cycle_id)
        state = self._state(connection, owner)
        span = self._span(connection, owner, inventory, state, report)
        if span is None:
            return None
        until = span.until
        if state is not None and span.turned_back is not None:
            cut_gaps(connection, owner, span.turned_back)
            if until <= state.until:
                state = self._turned_back(connection, owner, state.cycle_id, until - 1)
        held = {} if state is None else state.held
        comparison = compare(held, inventory.resources, until)
        missing = comparison.missing
        returned = _returned(connection, owner, missing)
        fresh = _numbered(connection, (key for key in missing if key not in returned))
        planned = plan(comparison, returned | fresh, state, until, span.observed)
        _write_resources(connection, owner, planned, frozenset(returned.values()))
        write_intervals(connection, closed=planned.closed, opened=planned.opened)
        add_days(connection, *owner, planned.accrual.days())
        write_gap(connection, owner, planned.accrual, span)
        _write_account(connection, owner, inventory, cycle_id=cycle_id, until=until)
        return AccountState(cycle_id=cycle_id, until=until, held=planned.held)

    def keep(self, inventory: Inventory, state: AccountState) -> None:
        """Remember what has been committed."""
        owner = (storable_key(inventory.account), storable_key(inventory.provider))
        self._states[owner] = state

    def _state(self, connection: Connection, owner: tuple[str, str]) -> AccountState | None:
        row = connection.execute(
            select(account.c.cycle_id, type_coerce(account.c.accrued_until, BigInteger)).where(
                account.c.account == owner[0], account.c.provider == owner[1]
            )
        ).first()
        if row is None:
            return None
        cycle_id, until = row
        known = self._states.get(owner)
        if known is not None and known.cycle_id == cycle_id:
            return known
        return AccountState(cycle_id=cycle_id, until=until, held=_held(connection, owner))

    def _span(
        self,
        connection: Connection,
        owner: tuple[str, str],
        inventory: Inventory,
        state: AccountState | None,
        report: PollReport,
    ) -> Span | None:
        observed = to_micros(inventory.observed_at)
        if state is None:
            return Span(until=observed, observed=None)
        span = span_between(state.until, observed, report, to_micros(self._clock.now()))
        if span is not None and span.gap is not None and span.reason == "clock":
            span = _without_seen(connection, owner, span, span.gap)
        if span is not None and (span.turned_back is not None or span.gap is not None):
            self._log.warning(
                "store.history_gap",
                account=inventory.account,
                reason="clock" if span.turned_back is not None else span.reason,
                observed_at=inventory.observed_at.isoformat(),
                history_until=from_micros(state.until).isoformat(),
                not_observed_s=0 if span.gap is None else (span.gap[1] - span.gap[0]) // 1_000_000,
            )
        return span

    @staticmethod
    def _turned_back(
        connection: Connection, owner: tuple[str, str], cycle_id: str, moment: int
    ) -> AccountState:
        """Take an account's intervals back to a moment: they were written by a clock ahead."""
        at, table = from_micros(moment), rate_interval.c
        mine = table.resource_id.in_(
            select(resource.c.id).where(
                resource.c.account == owner[0], resource.c.provider == owner[1]
            )
        )
        connection.execute(
            delete(rate_interval).where(mine, table.valid_to.is_not(None), table.valid_from >= at)
        )
        connection.execute(
            update(rate_interval).where(mine, table.valid_from > at).values(valid_from=at)
        )
        connection.execute(
            update(rate_interval).where(mine, table.valid_to > at).values(valid_to=at)
        )
        return AccountState(cycle_id=cycle_id, until=moment, held=_held(connection, owner))


def _without_seen(
    connection: Connection, owner: tuple[str, str], span: Span, gap: tuple[int, int]
) -> Span:
    """Leave out of a gap what was seen before the clock was set back and forward again."""
    table = poll_cycle.c
    seen = connection.execute(
        select(func.max(table.observed_at)).where(
            table.account == owner[0],
            table.provider == owner[1],
            table.outcome == "good",
            table.observed_at < from_micros(span.until),
        )
    ).scalar()
    start = gap[0] if seen is None else max(gap[0], to_micros(seen))
    return span._replace(gap=(start, gap[1]) if start < gap[1] else None)


def _held(connection: Connection, owner: tuple[str, str]) -> dict[Key, Held]:
    return {
        (seen.kind, seen.id): Held(
            row=row.resource_id,
            position=row.position,
            valid_from=to_micros(row.valid_from),
            monthly=None if row.monthly is None else to_nano(row.monthly),
            resource=seen,
            group=group_of(seen),
        )
        for row, seen in open_resources(connection, owner)
    }


def _returned(
    connection: Connection, owner: tuple[str, str], missing: Sequence[Key]
) -> dict[Key, int]:
    """Find the rows of resources that were there before, vanished and are back."""
    wanted = frozenset(missing)
    rows: dict[Key, int] = {}
    for start in range(0, len(missing), _LOOKUP):
        ids = [vendor_id for _, vendor_id in missing[start : start + _LOOKUP]]
        found = connection.execute(
            select(resource.c.kind, resource.c.vendor_id, resource.c.id).where(
                resource.c.account == owner[0],
                resource.c.provider == owner[1],
                resource.c.vendor_id.in_(ids),
            )
        )
        rows |= {(kind, name): row for kind, name, row in found if (kind, name) in wanted}
    return rows


def _numbered(connection: Connection, fresh: Iterable[Key]) -> dict[Key, int]:
    """Give new resources their rows; without a sequence, for the fence admits one writer."""
    last = connection.execute(select(func.max(resource.c.id))).scalar() or 0
    return {key: last + n for n, key in enumerate(fresh, start=1)}


def _write_resources(
    connection: Connection, owner: tuple[str, str], planned: Plan, returned: Collection[int]
) -> None:
    fresh = [_columns(owner, held) for held in planned.appeared if held.row not in returned]
    if fresh:
        connection.execute(insert(resource), fresh)
    back = [held for held in planned.appeared if held.row in returned]
    revised = [
        {f"new_{name}": value for name, value in _columns(owner, held).items()}
        for held in (*back, *planned.described)
    ]
    if revised:
        names = [column.name for column in resource.c if not column.primary_key]
        connection.execute(
            update(resource)
            .where(resource.c.id == bindparam("new_id"))
            .values({name: bindparam(f"new_{name}") for name in names}),
            revised,
        )
    if planned.moved:
        connection.execute(
            update(resource)
            .where(resource.c.id == bindparam("row"))
            .values(position=bindparam("place")),
            [{"row": row, "place": place} for place, row in planned.moved],
        )


def _columns(owner: tuple[str, str], held: Held) -> dict[str, object]:
    return row_values(held.resource) | {
        "id": held.row,
        "account": owner[0],
        "provider": owner[1],
        "position": held.position,
    }


def _write_account(
    connection: Connection,
    owner: tuple[str, str],
    inventory: Inventory,
    *,
    cycle_id: str,
    until: int,
) -> None:
    values = {
        "cycle_id": cycle_id,
        "observed_at": inventory.observed_at,
        "accrued_until": from_micros(until),
        "gaps": pack_gaps(inventory),
        "not_priced": pack_not_priced(inventory),
        "balance": pack_balance(inventory),
        "failed": pack_failed(inventory),
    }
    here = and_(account.c.account == owner[0], account.c.provider == owner[1])
    if connection.execute(select(account.c.cycle_id).where(here)).first() is None:
        connection.execute(insert(account).values(account=owner[0], provider=owner[1], **values))
    else:
        connection.execute(update(account).where(here).values(**values))
