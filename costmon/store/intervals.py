"""What a good cycle changes in the rate intervals. Pure: the ledger writes it.

Rules, between two consecutive good cycles of one account:

- a resource seen in both cost its older rate; a changed rate holds from the later cycle on;
- one that vanished ended when it was last seen;
- a new one began when the vendor says it was created, if that lies between the two cycles, else
  at this observation;
- an unknown price accrues nothing and is counted as unpriced.

Failed cycles in between change nothing: the intervals run on.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.money import to_nano
from costmon.domain.resource import Resource
from costmon.store.accrual import Accrual, group_of
from costmon.store.columns import to_micros
from costmon.store.positions import positions
from costmon.store.text import cleaned

LARGEST_MONTHLY_NANO = 10**16
"""Ten million a month: a dearer resource is a fault of the vendor's answer, and sums must fit."""
_TOO_DEAR = "price beyond what history can hold"

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
    """

    row: int
    position: int
    valid_from: int
    monthly: int | None
    resource: Resource


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


Aligned = Mapping[Key, tuple[Resource, Held | None]]


def align(held: Mapping[Key, Held], resources: Iterable[Resource]) -> Aligned:
    """Pair what was seen, in storable text, with what is held.

    Of two resources with one id (a page that shifted while it was read) the first counts.
    """
    aligned: dict[Key, tuple[Resource, Held | None]] = {}
    for seen in resources:
        resource = seen
        key = (seen.kind, seen.id)
        known = held.get(key)
        if known is None or known.resource != seen:
            resource = _bounded(cleaned(seen))
            key = (resource.kind, resource.id)
            known = held.get(key)
        aligned.setdefault(key, (resource, known))
    return aligned


def plan(aligned: Aligned, rows: Mapping[Key, int], state: AccountState | None, until: int) -> Plan:
    """Compare a good cycle with the one before it.

    Args:
        aligned: What was seen, from `align`.
        rows: The row of every resource that is not held.
        state: The account's last good cycle; `None` when this is the first.
        until: When this cycle observed, microseconds, later than the last one.
    """
    since = None if state is None else state.until
    accrual = Accrual(since=since, until=until)
    places = positions([known.position if known else None for _, known in aligned.values()])
    appeared: list[Held] = []
    described: list[Held] = []
    moved: list[tuple[int, int]] = []
    closed: list[tuple[int, int, int]] = []
    opened: list[tuple[int, int, int | None, str]] = []
    held: dict[Key, Held] = {}
    for (key, (resource, known)), place in zip(aligned.items(), places, strict=True):
        group, whole = group_of(resource), resource.unpriced is None
        if known is None:
            monthly = _nano(resource.monthly_cost)
            start = _start(resource.created_at, since, until)
            now = Held(rows[key], place, start, monthly, resource)
            appeared.append(now)
            opened.append((now.row, start, monthly, resource.currency))
            accrual.started.append((start, group, monthly, whole))
        else:
            before = known.resource
            accrual.carried[group_of(before)].add(known.monthly, whole=before.unpriced is None)
            now = known
            if resource != before:
                now = _revised(known, resource, until)
                if now.valid_from == until:
                    closed.append((until, known.row, known.valid_from))
                    opened.append((now.row, until, now.monthly, resource.currency))
                if _description(resource) != _description(before):
                    described.append(now._replace(position=place))
            if place != known.position:
                now = now._replace(position=place)
                moved.append((place, now.row))
        accrual.seen[group].add(now.monthly, whole=whole)
        held[key] = now
    if state is not None:
        closed += (
            (state.until, gone.row, gone.valid_from)
            for key, gone in state.held.items()
            if key not in aligned
        )
    return Plan(
        appeared=tuple(appeared),
        described=tuple(described),
        moved=tuple(moved),
        closed=tuple(closed),
        opened=tuple(opened),
        accrual=accrual,
        held=held,
    )


def _revised(known: Held, resource: Resource, until: int) -> Held:
    """Return what is held of a resource with news; the rate's own begin only with a new rate."""
    monthly = _nano(resource.monthly_cost)
    if (monthly, resource.currency) == (known.monthly, known.resource.currency):
        return known._replace(resource=resource)
    return known._replace(resource=resource, monthly=monthly, valid_from=until)


def _description(resource: Resource) -> Resource:
    return resource._replace(monthly_cost=None)


def _start(created_at: dt.datetime | None, since: int | None, until: int) -> int:
    if created_at is None or since is None:
        return until
    created = to_micros(created_at)
    return created if since < created < until else until


def _nano(monthly_cost: Decimal | None) -> int | None:
    return None if monthly_cost is None else to_nano(monthly_cost)


def _bounded(resource: Resource) -> Resource:
    cost = resource.monthly_cost
    if cost is None or (cost.is_finite() and abs(to_nano(cost)) <= LARGEST_MONTHLY_NANO):
        return resource
    return resource._replace(monthly_cost=None, unpriced=resource.unpriced or _TOO_DEAR)
