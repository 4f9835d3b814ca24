"""Write the notes on a projection: full sentences, most serious first."""

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
"""Below this many requests a projection is not reliable."""

_MOST_NAMED = 5
_LOW_ATTRIBUTED = 0.8
_MUCH_BACKGROUND = 5
_ARM = "arm64"


class Matter(NamedTuple):
    """The facts that notes are derived from.

    Attributes:
        prices: The prices used.
        prices_as_of: The day of the oldest of them.
        today: The current date, for the age of prices.
        measured: The recording that was projected.
        workers: Memory and concurrency of the application's processes.
        fleet: The machines for all routes.
        routes: All routes, with their costs.
        attributed_ratio: Share of the CPU that was attributed to routes.
        is_cramped: Whether a process needs more memory than any machine has.
        is_pinned: Whether the options name the instance type.
        sample: CPU was measured for 1 in `sample` requests.
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
    """Return the notes, most serious first; empty if there is nothing to report."""
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
            f"{route.method} {route.route} would cost ${shown(route.monthly_usd)} a month, over "
            f"its budget of ${shown(route.budget_usd or Decimal(0))}."
        )
    if len(over) > _MOST_NAMED:
        yield f"{len(over) - _MOST_NAMED} more routes are over budget."


def _on_measuring(matter: Matter) -> Iterator[str]:
    measured = matter.measured
    if measured.requests < FEW:
        yield (
            f"Only {measured.requests} requests were measured after the warm-up: with fewer than "
            f"{FEW}, figures are not reliable."
        )
    guessed = [route.name for route in measured.routes if route.is_guessed]
    if guessed:
        more = f" and {len(guessed) - 1} more routes" if len(guessed) > 1 else ""
        yield (
            f"No CPU was measured for {guessed[0]}{more}, since only 1 request in "
            f"{matter.sample} is sampled: the average of the measured routes is used."
        )
    spent_ns = measured.attributed_ns + measured.request_residual_ns + measured.background_ns
    if measured.background_ns * _MUCH_BACKGROUND > spent_ns:
        yield (
            f"{_percent(measured.background_ns, spent_ns)} of the CPU is assumed to be "
            "background work, since the process was nearly idle: measure under load."
        )
    elif matter.attributed_ratio is not None and matter.attributed_ratio < _LOW_ATTRIBUTED:
        yield (
            f"{1 - matter.attributed_ratio:.0%} of the CPU was not attributed to a route "
            "(server, native threads): it is divided among routes by number of requests."
        )


def _on_machines(matter: Matter) -> Iterator[str]:
    fleet = matter.fleet
    name = fleet.instance.name
    if matter.is_cramped:
        yield f"One process uses more memory than a {name} has, and no other allowed type fits."
    if not matter.workers.rss_bytes:
        yield "The memory use of a process could not be read, so it is ignored in sizing machines."
    if fleet.binding == "workers" and matter.workers.at_once:
        yield (
            f"The number of machines follows from concurrent requests: one process handled at most "
            f"{matter.workers.at_once} at once. If it can handle more, measure under load."
        )
    if fleet.instance.arch == _ARM and not matter.is_pinned:
        yield f"{name} has Arm processors: set another instance type if the application needs x86."


def _on_prices(matter: Matter) -> Iterator[str]:
    prices = matter.prices
    if prices.machines_of:
        yield (
            f"Prices of {prices.provider} {prices.region} are not known: those of machines in "
            f"{prices.machines_of} are used. Add your region with `costmon prices import`."
        )
    if is_stale(matter.prices_as_of, matter.today):
        age = (matter.today - matter.prices_as_of).days
        yield (
            f"The oldest price used is {age} days old ({matter.prices_as_of}): update prices with "
            "`costmon prices import`."
        )
    if not prices.egress and any(route.bytes_out_mean for route in matter.routes):
        yield (
            f"The price of traffic from {prices.provider} {prices.region} is not known, so traffic "
            "is not included in these figures."
        )


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}"
