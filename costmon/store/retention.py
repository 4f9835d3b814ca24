"""Delete history that is older than its retention."""

import datetime as dt
import math
from dataclasses import dataclass

from sqlalchemy import Delete, Engine, delete, exists, select, tuple_

from costmon.store.charge_schema import charge_restatement, charge_revision
from costmon.store.fence import hold_all
from costmon.store.schema import (
    daily_coverage,
    daily_rollup,
    guard_seen,
    guard_spend,
    history_gap,
    poll_cycle,
    rate_interval,
    resource,
    spend_bucket,
)
from costmon.store.schema import finding as finding_table

_BATCH = 2_000
"""Rows a transaction: a recording waits for milliseconds, not for a year's worth of deleting."""
_LATE_DAYS = 1
"""Guards' rows are kept for so long after new copies of them are no longer taken: a copy that came
once its row is forgotten would be counted twice, also when our clock is set back."""
_BUCKET_DAYS = 2
_FINDING_DAYS = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """For how many days each table is kept; `math.inf` is for ever.

    Attributes:
        cycles: Rows of poll cycles. The last good one of an account is known for ever.
        intervals: Closed rate intervals, by their end; an open one is never forgotten.
        rollups: Daily roll-ups, and gaps in them.
        guard_spend: Rows that guards reported, and guards that have not been seen since. What the
            rows add up to is known for ever.
        charge_revisions: What charges were before vendors changed them, and by how much days were
            restated. Charges themselves are known for ever.
    """

    cycles: float = 400
    intervals: float = 800
    rollups: float = math.inf
    guard_spend: float = 400
    charge_revisions: float = 400


def prune(engine: Engine, now: dt.datetime, retention: Retention) -> dict[str, int]:
    """Delete what is too old, in batches, and return how many rows of which table went.

    Resources go with their last interval. Each batch keeps the fenced writers out, so that none
    gives a new interval to a resource that is just being forgotten.
    """
    removed = {}
    if (cut := cut_of(now, retention.cycles)) is not None:
        removed["poll_cycle"] = _repeat(engine, _cycles_before(cut))
    if (cut := cut_of(now, retention.intervals)) is not None:
        removed["rate_interval"] = _repeat(engine, _intervals_before(cut))
        removed["resource"] = _repeat(engine, _resources_without_intervals())
    if (cut := cut_of(now, retention.rollups)) is not None:
        removed["daily_rollup"] = _once(
            engine, delete(daily_rollup).where(daily_rollup.c.day < cut.date())
        )
        removed["daily_coverage"] = _once(
            engine, delete(daily_coverage).where(daily_coverage.c.day < cut.date())
        )
        removed["history_gap"] = _once(
            engine, delete(history_gap).where(history_gap.c.ended_at < cut)
        )
    if (cut := cut_of(now, retention.guard_spend + _LATE_DAYS)) is not None:
        removed["guard_spend"] = _repeat(engine, _spend_before(cut))
        removed["guard_seen"] = _repeat(engine, _guards_before(cut))
    for table, days, statement in (
        ("spend_bucket", _BUCKET_DAYS, _buckets_before),
        ("finding", _FINDING_DAYS, _findings_before),
    ):
        cut = cut_of(now, days)
        if cut is not None and (rows := _repeat(engine, statement(cut))):
            removed[table] = rows
    if (cut := cut_of(now, retention.charge_revisions)) is not None:
        removed["charge_revision"] = _repeat(engine, _revisions_before(cut))
        removed["charge_restatement"] = _repeat(engine, _restatements_before(cut))
    return removed


def cut_of(now: dt.datetime, days: float) -> dt.datetime | None:
    """Return the moment before which rows go; `None` when that is before all time."""
    try:
        return now.astimezone(dt.UTC) - dt.timedelta(days=days)
    except OverflowError:
        return None


def _spend_before(cut: dt.datetime) -> Delete:
    key = (guard_spend.c.store, guard_spend.c.hour, guard_spend.c.scope, guard_spend.c.activity)
    batch = select(*key).where(guard_spend.c.hour < cut).limit(_BATCH)
    return delete(guard_spend).where(tuple_(*key).in_(batch))


def _buckets_before(cut: dt.datetime) -> Delete:
    key = (spend_bucket.c.scope, spend_bucket.c.unit, spend_bucket.c.ends_at)
    batch = select(*key).where(spend_bucket.c.ends_at < cut).limit(_BATCH)
    return delete(spend_bucket).where(tuple_(*key).in_(batch))


def _findings_before(cut: dt.datetime) -> Delete:
    table = finding_table.c
    batch = select(table.id).where(table.changed_at < cut, table.state == "resolved").limit(_BATCH)
    return delete(finding_table).where(table.id.in_(batch))


def _guards_before(cut: dt.datetime) -> Delete:
    batch = select(guard_seen.c.guard).where(guard_seen.c.seen_at < cut).limit(_BATCH)
    return delete(guard_seen).where(guard_seen.c.guard.in_(batch))


def _revisions_before(cut: dt.datetime) -> Delete:
    key = charge_revision.primary_key.columns
    batch = select(*key).where(charge_revision.c.replaced_at < cut).limit(_BATCH)
    return delete(charge_revision).where(tuple_(*key).in_(batch))


def _restatements_before(cut: dt.datetime) -> Delete:
    table = charge_restatement.c
    batch = select(table.id).where(table.observed_at < cut).limit(_BATCH)
    return delete(charge_restatement).where(table.id.in_(batch))


def _cycles_before(cut: dt.datetime) -> Delete:
    batch = select(poll_cycle.c.id).where(poll_cycle.c.observed_at < cut).limit(_BATCH)
    return delete(poll_cycle).where(poll_cycle.c.id.in_(batch))


def _intervals_before(cut: dt.datetime) -> Delete:
    key = (rate_interval.c.resource_id, rate_interval.c.valid_from)
    batch = select(*key).where(rate_interval.c.valid_to < cut).limit(_BATCH)
    return delete(rate_interval).where(tuple_(*key).in_(batch))


def _resources_without_intervals() -> Delete:
    used = exists().where(rate_interval.c.resource_id == resource.c.id)
    batch = select(resource.c.id).where(~used).limit(_BATCH)
    return delete(resource).where(resource.c.id.in_(batch))


def _repeat(engine: Engine, statement: Delete) -> int:
    total = 0
    while removed := _once(engine, statement):
        total += removed
    return total


def _once(engine: Engine, statement: Delete) -> int:
    with engine.begin() as connection:
        hold_all(connection)
        return connection.execute(statement).rowcount
