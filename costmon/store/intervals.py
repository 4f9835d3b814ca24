"""What a good cycle changes in the rate intervals. Pure: the ledger writes it.

Rules, between two consecutive good cycles of one account:

- a resource seen in both cost its older rate; a changed rate holds from the later cycle on;
- one that vanished ended when it was last seen;
- a new one began when the vendor says it was created, if that lies between the two cycles, else
  at this observation;
- an unknown price accrues nothing and is counted as unpriced.

Failed cycles in between change nothing: the intervals run on. How much of the time between the two
counts as observed is decided in `costmon.store.gaps`.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from costmon.domain.money import to_nano
from costmon.domain.resource import Resource
from costmon.store.accrual import Accrual, Group, group_of
from costmon.store.columns import to_micros
from costmon.store.positions import positions
from costmon.store.resources import cleaned

LARGEST_MONTHLY_NANO = 10**16
"""Ten million a month: a higher price is an error in the vendor's response, and sums must fit."""
_TOO_DEAR = "price beyond what history can hold"

_COST = Resource._fields.index("monthly_cost")

Key = tuple[str, str]
"""Kind and vendor's id, within one account."""


class Held(NamedTuple):
    """A resource with an open interval.

    Attributes:
        row: Its id in the resource table.
        position: Its place in the vendor's order.
        valid_from: When its present rate began, microseconds.
        monthly: That rate, nano-units; `None` when the price is unknown.
        resource: As it was last seen, in storable text.
        group: Whose figures it adds to.
    """

    row: int
    position: int
    valid_from: int
    monthly: int | None
    resource: Resource
    group: Group


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """What the next cycle of an account is compared with.

    Attributes:
        cycle_id: Its last good cycle.
        until: When that was, microseconds.
        held: Its resources in the vendor's order.
    """

    cycle_id: str
    until: int
    held: Mapping[Key, Held]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What was seen, in the vendor's order, beside what is held.

    Attributes:
        now: What is held from now on; the resource itself where it has no row yet.
        described: Of those held before, the ones with news other than the rate.
    """

    now: Mapping[Key, Held | Resource]
    described: frozenset[Key]

    @property
    def missing(self) -> list[Key]:
        """Return which resources need a row."""
        return [key for key, it in self.now.items() if not isinstance(it, Held)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything a good cycle writes about resources.

    Attributes:
        appeared: Resources without an open interval until now.
        described: Known ones with news other than the rate.
        moved: (position, row) of the others whose place in the order changed.
        closed: (valid_to, row, valid_from) of the intervals that end.
        opened: (row, valid_from, monthly, currency) of those that begin.
        accrual: What was accrued since the last good cycle.
        held: The resources after this cycle.
    """

    appeared: tuple[Held, ...]
    described: tuple[Held, ...]
    moved: tuple[tuple[int, int], ...]
    closed: tuple[tuple[int, int, int], ...]
    opened: tuple[tuple[int, int, int | None, str], ...]
    accrual: Accrual
    held: Mapping[Key, Held]


def compare(held: Mapping[Key, Held], resources: Iterable[Resource], until: int) -> Comparison:
    """Compare what is seen at `until` with what is held.

    Of two resources with one id (a page that shifted while it was read) the first counts.
    """
    now: dict[Key, Held | Resource] = {}
    described: set[Key] = set()
    for seen in resources:
        key = (seen.kind, seen.id)
        resource = seen
        known = held.get(key)
        # What is held is clean; so is what differs from it in nothing but the rate.
        clean = known is not None and _same_description(known.resource, seen)
        if not clean:
            resource = cleaned(seen)
            key = (resource.kind, resource.id)
            known = held.get(key)
        if key in now:
            continue
        priced, monthly = _priced(resource)
        if known is None:
            now[key] = priced
        elif clean and priced is resource:
            # Written out, for ten thousand new prices come this way.
            now[key] = (
                known
                if monthly == known.monthly
                else Held(known.row, known.position, until, monthly, resource, known.group)
            )
        elif priced == known.resource:
            now[key] = known
        else:
            now[key] = _revised(known, priced, monthly, until)
            if not _same_description(known.resource, priced):
                described.add(key)
    return Comparison(now=now, described=frozenset(described))


def plan(
    comparison: Comparison,
    rows: Mapping[Key, int],
    state: AccountState | None,
    until: int,
    observed: tuple[int, int] | None,
) -> Plan:
    """Return what a good cycle changes.

    Args:
        comparison: What was seen, from `compare`.
        rows: The row of every resource that is not held.
        state: The account's last good cycle; `None` when this is the first.
        until: When this cycle observed, microseconds, later than the last one.
        observed: What of the time between the two counts as observed.
    """
    since = None if state is None else state.until
    before: Mapping[Key, Held] = {} if state is None else state.held
    accrual = Accrual(observed=observed, until=until)
    places = positions(
        [it.position if isinstance(it, Held) else None for it in comparison.now.values()]
    )
    appeared: list[Held] = []
    moved: list[tuple[int, int]] = []
    closed: list[tuple[int, int, int]] = []
    opened: list[tuple[int, int, int | None, str]] = []
    held: dict[Key, Held] = {}
    for (key, it), place in zip(comparison.now.items(), places, strict=True):
        if isinstance(it, Held):
            now, known = it, before[key]
            if now is known:
                accrual.steady[now.group].add(now.monthly, whole=now.resource.unpriced is None)
            else:
                accrual.carried[known.group].add(
                    known.monthly, whole=known.resource.unpriced is None
                )
                accrual.seen[now.group].add(now.monthly, whole=now.resource.unpriced is None)
                if now.valid_from != known.valid_from:
                    closed.append((until, known.row, known.valid_from))
                    opened.append((now.row, until, now.monthly, now.resource.currency))
            if place != now.position:
                now = now._replace(position=place)
                moved.append((place, now.row))
        else:
            start = _start(it.created_at, since, until)
            now = Held(rows[key], place, start, _priced(it)[1], it, group_of(it))
            appeared.append(now)
            opened.append((now.row, start, now.monthly, it.currency))
            accrual.started.append((start, now.group, now.monthly, it.unpriced is None))
            accrual.seen[now.group].add(now.monthly, whole=it.unpriced is None)
        held[key] = now
    if state is not None:
        closed += (
            (state.until, gone.row, gone.valid_from)
            for key, gone in before.items()
            if key not in held
        )
    return Plan(
        appeared=tuple(appeared),
        described=tuple(held[key] for key in comparison.described),
        moved=tuple(moved),
        closed=tuple(closed),
        opened=tuple(opened),
        accrual=accrual,
        held=held,
    )


def _revised(known: Held, resource: Resource, monthly: int | None, until: int) -> Held:
    """Return what is held from now on; `valid_from` moves only with a new rate."""
    before = known.resource
    same_rate = monthly == known.monthly and resource.currency == before.currency
    same_group = resource.region == before.region and resource.currency == before.currency
    return Held(
        known.row,
        known.position,
        known.valid_from if same_rate else until,
        monthly,
        resource,
        known.group if same_group else group_of(resource),
    )


def _same_description(one: Resource, other: Resource) -> bool:
    """Return whether two resources differ in their cost at most."""
    return one[:_COST] == other[:_COST] and one[_COST + 1 :] == other[_COST + 1 :]


def _start(created_at: dt.datetime | None, since: int | None, until: int) -> int:
    if created_at is None or since is None:
        return until
    created = to_micros(created_at)
    return created if since < created < until else until


@lru_cache(maxsize=4096)
def _nano(cost: Decimal) -> int:
    """Round as `to_nano` does; thousands of resources share the few prices of a list."""
    return to_nano(cost)


def _priced(resource: Resource) -> tuple[Resource, int | None]:
    """Return the rate in nano-units, and the resource without one that cannot be held."""
    cost = resource.monthly_cost
    if cost is None:
        return resource, None
    if cost.is_finite() and abs(nano := _nano(cost)) <= LARGEST_MONTHLY_NANO:
        return resource, nano
    return resource._replace(monthly_cost=None, unpriced=resource.unpriced or _TOO_DEAR), None
