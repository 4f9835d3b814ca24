"""What a reader of a projection has to know: whole sentences, the gravest first."""

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

from costmon.domain.money import shown
from costmon.meter.projection.demand import Workers
from costmon.meter.projection.measured import Measured
from costmon.meter.projection.values import Fleet, RouteCost
from costmon.pricing.instances.instance import RegionPrices
from costmon.pricing.instances.prices import is_stale

FEW = 100
"""Requests below which little can be said."""

_MOST_NAMED = 5
_LOW_ATTRIBUTED = 0.8
_MUCH_BACKGROUND = 5
_ARM = "arm64"


class Matter(NamedTuple):
    """What notes are written about.

    Attributes:
        prices: That were used.
        prices_as_of: The day of the oldest of them.
        today: The day, for their age.
        measured: What was projected.
        workers: What the application's processes are like.
        fleet: The machines for all routes.
        routes: All of them, with their costs.
        attributed_ratio: Share of the CPU that is in routes.
        is_cramped: Whether no process has room in a machine.
        is_pinned: Whether the type of machine was given.
        sample: CPU was measured for 1 in so many requests.
    """

    prices: RegionPrices
    prices_as_of: dt.date
    today: dt.date
    measured: Measured
    workers: Workers
    fleet: Fleet
    routes: Sequence[RouteCost]
    attributed_ratio: float | None
    is_cramped: bool
    is_pinned: bool
    sample: int


def notes_on(matter: Matter) -> tuple[str, ...]:
    """Return what has to be known, the gravest first; nothing when all is well."""
    return (
        *_on_budgets(matter.routes),
        *_on_measuring(matter),
        *_on_machines(matter),
        *_on_prices(matter),
    )


def _on_budgets(routes: Sequence[RouteCost]) -> Iterator[str]:
    over = [route for route in routes if route.over_budget]
    for route in over[:_MOST_NAMED]:
        yield (
            f"{route.method} {route.route} would cost ${shown(route.monthly_usd)} a month, above "
            f"its budget of ${shown(route.budget_usd or Decimal(0))}."
        )
    if len(over) > _MOST_NAMED:
        yield f"{len(over) - _MOST_NAMED} more routes are above their budgets."


def _on_measuring(matter: Matter) -> Iterator[str]:
    measured = matter.measured
    if measured.requests < FEW:
        yield (
            f"Only {measured.requests} requests were measured after the warm-up: below {FEW} "
            "little can be said."
        )
    guessed = [route.name for route in measured.routes if route.is_guessed]
    if guessed:
        more = f" and {len(guessed) - 1} more routes" if len(guessed) > 1 else ""
        yield (
            f"No CPU was measured for {guessed[0]}{more}, since only 1 request in "
            f"{matter.sample} is: the mean of what was measured is taken."
        )
    spent_ns = measured.attributed_ns + measured.request_residual_ns + measured.background_ns
    if measured.background_ns * _MUCH_BACKGROUND > spent_ns:
        yield (
            f"{_percent(measured.background_ns, spent_ns)} of the CPU is taken for what the "
            "process does without requests, since it was nearly idle: measure under load."
        )
    elif matter.attributed_ratio is not None and matter.attributed_ratio < _LOW_ATTRIBUTED:
        yield (
            f"{1 - matter.attributed_ratio:.0%} of the CPU is in no route (server, native "
            "threads): it is spread over the routes by their requests."
        )


def _on_machines(matter: Matter) -> Iterator[str]:
    fleet = matter.fleet
    name = fleet.instance.name
    if matter.is_cramped:
        yield f"One process uses more memory than a {name} has; no type that may be used fits."
    if not matter.workers.rss_bytes:
        yield "The memory of a process could not be read: machines are sized without it."
    if fleet.binding == "workers" and matter.workers.at_once:
        yield (
            f"Sized for requests that wait: one process was seen to work on "
            f"{matter.workers.at_once} at once. If it can do more, measure under load."
        )
    if fleet.instance.arch == _ARM and not matter.is_pinned:
        yield f"{name} has Arm processors: name another instance if the application needs x86."


def _on_prices(matter: Matter) -> Iterator[str]:
    prices = matter.prices
    if is_stale(matter.prices_as_of, matter.today):
        age = (matter.today - matter.prices_as_of).days
        yield (
            f"The oldest price used is {age} days old ({matter.prices_as_of}): newer ones can be "
            "read with `costmon prices import`."
        )
    if not prices.egress and any(route.bytes_out_mean for route in matter.routes):
        yield (
            f"The price of traffic from {prices.provider} {prices.region} is not known: it is not "
            "in these figures."
        )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"
