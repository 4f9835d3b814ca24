"""Fold what pollers report into the published current costs. Pure: values in, a value out."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from operator import attrgetter

from costmon.domain.period import month_of
from costmon.domain.poll import (
    PollFailure,
    PollReport,
    ReadingKey,
    ReadingKind,
    StoredReading,
)
from costmon.domain.resource import Gap, Inventory, KindFailure
from costmon.domain.usage import UsageReading
from costmon.state import readings as reading_states
from costmon.state.accounts import CURRENCY, totals_of, totals_over
from costmon.state.changes import changes
from costmon.state.estimate import Sums
from costmon.state.readings import ReadingState
from costmon.state.usage import has_frozen
from costmon.state.value import AccountState, Snapshot

BALANCE = "balance"
"""The kind under which a provider says that the vendor's own month-to-date could not be read."""

_FROZEN = (
    "{account}: everything that was in use reads 0 at once and nothing was reset; the last figures "
    "are kept until the vendor's move again"
)

_kind = attrgetter("kind")
_PAIR_INTERVAL_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is known of an account when the service starts.

    Attributes:
        name: The account's name.
        provider: The vendor's slug.
        intervals: Seconds between two reads, by the readings that the vendor has.
        missing: Variables that are needed and not set.
        off_because: Why the account is not read; `None`: it is.
        gaps: What the charges that are recorded could not see.
    """

    name: str
    provider: str
    intervals: Mapping[ReadingKind, float]
    missing: tuple[str, ...] = ()
    off_because: str | None = None
    gaps: tuple[Gap, ...] = ()


def first(
    accounts: Sequence[tuple[str, str] | Start],
    restored: Mapping[str, Inventory],
    *,
    now: dt.datetime,
    demo: bool,
    stored: Mapping[ReadingKey, StoredReading] | None = None,
) -> Snapshot:
    """Return the snapshot that a service starts with.

    Args:
        accounts: Every configured account, in the configuration's order; a pair of name and
            provider is one that has an inventory only.
        restored: The last good inventory of each account that history knows, by account name.
            What it says is stale until a poll confirms it.
        now: Aware UTC.
        demo: The vendor is simulated.
        stored: What is known of the readings of an earlier process.
    """
    starts = (
        it
        if isinstance(it, Start)
        else Start(name=it[0], provider=it[1], intervals={"inventory": _PAIR_INTERVAL_S})
        for it in accounts
    )
    states = tuple(
        _unpolled(start, restored.get(start.name), stored or {}, now) for start in starts
    )
    blank = Snapshot(
        sequence=0,
        published_at=now,
        as_of=None,
        accounts=(),
        totals=None,
        demo=demo,
    )
    return _published(blank, states, now)


def fetched(
    snapshot: Snapshot, report: PollReport, inventory: Inventory, now: dt.datetime
) -> Snapshot:
    """Fold in an inventory; a cycle folded in already changes nothing.

    Kinds that could not be read keep what was known of them, stale.

    Raises:
        ValueError: No configured account has the report's name, or it has no such reading.
    """
    account, reading = _find(snapshot, report)
    if reading.last_cycle_id == report.cycle_id:
        return snapshot
    seen, compared = _with_kept(account.inventory, inventory)
    found = changes(account.inventory, compared)
    state = replace(
        _with_inventory(account, seen, now),
        restored=False,
        changes=found or account.changes,
        changed_at=inventory.observed_at if found else account.changed_at,
    )
    ended = reading_states.went_well(
        reading,
        report,
        observed_at=inventory.observed_at,
        complete_through=inventory.observed_at,
        gaps=inventory.gaps,
    )
    return _published(snapshot, _replaced(snapshot.accounts, _with(state, ended)), now)


def used(snapshot: Snapshot, report: PollReport, usage: UsageReading, now: dt.datetime) -> Snapshot:
    """Fold in a usage; one that falls from use to all zero is kept out and called frozen.

    Raises:
        ValueError: No configured account has the report's name, or it has no such reading.
    """
    account, reading = _find(snapshot, report)
    if reading.last_cycle_id == report.cycle_id:
        return snapshot
    failure = reading.failure
    since = reading.failing_since if failure and failure.reason == "frozen" else None
    if has_frozen(account.usage, usage, since):
        frozen = PollFailure(
            reason="frozen",
            message=_FROZEN.format(account=account.name),
            failed_at=usage.observed_at,
        )
        return failed(snapshot, report, frozen, now)
    ended = reading_states.went_well(
        reading,
        report,
        observed_at=usage.observed_at,
        complete_through=usage.complete_through,
        gaps=usage.gaps,
    )
    state = _with(replace(account, usage=usage), ended)
    return _published(snapshot, _replaced(snapshot.accounts, state), now)


def charged(
    snapshot: Snapshot,
    report: PollReport,
    *,
    complete_through: dt.datetime | None,
    gaps: tuple[Gap, ...],
    now: dt.datetime,
) -> Snapshot:
    """Fold in that all charges of a cycle were read; the charges themselves go to the ledger.

    Raises:
        ValueError: No configured account has the report's name, or it has no such reading.
    """
    account, reading = _find(snapshot, report)
    if reading.last_cycle_id == report.cycle_id:
        return snapshot
    ended = reading_states.went_well(
        reading,
        report,
        observed_at=report.started_at,
        complete_through=complete_through,
        gaps=gaps,
    )
    return _published(snapshot, _replaced(snapshot.accounts, _with(account, ended)), now)


def failed(
    snapshot: Snapshot, report: PollReport, failure: PollFailure, now: dt.datetime
) -> Snapshot:
    """Fold in a cycle that failed: the last good value of that reading stays, and is stale.

    Raises:
        ValueError: No configured account has the report's name, or it has no such reading.
    """
    account, reading = _find(snapshot, report)
    if reading.last_cycle_id == report.cycle_id:
        return snapshot
    inventory = account.inventory
    same_month = inventory is not None and now < month_of(inventory.observed_at).end
    state = replace(
        _with(account, reading_states.went_wrong(reading, report, failure)),
        month_to_date_estimate=account.month_to_date_estimate if same_month else None,
        month_end_estimate=account.month_end_estimate if same_month else None,
    )
    return _published(snapshot, _replaced(snapshot.accounts, state), now)


def _find(snapshot: Snapshot, report: PollReport) -> tuple[AccountState, ReadingState]:
    for account in snapshot.accounts:
        if account.name == report.account and report.reading in account.readings:
            return account, account.readings[report.reading]
    names = ", ".join(account.name for account in snapshot.accounts)
    msg = (
        f"cycle {report.cycle_id} is about {report.reading} of {report.account!r}, which is "
        f"not one of: {names}"
    )
    raise ValueError(msg)


def _with(account: AccountState, reading: ReadingState) -> AccountState:
    return replace(account, readings={**account.readings, reading.kind: reading})


def _replaced(accounts: tuple[AccountState, ...], state: AccountState) -> tuple[AccountState, ...]:
    return tuple(state if account.name == state.name else account for account in accounts)


def _unpolled(
    start: Start,
    inventory: Inventory | None,
    stored: Mapping[ReadingKey, StoredReading],
    now: dt.datetime,
) -> AccountState:
    found = {
        kind: stored.get(ReadingKey(start.name, start.provider, kind)) for kind in start.intervals
    }
    readings = {
        kind: reading_states.unread(kind, interval_s, found[kind], now)
        for kind, interval_s in start.intervals.items()
    }
    if "charges" in readings:
        readings["charges"] = replace(readings["charges"], gaps=start.gaps)
    usage = found.get("usage")
    state = AccountState(
        name=start.name,
        provider=start.provider,
        missing=start.missing,
        off_because=start.off_because,
        readings=readings,
        inventory=None,
        totals=None,
        other_currencies=(),
        month_to_date_estimate=None,
        month_end_estimate=None,
        restored=False,
        changes=(),
        changed_at=None,
        usage=usage.usage if usage is not None else None,
    )
    if inventory is None or "inventory" not in readings:
        return state
    reading = replace(
        readings["inventory"],
        last_success_at=inventory.observed_at,
        complete_through=inventory.observed_at,
    )
    return replace(_with(_with_inventory(state, inventory, now), reading), restored=True)


def _since(known: Inventory | None, seen: Inventory) -> tuple[KindFailure, ...]:
    """Return the kinds that could not be read, each since the first time in a row."""
    before = {} if known is None else {failure.kind: failure for failure in known.failed}
    known_at = None if known is None else known.observed_at
    return tuple(
        replace(
            it,
            since=before[it.kind].since if it.kind in before else seen.observed_at,
            last_seen_at=before[it.kind].last_seen_at if it.kind in before else known_at,
        )
        for it in seen.failed
    )


def _with_kept(known: Inventory | None, seen: Inventory) -> tuple[Inventory, Inventory]:
    """Put the last good resources of the kinds that failed among those that were seen.

    Returns:
        The whole, and the part of it that can be compared with what was known: not the kinds that
        are seen for the first time because they could not be read before.
    """
    failing = {failure.kind for failure in seen.failed}
    whole = replace(seen, failed=_since(known, seen)) if failing else seen
    if failing and known is not None:
        kept = [resource for resource in known.resources if resource.kind in failing]
        place = {kind: n for n, kind in enumerate(dict.fromkeys(map(_kind, known.resources)))}
        resources = sorted((*seen.resources, *kept), key=lambda it: place.get(it.kind, len(place)))
        whole = replace(
            whole,
            resources=tuple(resources),
            balance=known.balance if BALANCE in failing else seen.balance,
        )
    if known is None or not known.failed:
        return whole, whole
    kinds = {resource.kind for resource in known.resources}
    unknown = {it.kind for it in known.failed if it.kind not in kinds}
    if not unknown:
        return whole, whole
    comparable = tuple(it for it in whole.resources if it.kind not in unknown)
    return whole, replace(whole, resources=comparable)


def _with_inventory(state: AccountState, inventory: Inventory, now: dt.datetime) -> AccountState:
    """Put an inventory in place of the last one, and sum it up."""
    resources = inventory.resources
    sums = Sums(resources, inventory.observed_at)
    same_month = now < month_of(inventory.observed_at).end
    return replace(
        state,
        inventory=inventory,
        totals=totals_of(
            sums.monthly.pop(CURRENCY, Decimal()),
            Counter(map(_kind, resources)),
            unpriced_count=sum(
                1
                for resource in resources
                if resource.monthly_cost is None or resource.unpriced is not None
            ),
        ),
        other_currencies=tuple(sorted(sums.monthly.items())),
        month_to_date_estimate=sums.so_far.get(CURRENCY, Decimal()) if same_month else None,
        month_end_estimate=sums.at_end.get(CURRENCY, Decimal()) if same_month else None,
    )


def _published(
    snapshot: Snapshot, accounts: tuple[AccountState, ...], now: dt.datetime
) -> Snapshot:
    as_of = min(
        (account.inventory.observed_at for account in accounts if account.inventory is not None),
        default=None,
    )
    # The wall clock may step back; the time of the snapshot does not.
    published_at = max(now, snapshot.published_at)
    return replace(
        snapshot,
        sequence=snapshot.sequence + 1,
        published_at=published_at,
        as_of=as_of,
        accounts=accounts,
        totals=totals_over(accounts),
    )
